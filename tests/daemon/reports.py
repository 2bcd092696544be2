"""A report as a test wants it, every value written out."""

from dataclasses import replace

from labkit.daemon.report import (
    AddressReport,
    AdjustmentReport,
    CounterReport,
    DeliveryReport,
    GroupReport,
    InterfaceReport,
    PeerReport,
    Report,
    RouterReport,
    SuspectReport,
    TrackerReport,
    TrackReport,
)

NOON = 1_795_608_000.0  # 2026-11-25 12:00:00 UTC

MASTER = RouterReport(
    name="VI_1",
    interface="eth0",
    vrid=21,
    family=4,
    version=2,
    state="MASTER",
    reason="no-advert",
    why="no advert from 192.168.1.21 for 3.531 s",
    since=NOON - 7200,
    priority=110,
    base_priority=150,
    advert_interval_us=1_000_000,
    master_down_interval_us=3_570_312,
    garp_delay=5,
    addresses=(
        AddressReport(address="192.168.1.20/24", interface="eth0", held=True),
        AddressReport(address="10.0.0.1", interface="eth1", excluded=True, held=True),
    ),
    tracks=(
        TrackReport(kind="script", name="chk", weight=-40, healthy=False),
        TrackReport(kind="interface", name="eth1", weight=0, healthy=True),
    ),
    adjustments=(AdjustmentReport(kind="script", name="chk", amount=-40),),
    peers=(PeerReport(address="192.168.1.21", priority=150, received=4, heard=NOON - 7203.5),),
    suspects=(
        SuspectReport(
            address="192.168.1.22",
            error="password",
            why="its password differs",
            count=12,
            heard=NOON - 0.4,
            suspected=True,
        ),
    ),
    counters=CounterReport(adverts_received=4, adverts_sent=7200, became_master=1, errors={"password": 12, "ttl": 1}),
)
BACKUP = replace(
    MASTER,
    name="VI_2",
    vrid=22,
    state="BACKUP",
    reason="started",
    why="just started",
    priority=100,
    base_priority=100,
    master="192.168.1.21",
    addresses=(AddressReport(address="192.168.1.30", interface="eth0"),),
    tracks=(),
    peers=(),
    suspects=(),
    adjustments=(),
    counters=CounterReport(adverts_received=5),
)
REPORT = Report(
    at=NOON,
    version="1.2.3",
    node="server1",
    pid=812,
    vrrp_pid=813,
    file="/etc/keepalived/keepalived.conf",
    started=NOON - 7384,
    routers=(MASTER, BACKUP),
    groups=(GroupReport(name="G", state="BACKUP", members=("VI_1", "VI_2")),),
    trackers=(TrackerReport(kind="script", name="chk", healthy=False, status=1, output="no process found\n"),),
    deliveries=(
        DeliveryReport(kind="script", told=3),
        DeliveryReport(kind="fifo", name="/run/fifo", told=7, lost=2),
        DeliveryReport(kind="mail", told=1, waiting=4),
    ),
    interfaces=(InterfaceReport(name="eth9", exists=False, up=False),),
)
