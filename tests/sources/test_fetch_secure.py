"""Transfers over https and through proxies, on loopback, with a certificate made for the test."""

import datetime
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cifarlens.sources.fetch import FetchError, Patience, fetch

CONTENT = bytes(range(256)) * 1000
QUICK = Patience(connect=5, read=5, attempts=3, pause=0.01)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a key and its self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Secure:
    """An https server: `/file` is there, other paths redirect to `target`."""

    def __init__(self, certificate):
        self.target, self.requests = "", 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.requests += 1
                there = self.path == "/file"
                self.send_response(200 if there else 302)
                self.send_header("Content-Length", str(len(CONTENT) if there else 0))
                self.send_header("Location", site.target)
                self.end_headers()
                self.wfile.write(CONTENT if there else b"")

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):  # a client that does not trust us
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))


@pytest.fixture
def secure(certificate, web):
    """With `web`, which also keeps loopback from going through a proxy."""
    site = Secure(certificate)
    site.thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    site.thread.join()


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))


def test_redirects_within_https_are_followed(trusted, secure, tmp_path):
    for target in ("/file", f"{secure.url}/file", f"//{secure.url.partition('//')[2]}/file"):
        secure.target = target
        fetch(f"{secure.url}/moved", tmp_path / target.replace("/", "-"), patience=QUICK)
        assert (tmp_path / target.replace("/", "-")).read_bytes() == CONTENT


@pytest.mark.parametrize("scheme", ["http", "HTTP", "file", "ftp"])
def test_redirect_that_gives_up_https_is_refused(scheme, trusted, secure, web, tmp_path):
    web.files["/file"] = CONTENT
    secure.target = web.url.replace("http", scheme, 1) + "/file"
    with pytest.raises(FetchError, match=r"but only https addresses will do there\.$") as failure:
        fetch(f"{secure.url}/moved", tmp_path / "x" / "file", patience=QUICK)
    assert f"it redirects to {secure.target}," in str(failure.value)
    assert web.requests == []
    assert secure.requests == 1
    assert list((tmp_path / "x").iterdir()) == []


def test_redirect_to_https_is_followed(trusted, secure, web, tmp_path):
    web.faults = [web.status(301, Location=f"{secure.url}/file")]
    fetch(f"{web.url}/moved", tmp_path / "file", patience=QUICK)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_untrusted_certificate_ends_at_once(secure, tmp_path, monkeypatch, capsys):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FetchError, match=r"its certificate is not trusted \(self.signed certif"):
        fetch(f"{secure.url}/file", tmp_path / "file", patience=QUICK)
    assert "trying again" not in capsys.readouterr().err
    assert secure.requests == 0


def test_proxy_that_fails_is_named(web, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(FetchError, match=r"the proxy fails: connection refused \(gave up after 3"):
        fetch(f"{web.url}/file", tmp_path / "file", patience=QUICK)
    assert web.requests == []


def test_password_is_in_no_message(web, tmp_path):
    for url in ("http://me:secret@[::1/x", "http://me:secret@host:port/x", "ftp://me:secret@host"):
        with pytest.raises(FetchError) as failure:
            fetch(url, tmp_path / "file", patience=QUICK)
        assert "secret" not in str(failure.value)
    web.faults = [web.status(302, Location="ftp://me:secret@host/x")]
    with pytest.raises(FetchError, match="redirects to ftp://host/x") as failure:
        fetch(f"{web.url}/x", tmp_path / "file", patience=QUICK)
    assert "secret" not in str(failure.value)
