"""The balance labs: the guides' files to the letter, what was added to them, and that each addition can be left out."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from labkit.conf.model import Config
from labkit.diagnostics import LabkitError, RefusedError
from labkit.lab import catalog, loader, render, vocabulary
from labkit.lab.document import read_yaml, variants_of
from labkit.lab.topology import CONFIG, Topology
from labkit.lvs.model import Destination, Forwarding, Scheduler
from labkit.providers.registry import lacking
from labkit.ui.cli.plan import prepare

GUIDES = Path(__file__).parents[1] / "conf/guides"
LABS = ("balance/dr", "balance/nat")
SERVERS = ("server1", "server2", "server3")


def load(lab: str, variant: str | None = None) -> Topology:
    return loader.load(catalog.lab_folder(lab) / "lab.yml", name=lab, variant=variant)


def configs(lab: str, variant: str) -> dict[str, Config]:
    return render.check(render.render(load(lab, variant), catalog.lab_folder(lab)))[0]


def test_balance_is_two_labs() -> None:
    assert catalog.labs_of("balance") == list(LABS)
    assert catalog.labs_of("balance/nat") == ["balance/nat"]
    assert catalog.labs_of("failover") == ["failover"]
    with pytest.raises(LabkitError, match="balance is several labs, choose one: balance/dr, balance/nat"):
        catalog.lab_folder("balance")


def test_the_folder_above_has_scenarios_for_all_its_labs(tmp_path: Path) -> None:
    for name in ("scenarios/02-all.yml", "one/scenarios/01-own.yml", "one/scenarios/03-own-too.yml", "one/lab.yml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("title: x\n")
    assert catalog.scenario_names(tmp_path / "one") == ["own", "all", "own-too"]
    (tmp_path / "lab.yml").write_text("title: a lab itself, whose scenarios are its own\n")
    assert catalog.scenario_names(tmp_path / "one") == ["own", "own-too"]


@pytest.mark.parametrize("lab", LABS)
@pytest.mark.parametrize(("node", "guide"), [("director1", "master"), ("director2", "backup")])
def test_a_directors_file_is_the_guides_to_the_letter(lab: str, node: str, guide: str) -> None:
    files = render.render(load(lab), catalog.lab_folder(lab))
    text = next(file.text for file in files[node] if file.path == CONFIG)
    assert text == (GUIDES / f"{lab.removeprefix('balance/')}-{guide}.conf").read_text()


@pytest.mark.parametrize("lab", LABS)
def test_every_variant_renders_to_files_that_are_right(lab: str) -> None:
    for variant in variants_of(read_yaml(catalog.lab_folder(lab) / "lab.yml")):
        found = configs(lab, variant)
        assert list(found) == ["director1", "director2"]
        server = found["director1"].virtual_servers[0].core
        assert (server.service.persistence_s is None) == (variant in ("spread", "weighted", "sorry", "sync"))
        assert len(server.servers) == 3


def test_an_arp_table_holds_neighbours_only(tmp_path: Path) -> None:
    path = tmp_path / "01-x.yml"
    path.write_text("title: x\nsteps:\n  - expect: [{arp: client1, is: server1, within: 1s}]\n")
    with pytest.raises(RefusedError, match="3:29: server1 is on no network of client1; a node on external"):
        vocabulary.load(path, "x", load("balance/nat"))
    assert vocabulary.load(path, "x", load("balance/dr")).steps


def test_what_the_guides_leave_out() -> None:
    nat, direct = load("balance/nat"), load("balance/dr")
    assert {dict(node.sysctls)["net.ipv4.ip_forward"] for node in nat.routers} == {"1"}
    assert {nat.node(server).gateway for server in SERVERS} == {IPv4Address("10.0.0.20")}
    assert {direct.node(server).loopback for server in SERVERS} == {(IPv4Address("192.168.1.20"),)}
    quiet = {"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2"}
    assert all(dict(direct.node(server).sysctls) == quiet for server in SERVERS)


def test_addresses_that_are_set_go_everywhere() -> None:
    folder = catalog.lab_folder("balance/nat")
    nat = loader.load(folder / "lab.yml", name="balance/nat", variant="spread", settings={"inner_vip": "10.0.0.30"})
    assert {nat.node(server).gateway for server in SERVERS} == {IPv4Address("10.0.0.30")}
    scenario = vocabulary.load(folder / "scenarios/14-blind-cut.yml", "balance/nat", nat)
    assert "10.0.0.30" in repr(scenario)
    assert "10.0.0.20" not in repr(scenario)
    direct = loader.load(catalog.lab_folder("balance/dr") / "lab.yml", name="x", settings={"vip": "192.168.1.30"})
    assert {direct.node(server).loopback for server in SERVERS} == {(IPv4Address("192.168.1.30"),)}


def test_each_addition_can_be_left_out() -> None:
    assert dict(load("balance/nat", "no-forwarding").node("director1").sysctls) == {"net.ipv4.ip_forward": "0"}
    assert load("balance/nat", "no-gateway").node("server1").gateway is None
    assert load("balance/nat", "fixed-gateway").node("server1").gateway == IPv4Address("10.0.0.21")
    assert load("balance/dr", "no-vip").node("server1").loopback == ()
    assert set(dict(load("balance/dr", "no-arp-ignore").node("server1").sysctls).values()) == {"0"}


@pytest.mark.parametrize(("lab", "kind"), [("balance/nat", Forwarding.NAT), ("balance/dr", Forwarding.DR)])
def test_weights_and_the_sorry_server(lab: str, kind: Forwarding) -> None:
    weighted = configs(lab, "weighted")["director1"].virtual_servers[0].core
    assert weighted.service.scheduler is Scheduler.WRR
    assert [server.destination.weight for server in weighted.servers] == [3, 2, 1]
    sorry = load(lab, "sorry").node("sorry").links[0].address.ip
    assert configs(lab, "sorry")["director2"].virtual_servers[0].core.sorry == Destination(
        address=sorry, port=80, forwarding=kind
    )


def test_the_network_is_shown_as_commands() -> None:
    assert render.network(load("balance/dr").node("server2")).splitlines() == [
        "ip address add 192.168.1.51/24 dev eth0",
        "ip address add 192.168.1.20/32 dev lo",
        "sysctl -w net.ipv4.conf.all.arp_ignore=1",
        "sysctl -w net.ipv4.conf.all.arp_announce=2",
    ]
    assert "ip route add default via 10.0.0.20\n" in render.network(load("balance/nat").node("server1"))


def test_c_keepalived_balances_with_ipvs_only() -> None:
    assert prepare("balance/dr", None, [], []).needs == ()
    assert prepare("balance/dr", None, [], ["director2=keepalived"]).needs == ("keepalived", "ipvs")
    assert prepare("failover", None, [], ["server2=keepalived"]).needs == ("keepalived",)


class Kernel:
    """A provider whose kernel can do some things."""

    def __init__(self, **capabilities: str) -> None:
        self.found = capabilities

    def capabilities(self) -> dict[str, str]:
        return self.found


def test_what_a_kernel_lacks_is_named() -> None:
    made = Kernel(ipvs="No such file or directory", netem="")
    assert lacking(made, ()) == ""  # type: ignore[arg-type]
    assert lacking(made, ("netem",)) == ""  # type: ignore[arg-type]
    assert (
        lacking(made, ("ipvs", "netem"))  # type: ignore[arg-type]
        == "the kernel lacks ipvs (No such file or directory); --provider uml has its own"
    )
    assert lacking(made, ("keepalived",)) == ""  # type: ignore[arg-type] # it does not say
    assert (
        lacking(Kernel(vrrpd="frr is not installed"), ("vrrpd", "macvlan"))  # type: ignore[arg-type]
        == "frr is not installed; the kernel lacks macvlan (unknown); --provider uml has its own"
    )
