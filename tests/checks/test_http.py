import hashlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from labkit.checks import Target
from labkit.conf.model_balancing import HttpCheck, HttpProtocol, TlsMaterial, Url
from labkit.lvs.check import Result
from labkit.trace import SECOND
from labkit.values import replace
from tests.checks.asking import PATIENCE, ask, listening, serving, to

PAGE = b"<html>Venezuela 21</html>"
MD5 = hashlib.md5(PAGE).hexdigest()
OK = f"HTTP/1.1 200 OK\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode() + PAGE
AT_V = OK.index(b"Venezuela")
Talk = Callable[[socket.socket], None]


def request(peer: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += (chunk := peer.recv(4096))
        if not chunk:
            raise ConnectionError
    return data


def saying(answer: bytes, *, close: bool = True) -> Talk:
    """Answer every request alike, then close, or wait until the other side does."""

    def talk(peer: socket.socket) -> None:
        request(peer)
        peer.sendall(answer)
        if not close:
            peer.recv(1)

    return talk


def outcome(talk: Talk, url: Url | None = None, timeout: int = PATIENCE, **options: object) -> Result:
    with serving(talk) as server:
        spec = HttpCheck(connection=to(server, timeout=timeout), urls=(url or Url(),), **options)  # type: ignore[arg-type]
        return ask(spec)[0]


GOOD = Result(ok=True, detail="status 200")


@pytest.mark.parametrize(
    ("answer", "url"),
    [
        pytest.param(OK, Url(), id="status"),
        pytest.param(OK, Url(digest=MD5), id="digest"),
        pytest.param(OK + b"MORE", Url(digest=MD5), id="more-than-its-length"),
        pytest.param(b"HTTP/1.0 200 OK\n\n" + PAGE, Url(digest=MD5), id="until-closed"),
        pytest.param(OK.replace(b"Length: ", b"Length: 1"), Url(digest=MD5), id="keepalived-takes-a-shorter-page"),
        pytest.param(OK, Url(regex="zuela [0-9]+<"), id="regex"),
        pytest.param(OK, Url(regex="VENE", regex_options=frozenset({"caseless"})), id="regex-option"),
        pytest.param(OK, Url(regex="Peru", regex_no_match=True), id="regex-absent"),
        pytest.param(OK, Url(regex="V", regex_min_offset=AT_V, regex_max_offset=AT_V), id="regex-offsets"),
        pytest.param(OK, Url(statuses=((301, 301), (100, 200))), id="status-ranges"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Url(digest=MD5), id="rfc9110-15.2-interim"),
        pytest.param(b"HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n" * 3 + OK, Url(regex="Vene"), id="interims"),
    ],
)
def test_a_page_as_it_should_be(answer: bytes, url: Url) -> None:
    assert outcome(saying(answer), url) == GOOD


@pytest.mark.parametrize(
    ("answer", "url", "detail"),
    [
        pytest.param(b"HTTP/1.1 503 No\r\n\r\n", Url(), "/: status 503, not 200-299", id="status"),
        pytest.param(OK, Url(statuses=((301, 301), (400, 499))), "/: status 200, not 301 400-499", id="many"),
        pytest.param(OK, Url(digest="0" * 32), f"/: digest {MD5}, not {'0' * 32}", id="digest"),
        pytest.param(OK, Url(regex="Peru"), "/: the page does not have 'Peru'", id="regex"),
        pytest.param(OK, Url(regex="V", regex_no_match=True), "/: the page has 'V'", id="regex-no-match"),
        pytest.param(OK, Url(regex="V", regex_min_offset=AT_V + 1), "/: the page does not have 'V'", id="regex-min"),
        pytest.param(OK, Url(regex="V", regex_max_offset=AT_V - 1), "/: the page does not have 'V'", id="regex-max"),
        pytest.param(b"HTTP/1.1 101 Other\r\n\r\n", Url(), "/: status 101, not 200-299", id="another-protocol"),
        pytest.param(b"", Url(), "closed without an answer", id="silent"),
        pytest.param(b"HTTP/1.1 100 Go\r\n\r\n", Url(), "closed without an answer", id="only-an-interim"),
        pytest.param(b"HTTP/1.1 200 OK\r\nServ", Url(), "closed within the HTTP header", id="half-a-header"),
        pytest.param(b"220 mail ready\r\n\r\n", Url(), "no HTTP: the answer begins b'220 mail ready'", id="smtp"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", Url(), "no HTTP: the answer begins b'HTTP/1.1 2000 OK'", id="odd"),
        pytest.param(b"X: y\r\n" * 20000, Url(), "the HTTP header is longer than 65536 bytes", id="endless-header"),
        pytest.param(
            b"HTTP/1.1 102 Wait\r\n\r\n" * 4000,
            Url(),
            "the HTTP header is longer than 65536 bytes",
            id="no-end",
        ),
    ],
)
def test_a_page_that_is_not(answer: bytes, url: Url, detail: str) -> None:
    assert outcome(saying(answer), url) == Result(ok=False, detail=detail)


@pytest.mark.parametrize("answer", [OK, b"HTTP/1.1 204 No Content\r\n\r\n"])
def test_a_server_that_never_closes_need_not_be_waited_for(answer: bytes) -> None:
    assert outcome(saying(answer, close=False)).ok


def dripping(answer: bytes) -> Talk:
    """Send what may be sent, then a byte at a time, without an end."""

    def talk(peer: socket.socket) -> None:
        request(peer)
        peer.sendall(answer)
        peer.settimeout(0.05)
        while True:
            try:
                if not peer.recv(1):
                    return
            except TimeoutError:
                peer.sendall(b"x")

    return talk


@pytest.mark.parametrize(
    ("talk", "detail"),
    [
        pytest.param(saying(b"", close=False), "no answer within 1 s", id="stalls"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX: "), "no end of the HTTP header within 1 s", id="drips-header"),
        pytest.param(
            dripping(b"HTTP/1.1 200 OK\r\n\r\n"), "status 200, but no end of the page within 1 s", id="drips-body"
        ),
    ],
)
def test_a_server_that_stalls_or_drips_ends_at_the_timeout(talk: Talk, detail: str) -> None:
    assert outcome(talk, timeout=SECOND) == Result(ok=False, detail=detail)


def test_a_page_without_end_is_not_kept() -> None:
    def talk(peer: socket.socket) -> None:
        request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sendall(b"x" * 65536)

    assert outcome(talk, Url(regex="y")) == Result(ok=False, detail="the page is longer than 8 MiB")


def test_a_regex_that_never_comes_to_an_end_is_given_up() -> None:
    page = b"HTTP/1.0 200 OK\r\n\r\n" + b"a" * 200
    detail = "the regex needs more than 0.1 s for this page; mend what it may try in many ways"
    assert outcome(saying(page), Url(regex="(a+)+b")) == Result(ok=False, detail=detail)


def test_a_server_that_resets_is_said() -> None:
    def talk(peer: socket.socket) -> None:
        request(peer)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    assert outcome(talk) == Result(ok=False, detail="connection reset")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, b"GET /a HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.1:PORT\r\n\r\n"),
        (
            {"protocol": HttpProtocol.HTTP_1_0_CLOSE, "virtualhost": "www.example.org"},
            b"GET /a HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: www.example.org\r\n\r\n",
        ),
        (
            {"protocol": HttpProtocol.HTTP_1_1},
            b"GET /a HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        ),
    ],
)
def test_the_request_is_keepaliveds(options: dict[str, object], expected: bytes) -> None:
    asked = []

    def talk(peer: socket.socket) -> None:
        asked.append(request(peer).replace(f":{peer.getsockname()[1]}\r".encode(), b":PORT\r"))
        peer.sendall(OK)

    assert outcome(talk, Url(path="/a"), **options) == GOOD
    assert asked == [expected]


def test_every_url_is_asked_for_and_the_first_bad_one_decides() -> None:
    asked = []

    def talk(peer: socket.socket) -> None:
        asked.append(request(peer).split()[1])
        peer.sendall(OK if asked[-1] != b"/b" else b"HTTP/1.0 404 No\r\n\r\n")

    with serving(talk) as server:
        check = HttpCheck(connection=to(server), urls=(Url(path="/a"), Url(path="/b"), Url(path="/c")))
        assert ask(check) == [Result(ok=False, detail="/b: status 404, not 200-299")]
    assert asked == [b"/a", b"/b"]


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def names() -> list[str | None]:
    return []


@pytest.fixture
def secure(authority: trustme.CA, names: list[str | None]) -> Iterator[socket.socket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("www.example.org").configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def talk(peer: socket.socket) -> None:
        try:
            wrapped = context.wrap_socket(peer, server_side=True)
        except ssl.SSLError:
            return
        with wrapped:
            saying(OK)(wrapped)

    with serving(talk) as server:
        yield server


def over_tls(server: socket.socket, url: Url, **options: object) -> HttpCheck:
    return HttpCheck(connection=to(server), urls=(url,), tls=True, **options)  # type: ignore[arg-type]


def test_ssl_get_takes_any_certificate_and_names_the_host_where_it_is_told_to(
    secure: socket.socket, names: list[str | None]
) -> None:
    url = Url(digest=MD5, virtualhost="www.example.net")
    checks = [over_tls(secure, url), over_tls(secure, url, sni=True), over_tls(secure, url, sni_name="a.example")]
    for check in checks:
        assert ask(check) == [GOOD]
    assert names == [None, "www.example.net", "a.example"]


def test_with_a_ca_the_certificate_must_be_signed_by_it(
    secure: socket.socket, authority: trustme.CA, tmp_path: Path
) -> None:
    for name, made in (("good", authority), ("other", trustme.CA())):
        made.cert_pem.write_to_path(str(tmp_path / name))
    good, other = (Target(tls=TlsMaterial(ca=str(tmp_path / name))) for name in ("good", "other"))
    check = over_tls(secure, Url())
    assert ask(check, target=good) == [GOOD]
    (failed,) = ask(check, target=other)
    assert not failed.ok
    assert failed.detail.startswith("TLS failed: the certificate is not to be trusted (")


def test_a_key_that_is_locked_wants_its_password(secure: socket.socket, authority: trustme.CA, tmp_path: Path) -> None:
    client, key = authority.issue_cert("client.example"), tmp_path / "key"
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "cert"))
    made = load_pem_private_key(client.private_key_pem.bytes(), None)
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    material = TlsMaterial(certificate=str(tmp_path / "cert"), key=str(key))
    check = over_tls(secure, Url())
    detail = f"TLS cannot begin: {key} is locked: add `password` to the `SSL` block"
    assert ask(check, target=Target(tls=material)) == [Result(ok=False, detail=detail)]
    assert ask(check, target=Target(tls=replace(material, password="secret"))) == [GOOD]


