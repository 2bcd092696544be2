"""C keepalived's checkers and ours, at once, on the same real servers: who is kept and who is taken out.

Each real server stands in two virtual servers: with `alpha`, where it is added as soon as a check succeeds, and
without, where it is removed as soon as enough checks have failed.  So either verdict is something that the log tells.
Where `c` says otherwise the two differ on purpose (docs/adr/0032).
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from dnslib import RCODE

from tests.daemon.daemon import OURS, Daemon
from tests.interop.pretence import c_with_checkers
from tests.interop.real_servers import (
    MD5,
    PAGE,
    PORT,
    Situation,
    answering,
    deaf,
    full,
    hosts,
    mail,
    names,
    nobody,
    over_tls,
    page,
    paths,
    raise_all,
    resetting,
    saying,
    talking,
)
from tests.kernel.balanced import run
from tests.kernel.lan import Namespace, eventually

pytestmark = pytest.mark.interop

TCP = "TCP_CHECK {\n }"
SMTP = "SMTP_CHECK {\n }"
PING = "PING_CHECK {\n }"


def http(*of_url: str, of_check: str = "", kind: str = "HTTP_GET") -> str:
    lines = "\n ".join(of_url)
    return f"{kind} {{\n {of_check}\n url {{\n path /a\n {lines}\n }}\n }}"


def misc(script: str, *more: str) -> str:
    lines = "\n ".join(more)
    return f'MISC_CHECK {{\n misc_path "%HOME%/{script}"\n {lines}\n }}'


def dns(name: str = "example.org") -> str:
    return f"DNS_CHECK {{\n type A\n name {name}\n }}"


def udp(*more: str) -> str:
    lines = "\n ".join(more)
    return f"UDP_CHECK {{\n payload 0102\n {lines}\n }}"


echo = answering(lambda asked: [b"\xab\xcd\xef"])
good = talking(page())
UNREACHABLE = "192.0.2.1"
BYE = b"221 bye\r\n"
MANY = b"220-one\r\n220 two\r\n"
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"

SITUATIONS = [
    Situation("tcp", TCP, deaf, kept=True),
    Situation("tcp refused", TCP, nobody, kept=False),
    Situation("tcp unanswered", TCP, full, kept=False),
    Situation("tcp no route", TCP, nobody, kept=False, host=UNREACHABLE),
    Situation("http status", http("status_code 200"), good, kept=True),
    Situation("http other status", http("status_code 200"), talking(page("503 No")), kept=False),
    Situation("http wanted status", http("status_code 503"), talking(page("503 No")), kept=True),
    Situation("http any good status", http(), talking(page("204 No Content", b"")), kept=True),
    Situation("http redirection", http(), talking(page("301 Moved")), kept=False),
    Situation("http digest", http(f"digest {MD5}"), good, kept=True),
    Situation("http other digest", http(f"digest {MD5}"), talking(page(body=PAGE + b"!")), kept=False),
    Situation("http regex", http('regex "zuela [0-9]+<"'), good, kept=True),
    Situation("http regex absent", http('regex "Peru"'), good, kept=False),
    Situation("http regex_no_match", http('regex "Peru"', "regex_no_match"), good, kept=True),
    Situation("http regex_no_match present", http('regex "zuela"', "regex_no_match"), good, kept=False),
    Situation("http refused", http(), nobody, kept=False),
    Situation("http silent", http(), deaf, kept=False),
    Situation("http unanswered", http(), full, kept=False),
    Situation("http closed", http(), talking(lambda peer: None), kept=False),
    Situation("http reset", http(), talking(resetting), kept=False),
    Situation("http none", http(), talking(saying(b"220 mail ready\r\n\r\n")), kept=False),
    Situation("http never closed", http(), talking(page(close=False)), kept=True, c=False),
    Situation("http empty never closed", http(), talking(saying(NOTHING, close=False)), kept=True, c=False),
    Situation("http lines without cr", http(), talking(saying(b"HTTP/1.0 200 OK\n\nok")), kept=True, c=False),
    Situation("http shorter than told", http(), talking(page(length=1000)), kept=True),
    Situation(
        "http until closed", http(f"digest {MD5}"), talking(saying(b"HTTP/1.0 200 OK\r\n\r\n" + PAGE)), kept=True
    ),
    Situation("http endless", http(), talking(saying(b"HTTP/1.0 200 OK\r\n\r\n" + PAGE, close=False)), kept=False),
    Situation("http host", http("virtualhost www.example.org"), talking(hosts("www.example.org")), kept=True),
    Situation("http other host", http("virtualhost www.example.org"), talking(hosts("www.example.net")), kept=False),
    Situation("http 1.1", http(of_check="http_protocol 1.1"), good, kept=True),
    Situation("http one of two urls", http(of_check="url {\n path /b\n }"), talking(paths), kept=False),
    Situation("ssl", http(f"digest {MD5}", kind="SSL_GET"), talking(over_tls(page())), kept=True),
    Situation("ssl other status", http("status_code 302", kind="SSL_GET"), talking(over_tls(page())), kept=False),
    Situation("ssl without tls", http(kind="SSL_GET"), good, kept=False),
    Situation("smtp", SMTP, talking(mail(b"220 hi\r\n", b"250 you\r\n", BYE)), kept=True),
    Situation("smtp many lines", SMTP, talking(mail(MANY, b"250 you\r\n", BYE)), kept=True, c=False),
    Situation("smtp refused", SMTP, nobody, kept=False),
    Situation("smtp unwilling", SMTP, talking(mail(b"554 go away\r\n", b"250 you\r\n")), kept=False),
    Situation("smtp busy", SMTP, talking(mail(b"220 hi\r\n", b"421 busy\r\n", BYE)), kept=False),
    Situation("smtp silent", SMTP, deaf, kept=False),
    Situation("smtp closed", SMTP, talking(lambda peer: None), kept=False),
    Situation("misc 0", misc("exit0"), nobody, kept=True),
    Situation("misc 1", misc("exit1"), nobody, kept=False),
    Situation("misc 3", misc("exit3"), nobody, kept=False),
    Situation("misc dynamic 0", misc("exit0", "misc_dynamic"), nobody, kept=True),
    Situation("misc dynamic 1", misc("exit1", "misc_dynamic"), nobody, kept=False),
    Situation("misc dynamic 3", misc("exit3", "misc_dynamic"), nobody, kept=True, weight=1),
    Situation("misc signal", misc("signal", "misc_dynamic"), nobody, kept=False),
    Situation("misc late", misc("hang", "misc_timeout 1"), nobody, kept=False),
    Situation("dns", dns(), answering(names()), kept=True),
    Situation("dns no such name", dns(), answering(names(rcode=RCODE.NXDOMAIN)), kept=False),
    Situation("dns failure", dns(), answering(names(rcode=RCODE.SERVFAIL)), kept=False),
    Situation("dns refused", dns(), nobody, kept=False),
    Situation("dns silent", dns(), answering(lambda asked: []), kept=False),
    Situation("dns of others", dns(), answering(names(other=True)), kept=False),
    Situation("udp", udp(), echo, kept=True),
    Situation("udp silent", udp(), answering(lambda asked: []), kept=True),
    Situation("udp refused", udp(), nobody, kept=False),
    Situation("udp reply", udp("require_reply abXXef"), echo, kept=True),
    Situation("udp other reply", udp("require_reply abcd00"), echo, kept=False),
    Situation("udp no reply", udp("require_reply"), answering(lambda asked: []), kept=False),
    Situation("udp short reply", udp("require_reply abcd", "min_reply_length 4"), echo, kept=False),
    Situation("udp short, any reply", udp("require_reply", "min_reply_length 4"), echo, kept=False, c=True),
    Situation("ping", PING, nobody, kept=True),
    Situation("ping no route", PING, nobody, kept=False, host=UNREACHABLE),
    Situation("two checks", f"{TCP}\n {http()}", good, kept=True),
    Situation("one of two checks", f"{TCP}\n {http('status_code 404')}", good, kept=False),
]
SERVICE = "lb_algo rr\n lb_kind DR\n protocol TCP"
SCRIPTS = {"exit0": "exit 0", "exit1": "exit 1", "exit3": "exit 3", "signal": "kill -USR1 $$", "hang": "exec sleep 60"}
_WITH_ALPHA, _WITHOUT = 1, 2
_EVENT = re.compile(r"(Adding|Removing) service \S+ (?:to|from) VS \[10\.(\d)\.0\.(\d+)\]:tcp:80")
_WEIGHT = re.compile(r"from 5 to (\d+) for .*VS \[10\.2\.0\.(\d+)\]:tcp:80")


def place(number: int) -> tuple[str, int]:
    return SITUATIONS[number].host or f"127.1.0.{number + 1}", PORT


def configuration(home: Path) -> str:
    """Return a file with every situation twice."""
    lines = ["global_defs {\n script_user root\n}\n"]
    times = "delay_loop 1\n retry 1\n delay_before_retry 0.2\n connect_timeout 1\n warmup 0\n"
    for number, situation in enumerate(SITUATIONS):
        host, port = place(number)
        check = situation.check.replace("%HOME%", str(home))
        for kind in (_WITH_ALPHA, _WITHOUT):
            alpha = "alpha\n" if kind == _WITH_ALPHA else ""
            lines.append(f"virtual_server 10.{kind}.0.{number + 1} 80 {{\n {SERVICE}\n {times} {alpha}")
            lines.append(f" real_server {host} {port} {{\n weight 5\n {check}\n }}\n}}\n")
    return "".join(lines)


@dataclass
class Verdicts:
    """What the log of one program says of each situation."""

    log: str

    def of(self, number: int) -> bool | None:
        """Whether the server is kept; None: that is not said, or both."""
        told = {(what, int(kind)) for what, kind, server in _EVENT.findall(self.log) if int(server) == number + 1}
        added, removed = ("Adding", _WITH_ALPHA) in told, ("Removing", _WITHOUT) in told
        return added if added != removed else None

    def weight(self, number: int) -> int | None:
        """What the server's weight became."""
        found = [int(weight) for weight, server in _WEIGHT.findall(self.log) if int(server) == number + 1]
        return found[-1] if found else None


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what checks run."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: without it C keepalived cannot be led to believe that there is IPVS")
    made = tmp_path_factory.mktemp("checkers")
    for name, line in SCRIPTS.items():
        (made / name).write_text(f"#!/bin/sh\n{line}\n")
        (made / name).chmod(0o755)
    return made


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    made = Namespace()
    run(made, f"ip route add unreachable {UNREACHABLE}")
    yield made
    made.close()


