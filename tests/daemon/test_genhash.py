import hashlib
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from labkit.daemon.main import run
from tests.checks.asking import listening, serving

PAGE = bytes(range(256)) + b"\r\nend"
HEADER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Odd: ~\t\x7f\r\n\r\n"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Serves the first N bytes of a page at /N, in chunks at /chunked, and what was asked at /echo."""

    def talk(peer: socket.socket) -> None:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += peer.recv(4096)
        path = asked.split()[1].decode().strip("/")
        if path == "chunked":
            peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            return
        body = asked if path == "echo" else PAGE[: int(path)]
        peer.sendall(HEADER % len(body) + body)

    with serving(talk) as made:
        yield made


def arguments(server: socket.socket, path: str, *more: str) -> list[str]:
    return ["-s", "127.0.0.1", "-p", str(server.getsockname()[1]), "-u", path, *more]


def test_the_digest_is_printed(server: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["genhash", *arguments(server, "/20")]) == 0
    assert capsys.readouterr().out == hashlib.md5(PAGE[:20]).hexdigest() + "\n"


@pytest.mark.interop
@pytest.mark.parametrize(
    ("path", "more"),
    [
        *[(f"/{length}", ["-v"]) for length in (1, 7, 8, 9, 15, 16, 17, 261)],
        ("/chunked", ["-P", "1.1"]),
        *[("/echo", ["-V", "www.example.org", "-P", version]) for version in ("1.0", "1.0c", "1.1")],
        ("/echo", []),
    ],
)
def test_the_output_is_genhashs(
    server: socket.socket, path: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("genhash") is None:
        pytest.skip("genhash is not installed")
    words = arguments(server, path, *more)
    theirs = subprocess.run(["genhash", *words], capture_output=True, check=True).stdout.decode("latin-1")
    assert run(["genhash", *words]) == 0
    time = re.compile(r"= \d+ usecs")
    assert time.sub("", capsys.readouterr().out) == time.sub("", theirs)


def test_a_page_that_is_not_to_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    with listening() as closed:
        words = arguments(closed, "/")
        port = closed.getsockname()[1]
    assert run(["genhash", *words]) == 1
    assert capsys.readouterr().err == f"127.0.0.1:{port}: connection refused\n"


def test_options_that_are_wrong_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["genhash", "-s", "www.example.org", "-p", "80", "-u", "/"]) == 2
    assert "invalid ip_address value: 'www.example.org'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "wrong", "said"),
    [
        ("-p", "99999", "argument -p/--port: '99999' is not a whole number from 1 to 65535"),
        ("-m", "99999999999", "argument -m/--fwmark: '99999999999' is not a whole number from 0 to 4294967295"),
        ("-t", "nan", "argument -t/--timeout: 'nan' is not a number of seconds up to 86400"),
        ("-t", "soon", "argument -t/--timeout: 'soon' is not a number of seconds up to 86400"),
    ],
)
def test_what_is_no_number_is_named(capsys: pytest.CaptureFixture[str], option: str, wrong: str, said: str) -> None:
    assert run(["genhash", "-s", "127.0.0.1", "-p", "80", "-u", "/", option, wrong]) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last == f"pykeepalived genhash: error: {said}"
