"""lab.yml: what is right is loaded, what is wrong is told with its place."""

import json
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.diagnostics import RefusedError
from labkit.lab import loader
from labkit.lab.topology import Role, Topology

GOOD = """\
title: A lab
networks:
  lan: {subnet: 10.0.0.0/24}
nodes:
  one:
    role: router
    links:
      eth0: {network: lan, address: 10.0.0.1}
  two:
    role: client
    links:
      eth0: {network: lan, address: 10.0.0.2}
vars: {vip: 10.0.0.9}
"""


def test_failover(topology: Topology) -> None:
    assert [node.name for node in topology.nodes] == ["host", "server1", "server2", "server3"]
    assert [node.name for node in topology.routers] == ["server1", "server2", "server3"]
    assert topology.node("host").role is Role.CLIENT
    server1 = topology.node("server1").links[0]
    assert (server1.interface, server1.address) == ("eth0", IPv4Interface("192.168.1.21/24"))
    assert server1.lladdr == bytes.fromhex("020000000002")
    assert topology.variables["vip"] == "192.168.1.20"
    assert topology.variant == "basic"


def test_a_variant_is_laid_over_the_rest(services: Topology) -> None:
    assert [link.interface for link in services.node("server1").links] == ["eth0", "eth1"]
    assert services.node("server2").variables == {"priority": "120"}
    assert services.node("server1").services == ("web",)
    assert services.variables["track_interface"] == "eth1"


