import socket
from ipaddress import IPv4Address
from pathlib import Path

from labkit.daemon.tracer import Tracer, records
from labkit.trace import Kind, Record
from labkit.vrrp.events import PriorityChanged, Reason, Rejected, ScriptChanged, State, Transition, Why
from labkit.vrrp.packet import DecodeError, ErrorKind

PEER = IPv4Address("192.168.1.22")
ACTIONS = [
    Transition(
        router="X",
        old=State.BACKUP,
        new=State.MASTER,
        why=Why(reason=Reason.RELEASED, peer=PEER),
        priority=120,
    ),
    PriorityChanged(router="X", old=150, new=110),
    ScriptChanged(script="chk", healthy=False, status=1, settled=False),
    ScriptChanged(script="chk", healthy=False, status=1, settled=True),
    Rejected(
        router="X", interface="eth0", source=PEER, error=DecodeError(kind=ErrorKind.PASSWORD, detail="x"), count=2
    ),
]
EXPECTED = [
    '{"at":7,"kind":"state","node":"n","instance":"X","state":"MASTER","old":"BACKUP","reason":"released",'
    '"why":"192.168.1.22 gave up mastership (priority 0)","priority":120}',
    '{"at":7,"kind":"priority","node":"n","instance":"X","priority":110,"old":150}',
    '{"at":7,"kind":"script","node":"n","script":"chk","healthy":false,"status":1}',
    '{"at":7,"kind":"rejected","node":"n","instance":"X","source":"192.168.1.22","error":"password","count":2}',
]


def test_actions_become_records() -> None:
    assert [record.to_json() for record in records(ACTIONS, 7, "n")] == EXPECTED


def test_records_are_datagrams_of_json(tmp_path: Path) -> None:
    path = str(tmp_path / "trace")
    tracer = Tracer(path, lambda: 7)
    tracer.say(Kind.STALL, {"stalled_us": 1})  # nobody listens yet
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        tracer.say(Kind.STALL, {"stalled_us": 2})
        assert Record.from_json(listener.recv(1000)).data == {"stalled_us": 2}
        for _ in range(5000):  # a listener that does not listen
            tracer.say(Kind.STALL, {"stalled_us": 3})
    tracer.close()