def test_a_certificate_that_is_not_there_is_said(secure: socket.socket) -> None:
    target = Target(tls=TlsMaterial(certificate="/nowhere/cert.pem"))
    detail = "TLS cannot begin: /nowhere/cert.pem: no such file or directory"
    assert ask(over_tls(secure, Url()), target=target) == [Result(ok=False, detail=detail)]


def test_a_server_without_tls_is_said() -> None:
    with serving(saying(OK)) as server:
        (result,) = ask(HttpCheck(connection=to(server, timeout=SECOND), urls=(Url(),), tls=True))
    assert not result.ok
    with listening() as server:
        (result,) = ask(HttpCheck(connection=to(server, timeout=SECOND), urls=(Url(),), tls=True))
    assert result == Result(ok=False, detail="no end of the TLS handshake within 1 s")
    with serving(lambda peer: peer.recv(1024)) as server:
        (result,) = ask(HttpCheck(connection=to(server), urls=(Url(),), tls=True))
    assert not result.ok
    assert "ssl.c" not in result.detail  # which line of Python's source it was


# --- nginx ------------------------------------------------------------------------------------------------------------

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{ }}
http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {folder};
  location /moved {{ return 301 /; }} location /big {{ alias {folder}/big; }} }} }}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[str, int]]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("nginx is not installed")
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "big").write_bytes(bytes(range(256)) * 4096)
    tmp_path.chmod(0o755)
    with listening() as taken:
        port = taken.getsockname()[1]
    (tmp_path / "conf").write_text(NGINX.format(folder=tmp_path, port=port))
    process = subprocess.Popen([program, "-c", str(tmp_path / "conf")], stderr=subprocess.DEVNULL)
    there = HttpCheck(connection=to(("127.0.0.1", port)), urls=(Url(),))
    while not ask(there)[0].ok:
        assert process.poll() is None
    yield "127.0.0.1", port
    process.terminate()
    process.wait()


def test_nginx_by_every_version_of_the_protocol(nginx: tuple[str, int]) -> None:
    big = hashlib.md5(bytes(range(256)) * 4096).hexdigest()
    urls = (Url(digest=MD5), Url(path="/moved", statuses=((301, 301),)), Url(path="/big", digest=big))
    checks = [HttpCheck(connection=to(nginx), urls=urls, protocol=protocol) for protocol in HttpProtocol]
    assert ask(*checks) == [GOOD] * 3