def complaints(tmp_path: Path, text: str, **options: object) -> list[str]:
    path = tmp_path / "lab.yml"
    path.write_text(text)
    with pytest.raises(RefusedError) as caught:
        loader.load(path, name="x", **options)  # type: ignore[arg-type]
    return [str(each).removeprefix(f"{path}:") for each in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("title: A lab\n", "", ["1:1: 'title' is missing; add `title: ...` here"], id="missing"),
        pytest.param(
            "role: client",
            "role: clint",
            ["10:5: role ('clint'): input should be 'router', 'client' or 'server'; one of: router, client, server"],
            id="role",
        ),
        pytest.param(
            "  two:",
            "  t_o:",
            ["9:3: 't_o' is no host name; letters, digits and hyphens between them, at most 32"],
            id="host-name",
        ),
        pytest.param(
            "  two:",
            "  -two:",
            ["9:3: '-two' is no host name; letters, digits and hyphens between them, at most 32"],
            id="host-name-hyphen",
        ),
        pytest.param(
            "address: 10.0.0.2",
            "address: 10.0.1.2",
            ["12:28: 10.0.1.2 is not in network lan (10.0.0.0/24); an address of 10.0.0.0/24"],
            id="outside",
        ),
        pytest.param(
            "address: 10.0.0.2",
            "address: 10.0.0.1",
            ["12:28: 10.0.0.1 belongs to one already; another address for two"],
            id="twice",
        ),
        pytest.param(
            "{network: lan, address: 10.0.0.2}",
            "{network: len, address: 10.0.0.2}",
            ["12:14: no network 'len'; did you mean 'lan'?"],
            id="network",
        ),
        pytest.param(
            "address: 10.0.0.2",
            "address: 10.0.0.255",
            [
                "12:28: 10.0.0.255 stands for all of network lan (10.0.0.0/24); "
                "an address between its first and its last",
            ],
            id="broadcast",
        ),
        pytest.param(
            "address: 10.0.0.2}",
            "address: 10.0.0.2}\n      eth1: {network: lan, address: 10.0.0.2}",
            ["13:28: 10.0.0.2 belongs to two already; another address for two"],
            id="twice-on-one-node",
        ),
        pytest.param(
            "address: 10.0.0.2",
            "address: 10.0.0.2/24",
            [
                "12:28: address ('10.0.0.2/24'): input is not a valid IPv4 address; "
                "an IPv4 address such as 192.168.1.21, without a prefix"
            ],
            id="prefix",
        ),
        pytest.param(
            "role: client",
            "role: router\n    daemon: bird",
            ["11:5: daemon ('bird'): input should be 'labkit', 'keepalived' or 'frr'; one of: labkit, keepalived, frr"],
            id="daemon",
        ),
        pytest.param(
            "role: client",
            "role: client\n    gateway: 10.0.1.1",
            ["11:5: 10.0.1.1 is on no network of two; an address of 10.0.0.0/24"],
            id="gateway",
        ),
        pytest.param(
            "role: client",
            "role: client\n    gateway: nowhere",
            [
                "11:5: gateway ('nowhere'): input is not a valid IPv4 address; "
                "an IPv4 address such as 192.168.1.1, a variable that holds one, or none"
            ],
            id="no-address-for-a-gateway",
        ),
        pytest.param(
            "role: client",
            "role: client\n    loopback: [10.0.0.5, vop]",
            [
                "11:26: loopback ('vop'): input is not a valid IPv4 address; "
                "IPv4 addresses such as 192.168.1.20, or variables that hold one"
            ],
            id="no-address-for-lo",
        ),
        pytest.param(
            "vars: {vip: 10.0.0.9}",
            "roles: {client: {gateway: 10.0.1.1}}",
            ["13:18: 10.0.1.1 is on no network of two; an address of 10.0.0.0/24"],
            id="gateway-of-a-role",
        ),
        pytest.param(
            "role: client",
            "role: client\n    sysctls: {kernel.hostname: x}",
            [
                "11:15: 'kernel.hostname' is no setting of a node; "
                "one of its network, by its name with dots, such as net.ipv4.ip_forward"
            ],
            id="sysctl",
        ),
        pytest.param(
            "vars: {vip: 10.0.0.9}",
            "roles: {client: {sysctls: {net/ipv4: 1}}}",
            [
                "13:28: 'net/ipv4' is no setting of a node; "
                "one of its network, by its name with dots, such as net.ipv4.ip_forward"
            ],
            id="sysctl-of-a-role",
        ),
        pytest.param(
            "vars: {vip: 10.0.0.9}",
            "roles: {server: {services: [web, wbe]}}",
            ["13:34: a node has no service 'wbe'; did you mean 'web'?"],
            id="service",
        ),
        pytest.param(
            "vars: {vip: 10.0.0.9}",
            "needs: [ipsv]",
            ["13:9: a lab cannot need 'ipsv'; did you mean 'ipvs'?"],
            id="needs",
        ),
        pytest.param(
            "eth0: {network: lan, address: 10.0.0.2}",
            "lo: {network: lan, address: 10.0.0.2}",
            ["12:7: 'lo' is no interface name; at most 15 letters such as eth0"],
            id="loopback",
        ),
        pytest.param(
            "eth0: {network: lan, address: 10.0.0.2}",
            "sixteenletters16: {network: lan, address: 10.0.0.2}",
            ["12:7: 'sixteenletters16' is no interface name; at most 15 letters such as eth0"],
            id="long-interface",
        ),
        pytest.param(
            "links:\n      eth0: {network: lan, address: 10.0.0.2}",
            "links: {}",
            ["11:5: two is on no network; add `eth0: {network: ..., address: ...}`"],
            id="no-link",
        ),
        pytest.param(
            "vars: {vip: 10.0.0.9}",
            "variants: [fast]",
            ["13:1: `variants` is a mapping; `variants: {NAME: {...}}`"],
            id="variants",
        ),
        pytest.param(
            "vars: {vip: 10.0.0.9}",
            "variants: {fast: now}",
            ["13:12: variant 'fast' is a mapping; what is laid over the rest, such as `vars: {...}`"],
            id="variant",
        ),
        pytest.param(
            "title: A lab",
            "title: &a [*a]",
            [
                "1:1: values stand too deep in one another; write it flat, without an alias (`*name`) inside its own "
                "anchor (`&name`)",
            ],
            id="alias-in-itself",
        ),
        pytest.param("vars:", "varz:", ["13:1: unknown key 'varz'; did you mean 'vars'?"], id="key"),
        pytest.param(
            "vars: {vip: 10.0.0.9}",
            "vars: {vip: 1}\nvars: {vip: 2}",
            ["14:1: 'vars' stands here twice; keep one; the first is at line 13"],
            id="key-twice",
        ),
        pytest.param(
            "title: A lab",
            "title: [A lab",
            ["2:9: not YAML: expected ',' or ']', but got ':'; check the indentation and the quotes above this place"],
            id="syntax",
        ),
    ],
)
def test_complaints(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    assert complaints(tmp_path, GOOD.replace(old, new, 1)) == expected


def test_a_mistake_in_a_variant_is_placed_in_the_variant(tmp_path: Path) -> None:
    text = GOOD + "variants:\n  far:\n    nodes:\n      two: {links: {eth0: {address: 10.9.0.2}}}\n"
    found = complaints(tmp_path, text, variant="far")
    assert found == ["17:28: 10.9.0.2 is not in network lan (10.0.0.0/24); an address of 10.0.0.0/24"]


def test_a_variant_may_be_empty(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text(GOOD + "variants: {plain: , far: {vars: {vip: 10.0.0.8}}}\n")
    assert loader.load(tmp_path / "lab.yml", name="x").variables == {"vip": "10.0.0.9"}
    assert loader.load(tmp_path / "lab.yml", name="x", variant="far").variables == {"vip": "10.0.0.8"}


def test_each_of_many_interfaces_has_a_link_layer_address_of_its_own(tmp_path: Path) -> None:
    nodes = [f"  n{i}: {{role: client, links: {{e: {{network: x, address: 10.0.1.{i}}}}}}}\n" for i in range(255)]
    links = ", ".join(f"e{i}: {{network: x, address: 10.0.2.{i}}}" for i in range(255))
    more = ", ".join(f"f{i}: {{network: x, address: 10.0.3.{i}}}" for i in range(9))
    text = "title: x\nnetworks: {x: {subnet: 10.0.0.0/16}}\nnodes:\n" + "".join(nodes)
    (tmp_path / "lab.yml").write_text(text + f"  last: {{role: client, links: {{{links}, {more}}}}}\n")
    topology = loader.load(tmp_path / "lab.yml", name="x")
    found = [link.lladdr.hex(":") for node in topology.nodes for link in node.links]
    assert len(set(found)) == len(found)
    assert (found[0], found[-1]) == ("02:00:00:00:00:01", "02:00:01:07:01:00")


def test_a_setting_goes_over_the_variant(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text(GOOD + "variants: {far: {vars: {vip: 10.0.0.8}}}\n")
    topology = loader.load(tmp_path / "lab.yml", name="x", variant="far", settings={"vip": "10.0.0.7"})
    assert topology.variables == {"vip": "10.0.0.7"}


def test_values_nested_without_end(tmp_path: Path) -> None:
    found = complaints(tmp_path, "[" * 3000 + "]" * 3000)
    assert found[0].startswith("1:1: values stand too deep in one another; ")


def test_aliases_of_aliases_of_aliases(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 8)]
    (found,) = complaints(tmp_path, "\n".join(lines))
    assert found.startswith("1:1: more than 200000 values, each alias (`*name`) counted as all that it stands for; ")


def test_several_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("role: client", "role: clint").replace("subnet: 10.0.0.0/24", "subnet: 10.0.0.1/24")
    found = complaints(tmp_path, text)
    assert [each.split(":")[0] for each in found] == ["3", "10"]


def test_unknown_variant(tmp_path: Path) -> None:
    text = GOOD + "variants: {basic: {title: one}, fast: {title: two}}\n"
    assert complaints(tmp_path, text, variant="fst") == ["14:1: lab x has no variant 'fst'; did you mean 'fast'?"]


def test_unknown_variable(tmp_path: Path) -> None:
    found = complaints(tmp_path, GOOD, settings={"vop": "1"})
    assert found == ["13:1: lab x has no variable 'vop'; did you mean 'vip'?"]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"nowhere\.yml:1:1: No such file or directory; a readable YAML file"):
        loader.load(tmp_path / "nowhere.yml", name="x")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yml"
    path.write_bytes(data)
    with pytest.raises(RefusedError):
        loader.load(path, name="x")


@settings(deadline=None, max_examples=50)
@given(st.recursive(st.text(max_size=8), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner)))
def test_any_value_in_a_key_is_refused_or_loaded(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yml"
    for key in ("networks", "nodes", "roles", "vars", "variants", "title"):
        lines = [line for line in GOOD.splitlines(keepends=True) if not line.startswith(f"{key}:")]
        path.write_text("".join(lines) + f"{key}: {json.dumps(value)}\n")
        try:
            loader.load(path, name="x")
        except RefusedError:
            continue


def test_an_address_of_lo_that_stands_twice_is_one(tmp_path: Path) -> None:
    text = GOOD.replace("    role: client\n", "    role: client\n    loopback: [10.0.0.9, vip, 10.0.0.9]\n", 1)
    (tmp_path / "lab.yml").write_text(text)
    topology = loader.load(tmp_path / "lab.yml", name="x")
    assert [str(address) for node in topology.nodes for address in node.loopback] == ["10.0.0.9"]
