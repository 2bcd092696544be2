"""The settings of IPVS: whose synchronisation runs when, and timeouts that are put back; with a kernel in memory."""

from dataclasses import replace

from labkit.conf.model import GlobalDefs, SyncDaemon
from labkit.daemon.following import Following
from labkit.daemon.ipvs_settings import IpvsSettings
from labkit.daemon.messages import Follow
from labkit.lvs.model import SyncDaemon as Running
from labkit.lvs.model import SyncRole, Timeouts
from labkit.trace import SECOND, Kind, Record

MASTER, BACKUP = SyncRole.MASTER, SyncRole.BACKUP
SYNC = SyncDaemon(interface="eth1", instance="VI", sync_id=7)


class Kernel:
    """What of IPVS can be set; `done` is what was asked for."""

    def __init__(self, *left: SyncRole) -> None:
        self.timeouts = Timeouts(tcp_s=900, tcp_fin_s=120, udp_s=300)
        self.daemons = {role: Running(role=role, interface="eth9") for role in left}
        self.done: list[str] = []

    def set_timeouts(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts

    def sync_daemons(self) -> dict[SyncRole, Running]:
        return dict(self.daemons)

    def start_sync(self, daemon: Running) -> None:
        assert daemon.role not in self.daemons
        self.daemons[daemon.role] = daemon
        self.done.append(f"start {daemon.role.name}")

    def stop_sync(self, role: SyncRole) -> None:
        self.daemons.pop(role, None)
        self.done.append(f"stop {role.name}")


def settings(kernel: Kernel | None) -> tuple[IpvsSettings, list[str]]:
    said: list[str] = []
    return IpvsSettings(kernel, said.append), said  # type: ignore[arg-type]


def test_the_role_follows_the_instance() -> None:
    kernel = Kernel(MASTER)  # that of a process that was killed
    made, said = settings(kernel)
    made.configure(GlobalDefs(lvs_sync_daemon=SYNC))
    assert kernel.done == ["stop MASTER", "start BACKUP"]
    made.follow(master=True)
    made.follow(master=True)
    assert kernel.daemons == {MASTER: Running(role=MASTER, interface="eth1", sync_id=7)}
    made.configure(GlobalDefs(lvs_sync_daemon=replace(SYNC, sync_id=8)))
    assert kernel.daemons[MASTER].sync_id == 8
    made.follow(master=False)
    assert kernel.done == [
        "stop MASTER", "start BACKUP", "stop BACKUP", "start MASTER", "stop MASTER", "start MASTER", "stop MASTER",
        "start BACKUP",
    ]  # fmt: skip
    made.close()
    assert (kernel.daemons, said) == ({}, [])


def test_without_an_instance_both_run() -> None:
    kernel = Kernel()
    made, _ = settings(kernel)
    made.configure(GlobalDefs(lvs_sync_daemon=SyncDaemon(interface="eth1")))
    made.follow(master=True)
    assert kernel.done == ["start MASTER", "start BACKUP"]
    made.configure(GlobalDefs())
    assert kernel.daemons == {}


def test_timeouts_are_set_and_put_back() -> None:
    kernel = Kernel()
    found = kernel.timeouts
    made, _ = settings(kernel)
    made.configure(GlobalDefs(lvs_timeouts=(100 * SECOND, None, 30 * SECOND)))
    assert kernel.timeouts == Timeouts(tcp_s=100, tcp_fin_s=120, udp_s=30)
    made.configure(GlobalDefs(lvs_timeouts=(None, 60 * SECOND, None)))
    assert kernel.timeouts == Timeouts(tcp_s=900, tcp_fin_s=60, udp_s=300)
    made.close()
    assert kernel.timeouts == found


def test_where_there_is_no_ipvs_what_needs_it_is_named() -> None:
    made, said = settings(None)
    made.configure(GlobalDefs())
    assert said == []
    made.configure(GlobalDefs(lvs_sync_daemon=SYNC, lvs_timeouts=(SECOND, None, None)))
    made.follow(master=True)
    made.close()
    assert said == [
        "lvs_sync_daemon has no effect: it is of IPVS, and this kernel has none",
        "lvs_timeouts has no effect: it is of IPVS, and this kernel has none",
    ]


def state(instance: str, name: str) -> Record:
    return Record(at=0, kind=Kind.STATE, data={"instance": instance, "state": name})


def test_the_process_of_checks_is_told_of_the_instance_it_follows() -> None:
    told: list[bool] = []

    def send(message: Follow) -> bool:
        told.append(message.master)
        return True

    following = Following(send)
    following.note(state("VI", "MASTER"))  # nobody follows it yet
    following.configure(SYNC)
    following.tell()
    following.note(state("OTHER", "BACKUP"))
    following.note(state("VI", "FAULT"))
    following.note(state("VI", "MASTER"))
    following.gone()
    assert told == [True, False, True, False]
