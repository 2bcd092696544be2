import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.conf.model import ParamMatch, TrackProcess
from labkit.daemon import processes
from labkit.daemon.processes import Processes, matches
from labkit.diagnostics import Span
from labkit.vrrp.config import ProcessConfig
from labkit.vrrp.events import ProcessesChanged
from tests.daemon.desk import Desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def track(
    program: str,
    *parameters: str,
    match: ParamMatch = ParamMatch.EXACT,
    given: bool = False,
    full: bool = False,
) -> TrackProcess:
    """A track of `program`; parameters count where there are some, or with `given`."""
    return TrackProcess(
        check=ProcessConfig(name="p"),
        program=program,
        parameters=parameters if parameters or given else None,
        match=match,
        full_command=full,
        span=Span(file="f", line=1, column=1),
    )


INITIAL, PARTIAL = ParamMatch.INITIAL, ParamMatch.PARTIAL


@pytest.mark.parametrize(
    ("wanted", "words", "expected"),
    [
        pytest.param(track("haproxy"), "/usr/sbin/haproxy -f x", True, id="name"),
        pytest.param(track("hapro"), "/usr/sbin/haproxy -f x", False, id="name-is-no-beginning"),
        pytest.param(track("/usr/sbin/haproxy"), "/usr/sbin/haproxy -f x", True, id="path"),
        pytest.param(track("/bin/haproxy"), "/usr/sbin/haproxy -f x", False, id="other-path"),
        pytest.param(track("haproxy", full=True), "/usr/sbin/haproxy -f x", True, id="full-command"),
        pytest.param(track("haproxy", "-f", "x"), "/usr/sbin/haproxy -f x", True, id="exact"),
        pytest.param(track("haproxy", "-f"), "/usr/sbin/haproxy -f x", False, id="exact-too-few"),
        pytest.param(track("haproxy", "-f", match=PARTIAL), "/usr/sbin/haproxy -f x", True, id="partial"),
        pytest.param(track("haproxy", "x", match=PARTIAL), "/usr/sbin/haproxy -f x", False, id="partial-in-order"),
        pytest.param(track("haproxy", "-f", "/etc", match=INITIAL), "haproxy -f /etc/x", True, id="initial"),
        pytest.param(track("haproxy", "-", "/etc", match=INITIAL), "haproxy -f /etc/x", False, id="initial-last-only"),
        pytest.param(track("haproxy", "-f", "x", "y", match=INITIAL), "haproxy -f x", False, id="initial-too-many"),
        pytest.param(track("haproxy", given=True, match=INITIAL), "haproxy", True, id="none-given"),
        pytest.param(track("haproxy", given=True, match=INITIAL), "haproxy -f", False, id="none-but-one"),
        pytest.param(track("haproxy", full=True), "", False, id="kernel-thread"),
    ],
)
def test_which_processes_count(wanted: TrackProcess, words: str, expected: bool) -> None:
    assert matches(wanted, "haproxy", tuple(words.split())) is expected


def test_a_long_name_is_what_the_kernel_keeps_of_it() -> None:
    assert matches(track("a-very-long-program"), "a-very-long-pro", ())


def _refused() -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("told", [pytest.param(True, id="events"), pytest.param(False, id="polling")])
def test_processes_are_counted_as_they_come_and_go(
    desk: Desk, tmp_path: Path, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not told:
        monkeypatch.setattr(processes, "ProcessEvents", _refused)
    program = tmp_path / "tracked-by-test"
    program.symlink_to("/bin/sleep")
    counts: list[int] = []
    counted = Processes(desk.loop, lambda event: counts.append(event.count), desk.said.append)
    counted.configure([track(str(program), "600")])
    assert counts == [0]
    if told and desk.said:
        pytest.skip(desk.said[0])
    children = [subprocess.Popen([program, "600"]) for _ in range(2)]
    other = subprocess.Popen([program, "601"])
    desk.run_until(lambda: counts[-1] == 2)
    children[0].kill()  # a zombie does not count
    desk.run_until(lambda: counts[-1] == 1)
    children[1].kill()
    desk.run_until(lambda: counts[-1] == 0)
    other.kill()
    for child in (*children, other):
        child.wait()
    counted.configure([])
    assert bool(desk.said) is not told


def test_the_first_count_is_told_and_a_reload_that_changes_nothing_tells_nothing(desk: Desk) -> None:
    child = subprocess.Popen(["/bin/sleep", "600.25"])
    events: list[ProcessesChanged] = []
    counted = Processes(desk.loop, events.append, desk.said.append)
    wanted = track("sleep", "600.25")
    counted.configure([wanted])
    counted.configure([wanted])
    assert events == [ProcessesChanged(process="p", count=1)]
    counted.close()
    child.kill()
    child.wait()
