"""What a run leaves behind, written with a lab that answers by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.diagnostics import LabkitError
from labkit.lab import evidence
from labkit.lab.provider import File, Frame
from labkit.lab.report import Run
from labkit.lab.topology import Topology
from labkit.lab.verdict import Result, Verdict
from labkit.trace import Kind, Record


class FakeClient:
    """Has one frame on each network; or the lab has ended."""

    def __init__(self, *, ended: bool = False) -> None:
        self.ended = ended

    def frames(self, network: str) -> Iterator[Frame]:
        if self.ended:
            raise LabkitError("the lab has ended")
        yield Frame(number=1, at_ns=7, port="server1.eth0", length=60, data=b"whatever it is")


@pytest.fixture
def run(topology: Topology) -> Run:
    trace = (
        Record(at=1, kind=Kind.LOG, node="server1", data={"line": "Starting"}),
        Record(at=2, kind=Kind.LOG, node="server2", data={"line": "Other"}),
        Record(at=3, kind=Kind.LINK, node="server1", data={"interface": "eth0", "up": True}),
        Record(at=4, kind=Kind.LOG, node="server1", data={"line": "Stopped"}),
    )
    result = Result(scenario="kill", title="t", verdict=Verdict.NEVER, steps=(), took=4, timers=2, trace=trace)
    return Run(lab="balance/dr", result=result, number=3, topology=topology)


FILES = {"server1": [File(path="/etc/keepalived/keepalived.conf", text="vrrp_instance A {\n}\n")], "host": []}


def test_everything_is_there(run: Run, tmp_path: Path) -> None:
    place = evidence.keep(tmp_path, run, FILES, FakeClient())  # type: ignore[arg-type]
    assert place == tmp_path / "balance-dr-kill-3"
    assert {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()} == {
        "report.html",
        "result.json",
        "trace.jsonl",
        "lan.pcapng",
        "host/syslog",
        "server1/syslog",
        "server1/etc/keepalived/keepalived.conf",
    }
    assert (place / "server1/syslog").read_text() == "Starting\nStopped\n"
    assert json.loads((place / "result.json").read_text())[0]["verdict"] == "NEVER"
    records = [Record.from_json(line) for line in (place / "trace.jsonl").read_text().splitlines()]
    assert tuple(records) == run.result.trace
    assert b"whatever it is" in (place / "lan.pcapng").read_bytes()
    assert b"server1.eth0" in (place / "lan.pcapng").read_bytes()


def test_a_lab_that_has_ended_leaves_what_was_seen(run: Run, tmp_path: Path) -> None:
    place = evidence.keep(tmp_path, run, FILES, FakeClient(ended=True))  # type: ignore[arg-type]
    assert not (place / "lan.pcapng").exists()
    assert (place / "trace.jsonl").exists()


def test_where_nothing_can_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabkitError, match=r"the evidence cannot be written: .*file"):
        evidence.keep(tmp_path / "file", run, FILES, FakeClient())  # type: ignore[arg-type]
