"""Options and settings that change how the daemon runs: seen from outside, in the kernel."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from labkit.kernel.links import add_address, remove_address
from tests.daemon.daemon import OURS, Daemon, instance
from tests.kernel.lan import Lan, eventually

pytestmark = pytest.mark.kernel
Start = Callable[..., Daemon]
VIP = "192.168.1.20"


@pytest.fixture
def start(lan: Lan, tmp_path: Path) -> Iterator[Start]:
    """Start a daemon: start(configuration, option, ...); all are ended with the test."""
    running: list[Daemon] = []

    def start_with(config: str, *options: str, home: str = "0") -> Daemon:
        daemon = Daemon(lan.hosts[0], tmp_path / home, config, (*OURS, *options))
        running.append(daemon)
        return daemon

    yield start_with
    for daemon in running:
        daemon.close()


def _global(*lines: str) -> str:
    return "global_defs {\n " + "\n ".join(lines) + "\n}\n"


def _status(pid: int, field: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{field}:"))


def test_stopping_with_v_leaves_the_address_and_tells_no_peer(lan: Lan, start: Start) -> None:
    daemon = start(instance(150), "-V")
    lan.hosts[0].wait_address(VIP)
    lan.sniffer.drain()
    lan.sniffer.frames.clear()
    assert daemon.stop() == 0
    assert VIP in lan.hosts[0].addresses()
    lan.sniffer.listen(0.05)
    assert all(frame.advert.priority == 150 for frame in lan.sniffer.frames if frame.advert)
    assert "sent 0 priority" not in daemon.log


def test_without_respawn_the_end_of_a_child_is_the_end(lan: Lan, start: Start) -> None:
    daemon = start(instance(150), "-R")
    lan.hosts[0].wait_address(VIP)
    os.kill(daemon.vrrp_pid, signal.SIGKILL)
    assert daemon.process.wait(timeout=5) == 1
    assert "exited due to signal 9. Terminating" in daemon.log


def test_addresses_are_logged(lan: Lan, start: Start) -> None:
    daemon = start(instance(150), "-a")
    lan.hosts[0].wait_address(VIP)
    host, guest = lan.hosts[0], IPv4Interface("10.9.9.9/24")
    host.netlink.ask([add_address(host.index("eth0"), guest)])
    daemon.wait_log("Netlink reflector reports IP 10.9.9.9 added to eth0")
    host.netlink.ask([remove_address(host.index("eth0"), guest)])
    daemon.wait_log("Netlink reflector reports IP 10.9.9.9 removed from eth0")
    assert daemon.log.count("reports IP 192.168.1.21 added to eth0") == 1


def test_the_configuration_is_logged(start: Start) -> None:
    daemon = start(instance(150), "-d")
    daemon.wait_log("VRRP Instance = VI")
    daemon.wait_log("Virtual Router ID = 21")


def test_log_files_are_the_processes_own(start: Start, tmp_path: Path) -> None:
    daemon = start(instance(150), "-G", "-g", str(tmp_path / "ka.log"))
    eventually(lambda: "Entering MASTER STATE" in _text(tmp_path / "ka_vrrp.log"))
    assert daemon.stop() == 0
    assert "Stopped Keepalived" in _text(tmp_path / "ka.log")
    assert "STATE" not in _text(tmp_path / "ka.log")


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_sigint_may_be_ignored(lan: Lan, start: Start) -> None:
    daemon = start(instance(150), "--ignore-sigint")
    lan.hosts[0].wait_address(VIP)
    daemon.process.send_signal(signal.SIGINT)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_log("Reload complete")
    assert daemon.process.poll() is None


def test_scripts_have_signals_as_any_program_has_them(lan: Lan, start: Start, tmp_path: Path) -> None:
    script = tmp_path / "notify"
    told_file, new = tmp_path / "signals", tmp_path / "signals.new"
    script.write_text(f"#!/bin/sh\ngrep ^Sig /proc/self/status >{new}\nmv {new} {told_file}\n")
    script.chmod(0o755)
    start(_global("script_user root") + instance(150, more=f"notify {script}"))
    eventually(told_file.exists)
    told = dict(line.split(":\t") for line in told_file.read_text().splitlines())
    of_libc = 1 << 31 | 1 << 32  # signals 32 and 33: no program can set them, whatever started it may have
    assert int(told["SigBlk"], 16) & ~of_libc == int(told["SigIgn"], 16) & ~of_libc == 0


def test_names_scheduling_and_memory(lan: Lan, start: Start) -> None:
    daemon = start(
        _global(
            "process_name boss", "vrrp_process_name worker", "vrrp_rt_priority 3", "vrrp_no_swap", "vrrp_cpu_affinity 0"
        )
        + instance(150)
    )
    lan.hosts[0].wait_address(VIP)
    pid = daemon.vrrp_pid
    assert Path(f"/proc/{daemon.process.pid}/comm").read_text() == "boss\n"
    assert Path(f"/proc/{pid}/comm").read_text() == "worker\n"
    assert os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    assert os.sched_getparam(pid).sched_priority == 3
    assert os.sched_getaffinity(pid) == {0}
    assert int(_status(pid, "VmLck").split()[0]) > 0
    assert resource.prlimit(pid, resource.RLIMIT_RTTIME) == (10_000, 1_000_000)
    assert os.sched_getscheduler(daemon.process.pid) == os.SCHED_OTHER
    daemon.reload(_global("vrrp_priority -4") + instance(150))
    daemon.wait_log("Reload complete")
    assert os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER
    assert os.getpriority(os.PRIO_PROCESS, pid) == -4
    assert Path(f"/proc/{pid}/comm").read_text() == "keepalived_vrrp\n"


def test_what_the_kernel_refuses_is_told_and_survived(lan: Lan, start: Start, tmp_path: Path) -> None:
    bound = (
        "setpriv",
        "--bounding-set",
        "-sys_nice,-ipc_lock,-sys_resource",
        "--inh-caps",
        "-sys_nice,-ipc_lock,-sys_resource",
    )
    config = _global("vrrp_rt_priority 3", "vrrp_no_swap", "vrrp_cpu_affinity 0") + instance(150)
    daemon = Daemon(lan.hosts[0], tmp_path / "weak", config, (*bound, *OURS))
    try:
        lan.hosts[0].wait_address(VIP)
        daemon.wait_log("cannot set the real-time priority 3: Operation not permitted")
    finally:
        daemon.close()


def test_a_name_among_several(lan: Lan, start: Start) -> None:
    """Two daemons on one host, each with an instance of its own, do not meet."""
    one = start(instance(150), home="one")
    two = start(instance(150, name="W", vrid=22, vip="192.168.1.30"), home="two")
    lan.hosts[0].wait_address(VIP)
    lan.hosts[0].wait_address("192.168.1.30")
    assert one.stop() == two.stop() == 0


@pytest.mark.parametrize("by", ["option", "file"])
def test_a_network_namespace_of_another_name(lan: Lan, tmp_path: Path, by: str) -> None:
    """The daemon starts in another namespace and runs in the one that is named."""
    name = f"labkit-{os.getpid()}-{by}"
    script = (
        'set -e; mount --make-rprivate /; mkdir -p /run/netns; mount -t tmpfs none /run/netns; touch /run/netns/"$1"\n'
    )
    script += 'mount --bind /proc/self/ns/net /run/netns/"$1"; shift; exec unshare -n "$@"'
    settings = "" if by == "option" else f"net_namespace {name}\n"
    options = ("-s", name) if by == "option" else ()
    program = ("unshare", "-m", "sh", "-c", script, "sh", name, *OURS, *options)
    daemon = Daemon(lan.hosts[0], tmp_path / "0", settings + instance(150), program)
    try:
        lan.hosts[0].wait_address(VIP)
        daemon.wait_log("Startup complete")
    finally:
        daemon.close()


def test_a_network_namespace_that_is_not_there(lan: Lan, start: Start) -> None:
    daemon = start(instance(150), "-s", "nowhere")
    assert daemon.process.wait(timeout=5) == 2
    assert "cannot run in network namespace nowhere (/run/netns/nowhere): No such file or directory" in daemon.log
    assert not (daemon.home / "pid").exists()


def test_conditional_lines_are_those_of_the_id_also_after_a_reload(lan: Lan, start: Start) -> None:
    text = instance(150).replace(" priority 150", " @one priority 151\n @^one priority 152")
    daemon = start(text, "-i", "one")
    lan.sniffer.wait_advert("192.168.1.21", priority=151)
    daemon.reload(text.replace("151", "141"))
    lan.sniffer.wait_advert("192.168.1.21", priority=141)