@contextmanager
def both(namespace: Namespace, home: Path, config: str) -> Iterator[dict[str, Daemon]]:
    """Both programs, with one file."""
    programs = {"C": (*c_with_checkers(home), "-C"), "ours": (*OURS, "-C")}
    with ExitStack() as stack:
        running = {}
        for name, program in programs.items():
            running[name] = Daemon(namespace, home / name, config, program)
            stack.callback(running[name].close)
        yield running


@pytest.fixture(scope="module")
def verdicts(namespace: Namespace, home: Path) -> dict[str, Verdicts]:
    """Both programs' verdicts, as soon as all are known."""
    everything = [(situation, place(number)) for number, situation in enumerate(SITUATIONS)]
    with raise_all(namespace, everything), both(namespace, home, configuration(home)) as daemons:
        return _told(daemons)


def _told(daemons: dict[str, Daemon]) -> dict[str, Verdicts]:
    """Wait until every verdict is known; one that is not by then is left open."""

    def known() -> bool:
        now = {name: Verdicts(daemon.log) for name, daemon in daemons.items()}
        return all(one.of(number) is not None for one in now.values() for number in range(len(SITUATIONS)))

    with suppress(AssertionError):
        eventually(known, within=30)
    return {name: Verdicts(daemon.log) for name, daemon in daemons.items()}


