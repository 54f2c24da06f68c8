"""Downloads through real proxies on loopback; `web` answers as a proxy and as a server."""

import os

import pytest
from socks_server import socks_proxy

from cifarlens.runtime.errors import UserError
from cifarlens.sources.fetch import fetch
from cifarlens.sources.proxies import find_proxy

URL = "http://cifar.example/file.bin"
UNUSED = "127.0.0.1:1"
INVALID = (
    *("foo bar", "://x", "127.0.0.1:port", "http://", "http://[::1", "http://::1:3128", "'a:1'"),
    *("socks://127.0.0.1:1080", "socks4://me:secret@127.0.0.1:1", "http://me:se#cret@127.0.0.1:1"),
)
pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture
def get(web, tmp_path, monkeypatch):
    """Downloads a URL with this variable and no other that is about proxies."""
    web.files = dict.fromkeys((URL, "/file.bin"), b"content")

    def get(url: str, variable: str, value: str) -> bytes:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv(variable, value)
        fetch(url, tmp_path / "file.bin", "do this")
        return (tmp_path / "file.bin").read_bytes()

    return get


@pytest.mark.parametrize("proxy", [UNUSED, f"socks5://{UNUSED}", *INVALID])
def test_this_machine_is_reached_without_a_proxy(proxy, web, get):
    assert get(f"{web.url}/file.bin", "http_proxy", proxy) == b"content"
    for host in ("localhost", "LOCALHOST", "a.localhost", "[::1]", "127.1.2.3", "0.0.0.0"):
        assert find_proxy(f"http://{host}:80/x") is None
    for host in ("localhost.example", "127.0.0.1.example", "10.0.0.1", "[fe80::1]"):
        assert find_proxy(f"http://{host}:80/x").variable == "http_proxy"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["", "http://", "HTTP://"])
def test_other_machines_are_reached_through_the_proxy(variable, scheme, web, get, monkeypatch):
    proxy = web.url.replace("http://", f"{scheme}me:secret@")
    assert get(URL, variable, proxy) == b"content"
    assert web.requests[0][1]["Proxy-Authorization"].startswith("Basic ")
    monkeypatch.setenv("NO_PROXY", "example")
    assert find_proxy(URL) is None


def test_a_redirect_to_this_machine_leaves_the_proxy(web, get):
    web.faults = [web.status(302, Location=f"{web.url}/file.bin")]
    assert get(URL, "http_proxy", web.url) == b"content"
    assert [path for path, _ in web.requests] == [URL, "/file.bin"]


@pytest.mark.parametrize(
    ("scheme", "url", "host"),
    [("socks5h", URL, b"\rcifar.example"), ("socks5", "http://192.0.2.1/x", b"\xc0\0\2\1")],
)
def test_a_socks_proxy_is_used(scheme, url, host, web, get):
    web.files["/x"] = b"content"
    with socks_proxy(int(web.url.rpartition(":")[2])) as (address, hosts):
        assert get(url, "all_proxy", f"{scheme}://me:secret@{address}") == b"content"
    assert hosts == [host]


@pytest.mark.parametrize("proxy", INVALID)
def test_an_invalid_proxy_is_named(proxy, get, capsys):
    with pytest.raises(UserError) as failure:
        get(URL, "HTTP_PROXY", proxy)
    message = str(failure.value)
    assert message.startswith(f"HTTP_PROXY is '{proxy.replace('me:secret@', '')[:5]}")
    assert message.endswith("Correct or unset it and run again.")
    assert "cret" not in message + "".join(capsys.readouterr())


def test_a_failing_proxy_is_named(web, get, capsys):
    for proxy, url, reason in (
        (UNUSED, URL, "connection refused"),
        (f"socks5h://{UNUSED}", URL, f"Error connecting to SOCKS5 proxy {UNUSED}"),
        (web.url[7:], URL.replace("http:", "https:"), "Tunnel connection failed: 501 Unsupported"),
    ):
        secret = proxy.replace("127", "me:secret@127")
        with pytest.raises(UserError) as failure:
            get(url, "all_proxy", secret)
        message = str(failure.value)
        start = f"Cannot download {url} through the proxy {proxy} (all_proxy): {reason}"
        assert message.startswith(start)
        assert message.endswith("; correct or unset all_proxy, or do this.")
    assert "secret" not in "".join(capsys.readouterr())
