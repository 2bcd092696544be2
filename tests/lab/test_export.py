"""What an export writes, to the letter, and what it refuses.

The expected texts are in golden/; `python -m tests.lab.test_export` writes them anew, for a person to compare.
"""

import importlib
import shutil
from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from labkit.diagnostics import LabkitError
from labkit.lab import catalog, loader, render
from labkit.lab.export import compose, containerlab, hosts, kathara, target
from labkit.lab.export.target import PYTHON, Export, Lab
from labkit.lab.provider import File
from labkit.lab.topology import CONFIG, Daemon, Network, Topology

GOLDEN = Path(__file__).parent / "golden"
TARGETS = ("containerlab", "kathara", "compose", "hosts")
_SAME_EVERYWHERE = ("etc/init.d/", "pykeepalived.service", "deploy.yml")


def little(**settings: str) -> Topology:
    return loader.load(GOLDEN / "lab.yml", name="little", settings=settings)


def lab(topology: Topology) -> Lab:
    return Lab(topology=topology, files=render.render(topology, GOLDEN, python=PYTHON))


def transcript(target: str) -> str:
    """Return an export as one text: each file with its mode; what is the same in every lab by its name only."""
    export: Export = importlib.import_module(f"labkit.lab.export.{target}").export
    parts = []
    for file in export(lab(little())):
        parts.append(f"==> {file.path} {file.mode:o}\n")
        if not any(known in file.path for known in _SAME_EVERYWHERE):
            parts.append(file.text)
    return "".join(parts)


@pytest.mark.parametrize("target", TARGETS)
def test_an_export_to_the_letter(target: str) -> None:
    assert transcript(target) == (GOLDEN / f"{target}.txt").read_text()


@pytest.mark.parametrize("target", TARGETS)
def test_scripts_look_for_their_interpreter(target: str) -> None:
    export: Export = importlib.import_module(f"labkit.lab.export.{target}").export
    scripts = [file.text for file in export(lab(little())) if file.path.endswith("init.d/apache2")]
    assert all("/usr/bin/env -S python3 -m labkit.lab.web" in text for text in scripts)
    assert bool(scripts) == (target != "hosts")


def test_unicast_names_the_other_routers_of_the_network() -> None:
    files = render.render(little(unicast="yes"), GOLDEN)
    render.check(files)
    assert "    unicast_src_ip 192.168.1.22\n    unicast_peer {\n        192.168.1.21\n    }\n" in files["beta"][0].text
    assert render.render(little(unicast="no"), GOLDEN) == render.render(little(), GOLDEN)


def test_a_new_lab_can_do_without_multicast_too(tmp_path: Path) -> None:
    folder = catalog.share() / "templates/new"
    (tmp_path / "templates").mkdir()
    shutil.copy(folder / "keepalived.conf.j2", tmp_path / "templates")
    topology = loader.load(folder / "lab.yml", name="mine", settings={"unicast": "yes"})
    configs, _ = render.check(render.render(topology, tmp_path))
    assert [len(config.instances[0].router.peers) for config in configs.values()] == [1, 1]


@pytest.mark.parametrize("name", catalog.lab_names())
def test_hosts_get_no_stand_ins(name: str) -> None:
    """What a lab puts in the place of programs that a host has must not get onto one."""
    folder = catalog.lab_folder(name)
    topology = loader.load(folder / "lab.yml", name=name)
    exported = hosts.export(Lab(topology=topology, files=render.render(topology, folder, python=PYTHON)))
    paths = {file.path.partition("/")[2] for file in exported if "/" in file.path}
    assert "etc/keepalived/keepalived.conf" in paths
    assert paths <= {
        "etc/keepalived/keepalived.conf",
        "etc/sysctl.d/60-keepalived.conf",
        "etc/systemd/system/virtual-addresses.service",
        "usr/local/bin/my-notify.sh",
    }


def renamed(topology: Topology, old: str, new: str) -> Topology:
    return replace(
        topology, nodes=tuple(replace(node, name=new) if node.name == old else node for node in topology.nodes)
    )


def test_a_segment_whose_name_a_node_has_gets_another() -> None:
    lab_yml, *_ = containerlab.export(lab(renamed(little(), "web", "lan")))
    assert "\n    lan-segment:\n      exec:\n      - ip link add br0" in lab_yml.text
    assert "interface: eth1\n" in lab_yml.text