@pytest.mark.parametrize("number", range(len(SITUATIONS)), ids=[one.name.replace(" ", "-") for one in SITUATIONS])
def test_both_keep_and_remove_the_same_servers(verdicts: dict[str, Verdicts], number: int) -> None:
    situation = SITUATIONS[number]
    for program, told in verdicts.items():
        assert (program, told.of(number)) == (program, situation.kept_by(program))
        assert (program, told.weight(number)) == (program, situation.weight)


FILE_CHECKS = ("", "weight 0", "weight 0 reverse", "weight 10", "weight 10 reverse", "weight -3")
OF_FILES = ("", "weight 2", "weight 2 reverse", "weight 0", "weight 0 reverse")
WEIGHTS = {  # of servers of weight 5: with each of the checks, then with one that leaves it to each of the files
    "1": "6 out 5 15 0 2 7 3 out 5",  # C looks at `weight 0 reverse` after a number that is not 0, silently
    "-1": "4 out 5 0 15 8 3 7 out 5",
    "-100": "0 out 5 0 1005 305 0 205 out 5",
    "0": "5 5 out 5 5 5 5 5 5 out",
    "7": "12 out 5 75 0 0 19 0 out 5",
    "not a number": "5 5 out 5 5 5 5 5 5 out",
}
_ROOM = 16
_WEIGHED = re.compile(
    r"(?:(Adding|Removing) service|Changing weight from \d+ to (\d+) for) .*VS \[10\.3\.0\.(\d+)\]:tcp:80"
)


