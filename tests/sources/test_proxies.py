"""Downloads through real proxies on loopback; `web` answers as a proxy and as a server."""

import os

import pytest
from socks_server import socks_proxy

from cifarlens.runtime.errors import UserError
from cifarlens.sources.fetch import fetch
from cifarlens.sources.proxies import find_proxy

URL = "http://cifar.example/file.bin"
UNUSED = "me:secret@127.0.0.1:1"
INVALID = [
    *("foo bar", "://x", "127.0.0.1:port", "http://", "http://[::1", "http://::1:3128", "'a:1'"),
    *("socks://127.0.0.1:1", f"socks4://{UNUSED}", "http://me:se#cret@127.0.0.1:1"),
]
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
    for host in ("localhost", "LOCALHOST.", "a.localhost", "[::1]", "127.1.2.3", "0.0.0.0"):
        assert find_proxy(f"http://{host}:80/x") is None
    for host in ("localhost.example", "127.0.0.1.example", "10.0.0.1", "[fe80::1]"):
        assert find_proxy(f"http://{host}:80/x").variable == "http_proxy"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_other_machines_are_reached_through_the_proxy(variable, web, get, monkeypatch):
    for scheme in ("", "HTTP://"):
        proxy = web.url.replace("http://", f"{scheme}me:secret@")
        assert get(URL, variable, proxy) == b"content"
        assert web.requests[-1][1]["Proxy-Authorization"].startswith("Basic ")
    web.faults = [web.status(302, Location=f"{web.url}/file.bin")]
    assert get(URL, variable, web.url) == b"content"
    assert [path for path, _ in web.requests[-2:]] == [URL, "/file.bin"]  # no proxy for the second
    monkeypatch.setenv("NO_PROXY", "example")
    assert find_proxy(URL) is None


def test_a_socks_proxy_is_used(web, get):
    with socks_proxy(int(web.url.rpartition(":")[2])) as (address, hosts):
        assert get(URL, "all_proxy", f"socks5h://me:secret@{address}") == b"content"
        assert get("http://192.0.2.1/file.bin", "ALL_PROXY", f"socks5://{address}") == b"content"
    assert hosts == [b"\rcifar.example", b"\xc0\0\2\1"]


FAILING = [
    (UNUSED, URL, "connection refused"),
    (f"socks5h://{UNUSED}", URL, "Error connecting to SOCKS5 proxy 127.0.0.1:1"),
    ("{web}", "https://cifar.example", "Tunnel connection failed: 501 Unsupported"),
]


@pytest.mark.parametrize(("proxy", "url", "reason"), [*FAILING, *((x, URL, "") for x in INVALID)])
def test_a_proxy_that_fails_or_is_invalid_is_named(proxy, url, reason, web, get, capsys):
    proxy = proxy.replace("{web}", web.url)
    with pytest.raises(UserError) as failure:
        get(url, "all_proxy", proxy)
    message, shown = str(failure.value), proxy.replace("me:secret@", "").replace("me:se#cret@", "")
    if reason:
        assert f"download {url} through the proxy {shown} (all_proxy): {reason}" in message
        assert message.endswith("; correct or unset all_proxy, or do this.")
    else:
        assert message.startswith(f"all_proxy is '{shown}'; it must be the address of a proxy")
    assert "cret" not in message + "".join(capsys.readouterr())