def test_what_kathara_cannot_take_is_named() -> None:
    with pytest.raises(LabkitError, match=r"rename node 'Alpha', node 'web-1' in lab\.yml") as caught:
        kathara.export(lab(renamed(renamed(little(), "web", "web-1"), "alpha", "Alpha")))
    assert str(caught.value).startswith("Kathará takes names of small letters, digits and '_'")
    with pytest.raises(LabkitError, match=r"rename node 'shared' in lab\.yml"):
        kathara.export(lab(renamed(little(), "web", "shared")))
    topology = little()
    (link,) = topology.node("web").links
    odd = replace(topology.node("web"), links=(replace(link, interface="wan0"),))
    with pytest.raises(LabkitError, match=r"names interfaces eth0, eth1, \.\.\. in this order; rename those of web$"):
        kathara.export(lab(replace(topology, nodes=(odd,))))


def test_a_host_with_the_name_of_a_group() -> None:
    with pytest.raises(LabkitError, match=r"^Ansible's inventory has groups .*; rename node 'all' in lab\.yml$"):
        hosts.export(lab(renamed(little(), "web", "all")))


@pytest.mark.parametrize("path", ["/etc/my file", "/etc/a:b", "/etc/$x", "/etc/it's"])
def test_a_path_that_others_would_take_apart(path: str) -> None:
    with pytest.raises(LabkitError, match=r"; rename file '.*' in lab\.yml$") as caught:
        Lab(topology=little(), files={"web": [File(path=path, text="")]})
    assert f"'{path}'" in str(caught.value)


def test_a_title_of_two_lines() -> None:
    lab_conf = kathara.export(lab(replace(little(), title='a\n"b" = c')))[0].text
    assert 'LAB_DESCRIPTION="little, variant basic: a b c"\n' in lab_conf


@pytest.mark.parametrize("target", [kathara, compose])
def test_two_interfaces_on_one_network(target: object) -> None:
    topology = little()
    (link,) = topology.node("web").links
    second = replace(link, interface="eth1", address=IPv4Interface("10.0.0.4/29"))
    double = replace(topology.node("web"), links=(link, second))
    with pytest.raises(LabkitError, match="gives a node one interface on a network; web has two on one"):
        target.export(lab(replace(topology, nodes=(double,))))  # type: ignore[attr-defined]


def test_docker_takes_an_address_that_nothing_in_the_lab_has() -> None:
    """192.168.1.254 is the client's; of 10.0.0.0/29 .6 is a gateway."""
    text = compose.export(lab(little()))[0].text
    assert "subnet: 192.168.1.0/24\n        gateway: 192.168.1.253\n" in text
    assert "subnet: 10.0.0.0/29\n        gateway: 10.0.0.5\n" in text


def test_a_network_without_an_address_for_docker() -> None:
    topology = little()
    narrow = replace(topology, networks=(topology.networks[0], Network(name="back", subnet=IPv4Network("10.0.0.0/30"))))
    with pytest.raises(LabkitError, match=r"an address of network back \(10\.0\.0\.0/30\) for itself; none is left"):
        compose.export(lab(narrow))


def test_frr_is_not_exported() -> None:
    topology = little()
    target.require_keepalived(topology)
    nodes = tuple(replace(node, daemon=Daemon.FRR) for node in topology.nodes)
    with pytest.raises(LabkitError, match=r"^a lab is exported without frr, which alpha and beta would run; let them"):
        target.require_keepalived(replace(topology, nodes=nodes))


def test_a_router_that_nothing_starts_is_not_exported() -> None:
    exported = lab(little())
    target.require_files(exported, [CONFIG, target.DAEMON_SCRIPT])
    bare = {name: [file for file in files if file.path == CONFIG] for name, files in exported.files.items()}
    target.require_files(replace(exported, files=bare), [CONFIG])
    with pytest.raises(LabkitError, match=r"^router alpha has no /etc/init\.d/keepalived; add it to the files of its"):
        target.require_files(replace(exported, files=bare), [CONFIG, target.DAEMON_SCRIPT])


@pytest.mark.parametrize("image", ["", "a b", 'x"', "${IMAGE}", "-x"])
def test_a_word_that_is_no_image(image: str) -> None:
    with pytest.raises(LabkitError, match=r"is no name of an image; one such as registry\.example\.org/labkit-node:1"):
        Lab(topology=little(), files={}, image=image)


def test_a_lab_s_name_becomes_a_word() -> None:
    assert Lab(topology=replace(little(), name="Balance/My Lab"), files={}).name == "balance-my-lab"
    assert Lab(topology=replace(little(), name="…"), files={}).name == "lab"


if __name__ == "__main__":
    for each in TARGETS:
        (GOLDEN / f"{each}.txt").write_text(transcript(each))