@pytest.fixture
def file(home: Path) -> Path:
    made = home / "number"
    made.write_text("0".ljust(_ROOM, "\n"))
    return made


def put(file: Path, value: str) -> None:
    """Change a file in one step: C, which reads it at every event, never finds it empty, which is 0 to it."""
    with file.open("r+") as opened:
        opened.write(value.ljust(_ROOM, "\n"))


def test_both_follow_a_file_alike(namespace: Namespace, home: Path, file: Path) -> None:
    lines = [f"track_file {number} {{\n file {file}\n {more}\n}}\n" for number, more in enumerate(OF_FILES)]
    checks = [f"track_file 0\n {more}" for more in FILE_CHECKS]
    checks += [f"track_file {number}" for number in range(1, len(OF_FILES))]
    for number, check in enumerate(checks, 1):
        lines.append(f"virtual_server 10.3.0.{number} 80 {{\n {SERVICE}\n delay_loop 600\n")
        lines.append(f" real_server 127.2.0.{number} 80 {{\n weight 5\n FILE_CHECK {{\n {check}\n }}\n }}\n}}\n")
    with both(namespace, home, "".join(lines)) as daemons:
        for daemon in daemons.values():
            daemon.wait_log("Gained quorum", times=len(checks))
        for value, expected in WEIGHTS.items():
            put(file, value)
            with suppress(AssertionError):
                eventually(lambda expected=expected: follow(daemons, expected), within=15)  # type: ignore[misc]
            found = {name: weights(daemon.log) for name, daemon in daemons.items()}
            assert (value, found) == (value, dict.fromkeys(daemons, expected))


def follow(daemons: Mapping[str, Daemon], expected: str) -> bool:
    return all(weights(daemon.log) == expected for daemon in daemons.values())


def weights(log: str) -> str:
    """Return the weight of each real server, or that it is out, as the log tells it."""
    inside, weight = dict.fromkeys(range(1, 11), True), dict.fromkeys(range(1, 11), "5")
    for what, new, server in _WEIGHED.findall(log):
        if new:
            weight[int(server)] = new
        else:
            inside[int(server)] = what == "Adding"
    return " ".join(weight[number] if inside[number] else "out" for number in inside)
