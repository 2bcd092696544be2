"""FRR in keepalived's place: its files, and what it cannot be part of, in words."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from labkit.conf import loader as conf
from labkit.conf.model import Config
from labkit.diagnostics import LabkitError, RefusedError
from labkit.lab import daemons, frr, loader, render, vocabulary
from labkit.lab.daemons import kind_of
from labkit.lab.prepared import Prepared, prepare
from labkit.lab.provider import LackingError
from labkit.lab.topology import Daemon, Topology

FILE = """\
! the virtual routers of /etc/keepalived/keepalived.conf, as FRR says it
frr defaults traditional
hostname server2
log syslog informational
!
interface eth0
 vrrp 21 version 3
 vrrp 21 priority 120
 vrrp 21 advertisement-interval 400
 vrrp 21 preempt
 vrrp 21 ip 192.168.1.20
exit
!
"""
PLAIN = """\
vrrp_instance X {
    interface eth0
    virtual_router_id 21
    version 3
    virtual_ipaddress {
        192.168.1.20
    }
"""


def prepared(*, variant: str = "basic", **settings: str) -> Prepared:
    return prepare("failover", variant, {"version": "3", "advert_int": "0.4", **settings}, {"server2": "frr"})


def text(of: Prepared, path: str) -> str:
    return next(file.text for file in of.files["server2"] if file.path == path)


def test_its_file_says_what_keepalived_s_says() -> None:
    lab = prepared()
    assert text(lab, "/etc/frr/frr.conf") == FILE
    assert lab.configs["server2"].instances[0].router.priority == 120
    assert lab.needs == ("vrrpd", "macvlan")
    assert lab.lacking == ""


def test_it_has_its_own_script_and_not_keepalived_s() -> None:
    paths = [file.path for file in prepared().files["server2"]]
    assert "/etc/init.d/frr" in paths
    assert "/etc/init.d/keepalived" not in paths
    assert "/etc/init.d/keepalived" in [file.path for file in prepared().files["server1"]]


def test_its_script_is_one_for_a_shell() -> None:
    script = text(prepared(), "/etc/init.d/frr")
    assert "ip link set vrrp4-1-21 address 00:00:5e:00:01:15 up" in script
    done = subprocess.run(["/bin/sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(
            {"version": "2", "advert_int": "1"},
            "server2:/etc/keepalived/keepalived.conf:1:15: server2 runs frr, which knows no authentication; "
            "leave it out on every router, as `--set version=3` does in the shipped labs",
            id="authentication",
        ),
        pytest.param(
            {"unicast": "yes"},
            "server2:/etc/keepalived/keepalived.conf:1:15: server2 runs frr, which sends adverts by multicast only; "
            "leave out unicast_peer (`--set unicast=yes` writes it)",
            id="unicast",
        ),
    ],
)
def test_what_it_cannot_be_part_of_is_refused(settings: Mapping[str, str], expected: str) -> None:
    with pytest.raises(RefusedError) as caught:
        prepared(**settings)
    assert str(caught.value) == expected


def lab_of(topology: Topology, text: str) -> tuple[Topology, dict[str, Config]]:
    """Return the lab with FRR on server2, whose keepalived.conf is this text."""
    nodes = tuple(replace(node, daemon=Daemon.FRR) if node.name == "server2" else node for node in topology.nodes)
    config = conf.loads(text, file="server2").config
    assert config is not None
    return replace(topology, nodes=nodes), {"server2": config}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "configured by the vrrp_instances of its keepalived.conf; it has none; give its", id="none"),
        pytest.param(
            PLAIN + "priority 255\n}", "whose priorities end at 254; give it a priority of 1..254", id="owner"
        ),
        pytest.param(
            PLAIN.replace("192.168.1.20", "fe80::20") + "}", "for which labkit writes IPv4 only; give this", id="ipv6"
        ),
    ],
)
def test_other_refusals(topology: Topology, text: str, expected: str) -> None:
    with pytest.raises(RefusedError, match=expected):
        frr.refuse(*lab_of(topology, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(PLAIN + "nopreempt\n}", "", id="nothing"),
        pytest.param(PLAIN + "preempt_delay 5\n}", "preempt_delay", id="delay"),
        pytest.param(PLAIN + "notify_master /bin/true\n}", "notify", id="notify"),
        pytest.param(PLAIN + "track_interface {\neth1\n}\n}", "track_interface", id="interface"),
        pytest.param(
            PLAIN + "virtual_ipaddress_excluded {\n10.0.0.1\n}\n}", "virtual_ipaddress_excluded", id="excluded"
        ),
        pytest.param(PLAIN + "}\nvrrp_sync_group G {\ngroup {\nX\n}\n}", "vrrp_sync_group", id="group"),
        pytest.param(
            PLAIN + "mcast_src_ip 192.168.1.22\n}\nstatic_routes {\n10.9.0.0/24 via 192.168.1.1\n}",
            "static_routes, mcast_src_ip",
            id="two",
        ),
    ],
)
def test_what_it_has_nothing_like(topology: Topology, text: str, expected: str) -> None:
    said = frr.lacking(*lab_of(topology, text))
    assert said == (f"server2 runs frr, which has no {expected}" if expected else "")


def test_the_services_of_the_guide_are_not_for_it() -> None:
    words = "which has no track_script, track_interface, notify"
    assert prepared(variant="services").lacking == f"server2 runs frr, {words}"
    everywhere = dict.fromkeys(("server1", "server2", "server3"), "frr")
    assert prepare("failover", "services", {}, everywhere).lacking == f"server1, server2 and server3 run frr, {words}"


def test_a_state_that_it_has_not(topology: Topology, tmp_path: Path) -> None:
    path = tmp_path / "01-x.yml"
    path.write_text("title: t\nsteps: [{do: {kill: server1}, expect: [{state: server2, is: FAULT, within: 1s}]}]")
    scenario = vocabulary.load(path, "x", topology)
    assert frr.lacking_for(scenario, topology) == ""
    assert frr.lacking_for(scenario, lab_of(topology, PLAIN + "}")[0]) == "server2 runs frr, which has no state FAULT"


@pytest.mark.parametrize(("change", "taken"), [("priority 90", True), ("advert_int 2", True), ("vrid", False)])
def test_what_a_reload_takes_over(topology: Topology, change: str, taken: bool) -> None:
    lab, before = lab_of(topology, PLAIN + "}")
    other = PLAIN.replace("id 21", "id 22") if change == "vrid" else f"{PLAIN}{change}\n"
    _, after = lab_of(topology, other + "}")
    if taken:
        frr.refuse_reload(lab.node("server2"), before["server2"], after["server2"])
    else:
        frr.refuse_reload(lab.node("server1"), before["server2"], after["server2"])
        with pytest.raises(
            LackingError, match=r"^server2 runs frr, which reloads priority, advert_int and nopreempt only"
        ):
            frr.refuse_reload(lab.node("server2"), before["server2"], after["server2"])


def test_a_wrong_file_is_told_of_once(folder: Path) -> None:
    topology = loader.load(folder / "lab.yml", name="failover", settings={"vrid": "300", "version": "3"})
    nodes = tuple(replace(node, daemon=Daemon.FRR) for node in topology.nodes)
    with pytest.raises(RefusedError, match=r"server2:/etc/keepalived/keepalived.conf:4:23: `300` does not fit here"):
        render.check(render.render(replace(topology, nodes=nodes), folder))


def test_what_is_not_installed_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "present", lambda program: program == "keepalived")
    cure = "frr is not installed on this machine; install it: sudo apt-get install frr"
    assert daemons.programs() == {"keepalived": "", "vrrpd": cure}
    assert daemons.missing(Daemon.LABKIT) == ""


def test_an_unknown_daemon(topology: Topology) -> None:
    with pytest.raises(LabkitError, match=r"no daemon 'ffr'; did you mean 'frr'\?"):
        prepare("failover", None, {}, {"server2": "ffr"})
    assert kind_of(topology.node("server1")).script == "/etc/init.d/keepalived"
