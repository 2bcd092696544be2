"""Each verdict, from a lab made to produce it; and what a failure tells."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.diagnostics import LabkitError
from labkit.lab.client import Client, running
from labkit.trace import Kind
from tests.conftest import ROOT, Labkit, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

FAST = ("--set", "advert_int=0.4", "--set", "version=3")  # slow enough that server1 wins however the daemons start
FIRST = "steps:\n  - expect: [{vip: server1, within: election(server1) + 1s}]\n"
LATER = "(ping -q -i 0.1 -c 30 127.0.0.1; /etc/init.d/keepalived stop) > /dev/null 2>&1 &"
MADE = {
    "pass": FIRST + "  - do: {stop: server1}\n    expect: [{vip: server2, within: skew(server2)}]\n",
    "late": FIRST + f'  - do: {{exec: {{server1: "{LATER}"}}}}\n    expect: [{{vip: server2, within: 2s}}]\n',
    "never": FIRST + "  - do: {freeze: server2}\n    expect: [{vip: server2, within: 200ms}]\n",
    "violated": FIRST + "  - do: {kill: server1}\n    never: [{vip: server2}]\n    for: 5s\n",
    "error": FIRST + "  - do: {exec: {host: exit 3}}\n",
}


def folder(tool: Labkit, scenarios: dict[str, str]) -> Path:
    made = tool.runtime / "failover"
    shutil.copytree(ROOT / "labs/failover", made)
    shutil.rmtree(made / "scenarios")
    (made / "scenarios").mkdir()
    for number, (name, text) in enumerate(scenarios.items()):
        (made / f"scenarios/{number:02}-{name}.yml").write_text(f"variant: basic\n{text}")
    return made


def finding(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["steps"][-1]["findings"][-1]
    return found


def test_each_verdict_has_a_lab_that_produces_it(own: Labkit) -> None:
    lab = folder(own, MADE)
    by_name: dict[str, dict[str, Any]] = {}
    for _ in range(3):  # on a machine that stalls a verdict may be INCONCLUSIVE: that one is run again
        wanted = [name for name in MADE if by_name.get(name, {}).get("verdict", "INCONCLUSIVE") == "INCONCLUSIVE"]
        options = [word for name in wanted for word in ("-s", name)]
        if wanted:
            said = own("run", str(lab), "--json", *FAST, *options, status=None, folder=own.runtime)
            by_name |= {result["scenario"]: result for result in json.loads(said)}
    assert {name: result["verdict"] for name, result in by_name.items()} == {name: name.upper() for name in MADE}
    late = finding(by_name["late"])
    assert late["took_s"] > 2.6
    assert late["note"].endswith("s after its bound")
    assert late["hint"].startswith("server2 is MASTER: 192.168.1.21 gave up mastership")
    never = finding(by_name["never"])
    assert (never["note"], never["seen"]) == ("watched on to twice the bound", "VIP on server1")
    assert "server2 is BACKUP: " in never["hint"]
    violated = finding(by_name["violated"])
    assert violated["what"] == "never: VIP on server2"
    assert "server2 is MASTER: no advert from 192.168.1.21 for 1." in violated["hint"]
    assert by_name["error"]["error"].startswith("host: /bin/sh -c exit 3 ended with 3")


def test_a_failure_is_told_with_its_timeline(own: Labkit) -> None:
    lab = folder(own, {"violated": MADE["violated"]})
    lines = own("run", str(lab), *FAST, status=None, folder=own.runtime).splitlines()
    start = next(number for number, line in enumerate(lines) if " never: VIP on server2" in line)
    assert lines[start + 1].strip().startswith("seen: VIP on server1 and server2")
    told = "\n".join(lines[start:])
    assert "server1    fault      fault=kill what=kill server1" in told
    assert "server1    process    name=keepalived" in told
    assert "server2    state      instance=MY-FAILOVER state=MASTER" in told
    assert told.index("fault=kill") < told.index("server2    state")


def _when_the_fault_comes(
    tool: Labkit, monkeypatch: pytest.MonkeyPatch, then: Callable[[int], None]
) -> subprocess.Popen[str]:
    """Run a scenario; when its fault is told, do something to the supervisor."""
    text = FIRST + "  - do: {stop: server1}\n    expect: [{vip: server2, within: skew(server2)}]\n"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tool.runtime))
    process = tool.start("run", str(folder(tool, {"x": text})), "--json", *FAST, folder=tool.runtime)
    assert eventually(lambda: bool(running()), within=20)
    [instance] = running()
    with Client(instance) as client:
        client.ask("follow", kinds=[Kind.FAULT.value])
        with contextlib.suppress(LabkitError):
            client.next_records(30)
    then(tool.supervisor(instance))
    return process


def test_what_is_late_because_the_host_stalled_is_inconclusive(own: Labkit, monkeypatch: pytest.MonkeyPatch) -> None:
    def stall(supervisor: int) -> None:
        os.kill(supervisor, signal.SIGSTOP)
        select.select([], [], [], 1.5)
        os.kill(supervisor, signal.SIGCONT)

    output, errors = _when_the_fault_comes(own, monkeypatch, stall).communicate(timeout=30)
    [result] = json.loads(output)
    assert result["verdict"] == "INCONCLUSIVE", output + errors
    assert finding(result)["note"].startswith("the host stalled for 1")


def test_a_lab_that_breaks_is_an_error(own: Labkit, monkeypatch: pytest.MonkeyPatch) -> None:
    process = _when_the_fault_comes(own, monkeypatch, lambda supervisor: os.kill(supervisor, signal.SIGKILL))
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 2, output + errors
    assert "has ended" in output + errors
