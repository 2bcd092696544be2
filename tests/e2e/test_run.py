"""All of the failover lab's scenarios, from the command line, and the same with C keepalived among the servers."""

import json
import shutil
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.vrrp import VRRP
from scapy.utils import rdpcap

from labkit.providers.uml import guest
from labkit.trace import Kind, Record
from tests.conftest import ROOT, Labkit

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

_NO_GUEST = guest.missing() or guest.hidden([str(ROOT)])


def test_all_scenarios_pass_within_their_timers(own: Labkit) -> None:
    results = json.loads(own("run", "failover", "--json", "--jobs", "3", within=180))
    assert len(results) == 10
    verdicts = {result["scenario"]: result["verdict"] for result in results}
    assert set(verdicts.values()) <= {"PASS", "INCONCLUSIVE"}, verdicts
    assert sum(result["took_s"] for result in results) <= 1.2 * sum(result["timers_s"] for result in results)


def test_a_scenario_tells_its_figures(labkit: Labkit) -> None:
    here = labkit.runtime
    said = labkit("run", "failover", "-s", "stop", "--evidence", f"{here}/kept", "--html", f"{here}/x.html")
    assert "PASS stop" in said
    assert "(bound 0.531)" in said
    assert "1 of 1 scenarios passed" in said
    assert "failover · stop" in (here / "x.html").read_text()
    kept = here / "kept/failover-stop"
    assert "priority 150" in (kept / "server1/etc/keepalived/keepalived.conf").read_text()
    assert "Entering MASTER STATE" in (kept / "server1/syslog").read_text()
    trace = [Record.from_json(line) for line in (kept / "trace.jsonl").read_text().splitlines()]
    assert "server1" in [each.node for each in trace if each.kind is Kind.STATE and each.data["state"] == "MASTER"]
    assert "server2" in [each.node for each in trace if each.kind is Kind.ADDRESS and each.data["present"]]
    begun = [each for each in trace if each.kind is Kind.PROCESS and each.data["event"] == "start"]
    assert {"keepalived", "keepalived_vrrp"} <= {str(each.data["name"]) for each in begun if each.node == "server2"}
    assert "PASS stop" in labkit("replay", f"{here}/labkit/runs/failover-stop.jsonl")
    assert _senders(kept / "lan.pcapng") >= {"server1.eth0 192.168.1.21", "server2.eth0 192.168.1.22"}


def _senders(capture: Path) -> set[str]:
    """Return who sent adverts by which port of the switch, as scapy reads it."""
    packets = [packet for packet in rdpcap(str(capture)) if VRRP in packet]
    return {f"{packet.sniffed_on} {packet[IP].src}" for packet in packets}


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("keepalived", path="/usr/sbin:/sbin") is None, reason="keepalived is not installed")
def test_c_keepalived_takes_over_after_a_stop(labkit: Labkit) -> None:
    assert "PASS stop" in labkit("run", "failover", "-s", "stop", "--daemon", "server2=keepalived")


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("keepalived", path="/usr/sbin:/sbin") is None, reason="keepalived is not installed")
def test_c_keepalived_takes_over_after_a_crash_by_unicast(own: Labkit) -> None:
    """The scenario also wants to hear adverts of server2, which go to the others' own addresses."""
    said = own("run", "failover", "-s", "kill", "--daemon", "server2=keepalived", "--set", "unicast=yes")
    assert "PASS kill" in said


def test_what_builds_nothing_needs_nothing(labkit: Labkit) -> None:
    labs = json.loads(labkit("labs", "--json"))
    assert [lab["name"] for lab in labs] == ["balance/dr", "balance/nat", "failover"]
    assert list(labs[-1]["variants"]) == ["basic", "services"]
    assert "priority 120" in labkit("render", "failover", "--node", "server2")
    checks = json.loads(labkit("doctor", "--json"))
    assert checks["ready"]
    assert {check["name"] for check in checks["checks"]} >= {"bridge", "veth", "ipvs", "tcpdump"}


def test_rendered_files_can_be_written(own: Labkit, tmp_path: Path) -> None:
    own("render", "failover", "-o", str(tmp_path / "out"))
    assert "priority 100" in (tmp_path / "out/server3/etc/keepalived/keepalived.conf").read_text()
    assert (tmp_path / "out/server1/etc/init.d/keepalived").stat().st_mode & 0o111


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("keepalived", path="/usr/sbin:/sbin") is None, reason="keepalived is not installed")
def test_two_daemons_side_by_side(own: Labkit) -> None:
    (scenario,) = json.loads(own("compare", "failover", "-s", "stop", "--json"))
    assert list(scenario["daemons"]) == ["labkit", "keepalived"]
    for figures in scenario["daemons"].values():
        assert figures["verdict"] in ("PASS", "INCONCLUSIVE")
        assert figures["takeover_s"] > 0.3
        assert figures["memory_kb"] > 500
    assert "did you mean 'keepalived'" in own("compare", "failover", "--daemons", "labkit,keepalive", status=2)


@pytest.mark.skipif(bool(_NO_GUEST), reason=_NO_GUEST)
@pytest.mark.parametrize(
    "daemon", [pytest.param("labkit", id="ours"), pytest.param("keepalived", marks=pytest.mark.interop)]
)
def test_directors_with_real_ipvs_in_a_guest_kernel(own: Labkit, daemon: str) -> None:
    """Traffic moves to the other director and back; on a busy machine the guest may be late, but not twice."""
    if daemon == "keepalived" and shutil.which("keepalived", path="/usr/sbin:/sbin") is None:
        pytest.skip("keepalived is not installed")
    command = ["run", "balance/nat", "-s", "director-killed", "--json", "--provider", "uml"]
    for _ in range(2):
        process = own.start(*command, "--daemon", f"director1={daemon}", "--daemon", f"director2={daemon}")
        said, errors = process.communicate(timeout=55)
        if json.loads(said)[0]["verdict"] in ("PASS", "INCONCLUSIVE"):
            return
    pytest.fail(said + errors)


def test_wrong_scenarios_are_told_before_the_first_is_run(own: Labkit, tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "lab.yml").write_text((ROOT / "labs/failover/lab.yml").read_text())
    for number, node in enumerate(("server1", "server8", "server9")):
        text = f"title: x\nsteps: [{{expect: [{{vip: {node}, within: 9s}}]}}]\n"
        (tmp_path / f"scenarios/0{number}-x{number}.yml").write_text(text)
    said = own("run", str(tmp_path), status=2)
    assert [line.partition(": ")[2].partition(";")[0] for line in said.splitlines()] == [
        "unknown word 'server8'",
        "unknown word 'server9'",
    ]
