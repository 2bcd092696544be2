import os
from pathlib import Path

import pytest

from labkit.conf.model import Command, GlobalDefs
from labkit.daemon import hooks
from labkit.daemon.log import Log


def run(tmp_path: Path, body: str, timeout: int = 5_000_000) -> list[str]:
    """Run a shutdown script; return what was said."""
    reader, writer = os.pipe()
    log = Log("Keepalived", console=writer, syslog=None)
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    command = Command(argv=(str(script), "a b"), text="script")
    hooks.shutdown(
        GlobalDefs(shutdown_script=command, shutdown_script_timeout=timeout, script_user=("root", None)), log
    )
    log.flush()
    os.close(writer)
    with os.fdopen(reader) as said:
        return [line.split(": ", 1)[1] for line in said.read().splitlines()]


def test_a_script_is_waited_for(tmp_path: Path) -> None:
    assert run(tmp_path, f'sleep 0.1\necho "$1" > {tmp_path}/done') == ["Running shutdown script script"]
    assert (tmp_path / "done").read_text() == "a b\n"


@pytest.mark.parametrize(
    ("body", "timeout", "expected"),
    [
        pytest.param("exit 3", 5_000_000, "exited with status 3", id="status"),
        pytest.param("exec sleep 600", 100_000, "was ended after 0.1 s", id="hangs"),
        pytest.param("trap '' TERM\nwhile :; do sleep 0.05; done", 100_000, "was ended after 0.1 s", id="ignores-term"),
    ],
)
def test_what_goes_wrong_is_said(tmp_path: Path, body: str, timeout: int, expected: str) -> None:
    assert run(tmp_path, body, timeout)[-1] == f"shutdown script script {expected}"


def test_nothing_to_run() -> None:
    hooks.startup(GlobalDefs(), Log("x", syslog=None))
