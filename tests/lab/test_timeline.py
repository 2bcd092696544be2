"""What a trace looks like over time, from a trace written by hand, and how it is drawn."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from labkit.lab import catalog, loader, page
from labkit.lab.picture import picture
from labkit.lab.report import Run
from labkit.lab.timeline import Moment, Span, Timeline, timeline
from labkit.lab.topology import Topology
from labkit.lab.verdict import Finding, Result, StepResult, Verdict
from labkit.trace import SECOND, Kind, Micros, Record, Value

VIP = "192.168.1.20"
SVG = "{http://www.w3.org/2000/svg}"


def record(at: Micros, kind: Kind, node: str, **data: Value) -> Record:
    return Record(at=at, kind=kind, node=node, data=data)


def state(at: Micros, node: str, new: str, why: str) -> Record:
    return record(at, Kind.STATE, node, instance="A", state=new, old="", reason="x", why=why, priority=150)


def address(at: Micros, node: str, present: bool) -> Record:
    return record(at, Kind.ADDRESS, node, interface="eth0", address=VIP, present=present)


STORY = (
    state(1_000_000, "server1", "BACKUP", "started"),
    state(2_000_000, "server1", "MASTER", "nobody else"),
    address(2_000_100, "server1", True),
    record(2_000_200, Kind.ADVERT, "lan", source="192.168.1.21", priority=150),
    record(2_000_300, Kind.ANNOUNCE, "lan", address=VIP, lladdr="02:00:00:00:00:02"),
    record(2_500_000, Kind.PROBE, "host", probe="ping", target=VIP, ok=False, gap_us=0),
    record(2_900_000, Kind.PROBE, "host", probe="ping", target=VIP, ok=True, gap_us=420_000),
    record(2_950_000, Kind.STALL, "", stalled_us=30_000),
    address(3_000_000, "server1", False),
    record(3_000_100, Kind.PROCESS, "server1", name="keepalived", pid=7, event="exit", status=-9),
    record(3_500_000, Kind.PROBE, "host", probe="ping", target=VIP, ok=False, gap_us=0),
    address(4_000_000, "server2", True),
)


@pytest.fixture
def result() -> Result:
    found = Finding(
        what="VIP <on> server2",
        verdict=Verdict.LATE,
        bound=500_000,
        took=1_000_000,
        note="0.5 s & more",
        hint="server2 was <slow>",
    )
    return Result(
        scenario="kill",
        title="it dies <here>",
        verdict=Verdict.LATE,
        steps=(StepResult(did=("kill server1",), findings=(found,), outage=420_000, began=3_000_050),),
        took=3_000_000,
        timers=500_000,
        trace=STORY,
    )


@pytest.fixture
def drawn(topology: Topology, result: Result) -> Timeline:
    return timeline(topology, result)


def test_states_last_until_the_next_one(drawn: Timeline) -> None:
    assert (drawn.began, drawn.ended) == (1_000_000, 4_000_000)
    assert [lane.node for lane in drawn.lanes] == ["server1", "server2", "server3"]
    assert drawn.lanes[0].states == (
        Span(began=1_000_000, ended=2_000_000, what="BACKUP", why="started"),
        Span(began=2_000_000, ended=3_000_100, what="MASTER", why="nobody else"),
        Span(began=3_000_100, ended=4_000_000, what="STOPPED", why="the daemon ended with status -9"),
    )


def test_who_held_the_address(drawn: Timeline) -> None:
    assert drawn.lanes[0].held == (Span(began=2_000_100, ended=3_000_000, what=VIP),)
    assert drawn.lanes[1].held == (Span(began=4_000_000, ended=4_000_000, what=VIP),)
    assert drawn.lanes[2].held == ()


def test_what_a_router_sent(drawn: Timeline) -> None:
    assert drawn.lanes[0].adverts == (Moment(at=2_000_200, what="advert on lan, priority 150"),)
    assert drawn.lanes[0].announcements == (Moment(at=2_000_300, what=f"gratuitous ARP for {VIP} on lan"),)
    assert drawn.lanes[1].adverts == drawn.lanes[1].announcements == ()


def test_what_happened_besides(drawn: Timeline) -> None:
    assert drawn.probes == {
        "ping": (
            Span(began=2_480_000, ended=2_900_000, what="no answer for 0.420 s"),
            Span(began=3_500_000, ended=4_000_000, what="no answer to the end"),
        )
    }
    assert drawn.faults == (Moment(at=3_000_050, what="kill server1"),)
    assert drawn.stalls == (Span(began=2_920_000, ended=2_950_000, what="the host stalled for 0.030 s"),)


@pytest.mark.parametrize(
    ("lasted", "marks"),
    [
        pytest.param(0, [0], id="nothing-happened"),
        pytest.param(100_000, [0, 10_000, 20_000], id="a-tenth-of-a-second"),
        pytest.param(3 * SECOND, [0, 500_000, 1_000_000], id="three-seconds"),
        pytest.param(3600 * SECOND, [0, 500 * SECOND, 1000 * SECOND], id="an-hour"),
    ],
)
def test_the_axis_has_round_marks(drawn: Timeline, lasted: Micros, marks: list[Micros]) -> None:
    found = page.axis(replace(drawn, ended=drawn.began + lasted))
    assert found[:3] == marks
    assert len(found) <= 13


def test_the_drawing_is_to_scale(topology: Topology, result: Result) -> None:
    root = ElementTree.fromstring(page.timeline_svg(topology, result))
    (master,) = (each for each in root.iter(f"{SVG}rect") if each.get("class") == "MASTER")
    assert float(master.get("x", "")) == pytest.approx(130 + 930 / 3)  # 1 s of 3 s after the beginning
    assert float(master.get("width", "")) == pytest.approx(930 * 1.0001 / 3, abs=0.01)
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    assert "MASTER, 1.0 s to 2.0 s: nobody else" in titles


def test_a_page_needs_nothing_else_and_escapes_what_it_shows(topology: Topology, result: Result) -> None:
    text = page.to_html([Run(lab="failover", result=result, topology=topology)])
    assert re.findall(r"https?://[^\"]*", text.replace("http://www.w3.org/2000/svg", "")) == []
    assert not re.search(r"<script|<link|src=|url\(", text)
    assert "it dies &lt;here&gt;" in text
    assert "VIP &lt;on&gt; server2" in text
    assert "0.5 s &amp; more" in text
    assert ">1.000 s<" in text
    assert "server2 was &lt;slow&gt;" in text


def test_a_page_of_what_did_not_run() -> None:
    skipped = Result(scenario="x", title="t", verdict=Verdict.SKIP, steps=(), took=0, timers=0, error="no <ipvs>")
    assert "no &lt;ipvs&gt;" in page.to_html([Run(lab="balance/dr", result=skipped)])


@pytest.mark.parametrize("name", catalog.lab_names())
def test_no_two_nodes_of_a_picture_overlap(name: str) -> None:
    topology = loader.load(catalog.lab_folder(name) / "lab.yml", name=name)
    made = picture(topology)
    assert {box.node.name for box in made.boxes} == {node.name for node in topology.nodes}
    places = [(box.x, box.y) for box in made.boxes]
    for n, (x, y) in enumerate(places):
        assert 0 <= x <= made.width - made.box_width
        assert 0 <= y <= made.height - made.box_height
        for other_x, other_y in places[:n]:
            assert abs(x - other_x) >= made.box_width or abs(y - other_y) >= made.box_height
    assert len(made.cables) == sum(len(node.links) for node in topology.nodes)
    for bus in made.buses:
        assert all(not box.y <= bus.y <= box.y + made.box_height for box in made.boxes)
