import os
import re
import socket
from pathlib import Path

import pytest

from labkit.daemon.log import Level, Log


@pytest.fixture
def syslog(tmp_path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    listener.bind(str(tmp_path / "log"))
    return listener


def test_a_line_reaches_syslog_with_tag_and_facility(tmp_path: Path, syslog: socket.socket) -> None:
    log = Log("Keepalived_vrrp", syslog=str(tmp_path / "log"))
    log.say("(X) Entering MASTER STATE")
    log.say("trouble", Level.WARNING)
    log.flush()
    first, second = syslog.recv(1000).decode(), syslog.recv(1000).decode()
    pattern = rf"<30>\w{{3}} [ \d]\d \d\d:\d\d:\d\d Keepalived_vrrp\[{os.getpid()}\]: \(X\) Entering MASTER STATE"
    assert re.fullmatch(pattern, first)
    assert second.startswith("<28>")
    log.close()
    syslog.close()


def test_the_console_has_keepalived_s_time_in_front() -> None:
    reader, writer = os.pipe()
    log = Log("Keepalived", console=writer, syslog=None)
    log.say("Starting")
    log.flush()
    assert re.fullmatch(rb"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}: Starting\n", os.read(reader, 1000))
    os.close(reader)
    os.close(writer)


def test_detail_is_said_only_when_asked_for() -> None:
    for detail, expected in ((False, b"b\n"), (True, b"a\n")):
        reader, writer = os.pipe()
        log = Log("Keepalived", console=writer, syslog=None, detail=detail)
        log.explain("a")
        log.say("b")
        log.flush()
        assert os.read(reader, 1000).split(b": ", 1)[1].startswith(expected)
        os.close(reader)
        os.close(writer)


def test_a_full_pipe_loses_lines_counts_them_and_says_so_later() -> None:
    reader, writer = os.pipe()
    log = Log("Keepalived", console=writer, syslog=None)
    for number in range(3000):
        log.say(f"line {number:04} {'x' * 40}")
    log.flush()
    taken = len(_emptied(reader).splitlines())
    assert 0 < taken < 3000
    log.say("again")
    log.flush()
    lines = os.read(reader, 1000).decode().splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"{3000 - taken} log lines were dropped here", "again"]
    os.close(reader)
    os.close(writer)


def _emptied(reader: int) -> bytes:
    os.set_blocking(reader, False)
    content = b""
    while True:
        try:
            content += os.read(reader, 1 << 20)
        except BlockingIOError:
            return content


def test_a_full_syslog_does_not_hold_us(tmp_path: Path, syslog: socket.socket) -> None:
    log = Log("Keepalived", syslog=str(tmp_path / "log"))
    for _ in range(2000):
        log.say("x")
    log.flush()
    log.close()
    syslog.close()


def test_syslog_may_be_missing_and_come_back(tmp_path: Path, syslog: socket.socket) -> None:
    path = tmp_path / "log"
    log = Log("Keepalived", syslog=str(path))
    log.say("one")
    log.flush()
    syslog.close()
    path.unlink()
    log.say("two")
    log.flush()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as again:
        again.bind(str(path))
        log.say("three")
        log.flush()
        texts = [again.recv(1000).split(b": ")[1] for _ in range(2)]
    log.close()
    assert texts == [b"1 log lines were dropped here", b"three"]


def test_a_full_disk_is_survived() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    log = Log("Keepalived", console=full, syslog=None)
    log.say("x")
    log.flush()
    os.close(full)
