"""A speaker told anything in any order: it never raises, never spins, and its actions fit together."""

from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.trace import SECOND
from labkit.vrrp.config import (
    FileConfig,
    GroupConfig,
    HmacConfig,
    HmacMode,
    InterfaceDelay,
    Peer,
    ProcessConfig,
    ScriptConfig,
    Track,
    TrackKind,
)
from labkit.vrrp.events import (
    Action,
    ClockChanged,
    Configure,
    DuplicateSeen,
    Event,
    FileChanged,
    HoldAddresses,
    InterfaceChanged,
    KillScript,
    ProcessesChanged,
    Received,
    ReleaseAddresses,
    RunScript,
    ScriptExited,
    SetPriority,
    State,
    Stop,
    Transition,
    Wake,
)
from labkit.vrrp.packet import Advert, DecodeError, ErrorKind
from labkit.vrrp.reasons import TRANSITIONS
from labkit.vrrp.speaker import Speaker
from tests.vrrp.dialogue import HIGHER, LOWER, US, V2, V3, VIP, interface_track, script_track

INTERFACES = st.sampled_from(["eth0", "eth1"])
SCRIPTS = (ScriptConfig(name="chk", interval=2 * SECOND), ScriptConfig(name="slow", interval=SECOND, fall=3, rise=2))


def file_track(name: str, weight: int = 0) -> Track:
    return Track(kind=TrackKind.FILE, name=name, weight=weight)


def process_track(name: str, weight: int = 0) -> Track:
    return Track(kind=TrackKind.PROCESS, name=name, weight=weight)


OUT = replace(V2, name="out")
IN = replace(V3, name="in", interface="eth1", vrid=22)
ROUTERS = st.tuples(
    st.sampled_from(
        [
            OUT,
            replace(OUT, priority=255),
            replace(OUT, preempt_delay=5 * SECOND, auth=None),
            replace(OUT, tracks=(script_track("chk"), script_track("slow", -20))),
            replace(OUT, vrid=30, addresses=(VIP, HIGHER)),
            replace(OUT, tracks=(file_track("f"), file_track("g", 3), process_track("nginx", -50)), start_delay=SECOND),
            replace(OUT, refresh_interval=SECOND, lower_prio_repeat=0, higher_prio_send_advert=True, strict=True),
            replace(OUT, auth=None, ah=b"secret"),
            replace(OUT, peers=(Peer(address=LOWER, min_ttl=9),)),
        ]
    ),
    st.sampled_from(
        [
            IN,
            replace(IN, preempt=False),
            replace(IN, tracks=(interface_track("eth0", 10),)),
            replace(IN, hmac=HmacConfig(keys={1: bytes(32)}, active=1, mode=HmacMode.PERMISSIVE)),
        ]
    ),
)
FILES = (FileConfig(name="f"), FileConfig(name="g"))
PROCESSES = (ProcessConfig(name="nginx", quorum_max=2, fork_delay=SECOND // 2, terminate_delay=SECOND),)
GROUP = GroupConfig(name="G", members=("out", "in"), tracks=(file_track("f", 2),), weighted=True)
GROUPS = st.sampled_from([(), (GROUP,), (replace(GROUP, tracks=(), weighted=False),)])

adverts = st.builds(
    Advert,
    version=st.sampled_from([2, 3]),
    vrid=st.sampled_from([21, 22, 30, 99]),
    priority=st.integers(0, 255),
    interval=st.sampled_from([10_000, 100_000, SECOND, 40_950_000]),
    addresses=st.sampled_from([(), (VIP,), (HIGHER, VIP)]),
    auth=st.sampled_from([None, b"Venezuel", b"wrong"]),
)
errors = st.builds(
    DecodeError, kind=st.sampled_from(ErrorKind), detail=st.just("x"), vrid=st.sampled_from([None, 21, 99])
)
events: st.SearchStrategy[Event] = st.one_of(
    st.just(Wake()),
    st.builds(Received, interface=INTERFACES, source=st.sampled_from([LOWER, US, HIGHER]), packet=adverts | errors),
    st.builds(
        InterfaceChanged,
        interface=INTERFACES,
        exists=st.just(True),
        up=st.booleans(),
        primary=st.sampled_from([None, US, IPv4Address("192.168.1.77")]),
    ),
    st.builds(ScriptExited, script=st.sampled_from(["chk", "slow", "other"]), status=st.sampled_from([0, 1, -9, None])),
    st.builds(
        lambda routers, groups, delays: Configure(
            routers=routers, scripts=SCRIPTS, groups=groups, files=FILES, processes=PROCESSES, delays=delays
        ),
        ROUTERS,
        GROUPS,
        st.sampled_from([(), (InterfaceDelay(interface="eth0", down=SECOND, up=SECOND),)]),
    ),
    st.builds(
        lambda routers: Configure(routers=routers[:1], scripts=SCRIPTS, files=FILES, processes=PROCESSES), ROUTERS
    ),
    st.builds(FileChanged, file=st.sampled_from(["f", "g", "h"]), value=st.sampled_from([None, 0, 1, -100])),
    st.builds(ProcessesChanged, process=st.sampled_from(["nginx", "other"]), count=st.integers(0, 3)),
    st.builds(ClockChanged, utc_offset=st.integers(0, 10 * SECOND)),
    st.builds(SetPriority, router=st.sampled_from(["out", "in", "x"]), priority=st.none() | st.integers(1, 254)),
    st.builds(DuplicateSeen, router=st.sampled_from(["out", "x"]), address=st.just(VIP), lladdr=st.just(bytes(6))),
    st.just(Stop()),
)


class Witness:
    """Keeps the books on what a speaker asked for."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.running: set[str] = set()

    def see(self, action: Action) -> None:
        match action:
            case HoldAddresses():
                self.held.add(action.router)
            case ReleaseAddresses():
                self.held.remove(action.router)
            case RunScript():
                assert action.script not in self.running
                self.running.add(action.script)
            case KillScript():
                assert action.script in self.running
            case Transition():
                assert action.why.reason in TRANSITIONS[action.old, action.new]
            case _:
                pass


@settings(max_examples=300, deadline=None)
@given(history=st.lists(st.tuples(st.integers(0, 4 * SECOND), events), max_size=60))
def test_anything(history: list[tuple[int, Event]]) -> None:
    speaker, witness, now = Speaker(), Witness(), 0
    for interface in ("eth0", "eth1"):
        speaker.handle(InterfaceChanged(interface=interface, exists=True, up=True, primary=US), now)
    for wait, event in history:
        now += wait
        if isinstance(event, ScriptExited):
            witness.running.discard(event.script)
        for action in speaker.handle(event, now):
            witness.see(action)
        if isinstance(event, Stop | Configure):
            witness.running &= {name for name, script in speaker.scripts.items() if script.running}
        deadline = speaker.deadline
        assert not isinstance(event, Wake) or deadline is None or deadline > now
        routers = speaker.routers.values()
        assert witness.held == {router.name for router in routers if router.state is State.MASTER}
