"""Rules of the house that no tool checks: short functions, and protocol decisions in `labkit.vrrp` only."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import labkit

HOME = Path(labkit.__path__[0])
LONGEST = 40  # lines of a function without its head and docstring
LONG = {
    "kernel/nft/tables.py nat_base": "one table of nft, read as a whole",
    "ui/cli/run.py run_command": "what the options of one command come to",
}
_STATE = re.compile(r'\bState\.(INIT|BACKUP|MASTER|FAULT)\b|"(INIT|BACKUP|MASTER|FAULT)"')
STATES = {
    "daemon/following.py": "IPVS's own daemon follows the state of an instance (lvs_sync_daemon)",
    "daemon/news.py": "the words of notify scripts",
    "daemon/wording.py": "the words of the log",
    "daemon/screen.py": "the words of the status",
    "daemon/dumps.py": "the words of the dumps",
    "daemon/dump_data.py": "the words of the dumps",
    "daemon/report.py": "the numbers of the JSON and of the metrics",
    "daemon/readiness.py": "the words of systemd's status line",
    "daemon/service.py": "the core has ended a router: the one that takes its place gets its sockets",
}
_TIMER = re.compile(r"\.at\(|\btimerfd|\bcall_later|\bsleep\(")
TIMERS = {
    "daemon/alerts.py": "mail is tried again",
    "daemon/announcing.py": "labkit.vrrp.pacing says when",
    "daemon/balancing.py": "the end of the daemon is waited for",
    "daemon/children.py": "a command is started in the next turn of the loop",
    "daemon/inquiry.py": "a process that hangs is not waited for",
    "daemon/duplicates.py": "labkit.vrrp.duplicates says when; an ear rests",
    "daemon/files.py": "a file that inotify does not tell of is looked at again",
    "daemon/hooks.py": "startup and shutdown scripts have their time",
    "daemon/loop.py": "the loop itself",
    "daemon/notify.py": "a script that hangs is passed",
    "daemon/processes.py": "processes are counted where the kernel does not tell of them",
    "daemon/runner.py": "the end of the daemon is waited for",
    "kernel/timer.py": "the timerfd itself",
}


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (HOME / folder).rglob("*.py"))


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body and (node.end_lineno or 0) - body[0].lineno >= LONGEST:
                yield f"{path.relative_to(HOME)} {node.name}"


def test_functions_are_short_but_for_a_reason() -> None:
    assert {name for path in files(".") for name in long_functions(path)} - set(LONG) == set()


@pytest.mark.parametrize(
    ("pattern", "reasons"), [pytest.param(_STATE, STATES, id="states"), pytest.param(_TIMER, TIMERS, id="timers")]
)
def test_states_and_timers_of_the_protocol_are_in_its_core(pattern: re.Pattern[str], reasons: dict[str, str]) -> None:
    """Outside of it a state is only told, and a timer is about processes and files of this machine."""
    found = {str(path.relative_to(HOME)) for path in files("daemon", "kernel") if pattern.search(path.read_text())}
    assert found - set(reasons) == set()
