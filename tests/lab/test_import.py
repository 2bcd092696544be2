"""A lab that was exported comes back as it was; what others write is read, or complained of with its place."""

import contextlib
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.diagnostics import LabkitError, RefusedError, Span
from labkit.lab import document, loader, render
from labkit.lab.export import containerlab as containerlab_export
from labkit.lab.export import kathara as kathara_export
from labkit.lab.export.target import PYTHON, Lab
from labkit.lab.importing import containerlab, draft, kathara
from labkit.lab.importing.commands import Startup, words_of
from labkit.lab.importing.draft import Draft
from labkit.lab.provider import File
from labkit.lab.topology import CONFIG, Topology

GOLDEN = Path(__file__).parent / "golden"
CONF = """\
# {% endraw %} {{{% 'x' #}
vrrp_instance VI_1 {# mine
    interface eth0
    virtual_router_id 7
    virtual_ipaddress {
        10.0.0.100
    }
}
"""


def place(folder: Path, files: dict[str, str] | tuple[File, ...]) -> None:
    texts = files if isinstance(files, dict) else {file.path: file.text for file in files}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def lab(read: Draft, folder: Path) -> tuple[Topology, list[str]]:
    files, chosen = draft.write(read)
    place(folder, files)
    return loader.load(folder / "lab.yml", name="imported"), chosen


@pytest.mark.parametrize("target", ["containerlab", "kathara"])
def test_what_was_exported_comes_back(tmp_path: Path, target: str) -> None:
    little = loader.load(GOLDEN / "lab.yml", name="little")
    export = containerlab_export.export if target == "containerlab" else kathara_export.export
    files = render.render(little, GOLDEN, python=PYTHON)
    place(tmp_path / "there", export(Lab(topology=little, files=files)))
    there = tmp_path / "there"
    read = kathara.read(there) if target == "kathara" else containerlab.read(containerlab.topology_file(there))
    back, chosen = lab(read, tmp_path / "back")
    assert chosen == []
    assert {each.name: each.subnet for each in back.networks} == {each.name: each.subnet for each in little.networks}
    for node, was in zip(back.nodes, little.nodes, strict=True):
        assert (node.name, node.links, node.gateway) == (was.name, was.links, was.gateway)
        assert (node.loopback, node.sysctls) == (was.loopback, was.sysctls)
    assert [node.name for node in back.routers] == ["alpha", "beta"]
    assert back.variables["vip"] == "192.168.1.20"
    rendered = render.render(back, tmp_path / "back")
    for name in ("alpha", "beta"):
        (config,) = (file.text for file in rendered[name] if file.path == CONFIG)
        assert config == next(file.text for file in files[name] if file.path == CONFIG)
    assert all("my-notify.sh" in line or "apache2" in line or "index.html" in line for line in read.left_out)


def test_kathara_as_people_write_it(tmp_path: Path) -> None:
    there = tmp_path / "there"
    place(
        there,
        {
            "lab.conf": '# a comment\nLAB_DESCRIPTION="Three: machines"\n\nr_1[0]="A"  # the first\nr_1[1]=B\n'
            "pc[0]=A/02:00:00:00:00:01\npc[mem]=64m\nidle[0]='C'\n",
            "r_1.startup": "ifconfig eth0 10.0.0.1/24 up\nifconfig eth1 10.0.1.1 netmask 255.255.255.128 up\n"
            "echo 1 > /proc/sys/net/ipv4/ip_forward\nsysctl -w net.ipv4.conf.all.arp_ignore=1\n",
            "pc.startup": "# nothing\nip -4 a add 10.0.0.2/24 dev eth0; ip r add default via 10.0.0.1\nsleep 1\n",
            "r_1/etc/keepalived/keepalived.conf": CONF,
        },
    )
    read = kathara.read(there)
    topology, chosen = lab(read, tmp_path / "back")
    assert topology.title == "Three: machines"
    assert [str(link.address) for node in topology.nodes for link in node.links] == [
        "10.0.0.1/24",
        "10.0.1.1/25",
        "10.0.0.2/24",
        "10.0.2.1/24",
    ]
    assert [node.name for node in topology.nodes] == ["r-1", "pc", "idle"]
    assert str(topology.node("pc").gateway) == "10.0.0.1"
    assert topology.node("r-1").sysctls == (("net.ipv4.ip_forward", "1"), ("net.ipv4.conf.all.arp_ignore", "1"))
    assert chosen == [
        f"{there}/lab.conf:4:1: r_1 cannot be the name of a host; r-1 is taken",
        f"{there}/lab.conf:8:10: nothing is said of addresses on segment C; 10.0.2.0/24 is taken",
        f"{there}/lab.conf:8:10: idle has no address on eth0; 10.0.2.1 is taken",
    ]
    assert read.left_out == (f"{there}/lab.conf:7:1: pc[mem]", f"{there}/pc.startup:3:1: sleep 1")
    rendered = render.render(topology, tmp_path / "back")["r-1"]
    assert next(file.text for file in rendered if file.path == CONFIG) == CONF


CLAB = """\
name: mine
topology:
  defaults: {kind: linux, image: debian}
  nodes:
    br-a: {kind: bridge}
    sw:
      exec: ["sh -c 'ip link add name br0 type bridge && ip link set eth2 master br0'"]
    r1:
      binds: ["conf/r1.conf:/etc/keepalived/keepalived.conf:ro", "conf/motd:/etc/motd"]
      exec: ["ip addr add 10.0.0.1/24 dev eth10", "ip addr add fe80::1/64 dev eth10"]
    pc:
      exec: ["ip route replace default via 10.0.0.1"]
  links:
    - endpoints: ["r1:eth10", "sw:eth1"]
    - endpoints: ["sw:eth2", "br-a:p1"]
    - type: veth
      endpoints: [{node: pc, interface: eth1, ipv4: 10.0.0.2/24}, {node: br-a, interface: p2}]
    - endpoints: ["r1:eth2", "pc:eth2"]
      ipv4: ["10.9.0.1/30", "10.9.0.2/30"]
    - endpoints: ["r1:eth3", "pc:eth3"]
    - endpoints: ["pc:eth9", "host:veth1"]
"""


def test_containerlab_as_people_write_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.clab.yml"
    place(tmp_path, {"mine.clab.yml": CLAB, "conf/r1.conf": CONF})
    assert containerlab.topology_file(tmp_path) == path
    read = containerlab.read(path)
    topology, chosen = lab(read, tmp_path / "back")
    assert topology.title == "mine"
    links = {
        f"{node.name}:{link.interface}": (link.network, str(link.address))
        for node in topology.nodes
        for link in node.links
    }
    assert links == {
        "r1:eth2": ("r1-pc", "10.9.0.1/30"),
        "r1:eth3": ("r1-pcx", "10.0.1.1/24"),
        "r1:eth10": ("sw", "10.0.0.1/24"),
        "pc:eth1": ("sw", "10.0.0.2/24"),
        "pc:eth2": ("r1-pc", "10.9.0.2/30"),
        "pc:eth3": ("r1-pcx", "10.0.1.2/24"),
    }
    assert [link.interface for link in topology.node("r1").links] == ["eth2", "eth3", "eth10"]
    assert len(chosen) == 3
    assert read.left_out == (
        f"{path}:9:66: conf/motd:/etc/motd",
        f"{path}:21:7: a link that leaves the lab",
        f"{path}:10:51: ip addr add fe80::1/64 dev eth10",
    )


def test_what_all_nodes_of_a_kind_or_group_have_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.clab.yml"
    path.write_text("""\
topology:
  defaults: {kind: linux, exec: [date], sysctls: {net.a: 1, net.b: 1}}
  kinds: {linux: {exec: ["ip route add default via 10.0.0.1"], sysctls: {net.b: 2}}}
  groups:
    switch: {kind: bridge}
    forward: {binds: ["r.conf:/etc/keepalived/keepalived.conf"], sysctls: {net.c: 3}}
  nodes: {s: {group: switch}, r: {group: forward, sysctls: {net.a: 4}}, pc: }
  links: [{endpoints: ["r:eth1", "s:eth1"]}, {endpoints: ["pc:eth1", "s:eth2"]}]
""")
    (tmp_path / "r.conf").write_text(CONF.replace("eth0", "eth1"))
    read = containerlab.read(path)
    router, pc = read.devices
    assert [port.segment for device in read.devices for port in device.ports] == ["s", "s"]
    assert (router.sysctls, pc.sysctls) == (
        (("net.a", "4"), ("net.b", "2"), ("net.c", "3")),
        (("net.a", "1"), ("net.b", "2")),
    )
    assert (str(pc.gateway), router.config is None, pc.config is None) == ("10.0.0.1", False, True)
    assert read.left_out == (f"{path}:2:34: date",)


def test_a_folder_with_a_keepalived_conf_is_bound(tmp_path: Path) -> None:
    nodes = 'a: {binds: ["a:/etc/keepalived/:ro"]}, b: {binds: ["b:/etc/keepalived"]}'
    links = '{endpoints: ["a:eth0", "b:eth0"]}'
    text = f"topology: {{nodes: {{{nodes}}}, links: [{links}]}}\n"
    place(tmp_path, {"x.clab.yml": text, "a/keepalived.conf": CONF, "b/notify.sh": ""})
    read = containerlab.read(tmp_path / "x.clab.yml")
    assert [device.config for device in read.devices] == [(CONF, f"{tmp_path}/a/keepalived.conf"), None]
    assert read.left_out == (f"{tmp_path}/x.clab.yml:1:71: b:/etc/keepalived",)


def test_any_name_of_a_network_is_one_in_the_lab(tmp_path: Path) -> None:
    path = tmp_path / "x.clab.yml"
    path.write_text("""\
name: "x, y\\n  z: {"
topology:
  nodes: {"s: {x, y": {kind: bridge}, b: }
  links: [{endpoints: [{node: "s: {x, y", interface: p1}, "b:eth1"]}]
""")
    topology, _ = lab(containerlab.read(path), tmp_path / "back")
    assert [network.name for network in topology.networks] == ["s: {x, y"]
    assert topology.title == "x, y\n  z: {"


def clab(nodes: str, links: str = "[]") -> str:
    return f"name: x\ntopology:\n  nodes: {nodes}\n  links: {links}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("name: x\n", ":1:1: a containerlab topology has nodes; `topology: {nodes", id="no nodes"),
        pytest.param(
            clab("{a: {exec: ['ip address add 10.0.0.300/24 dev eth1']}}"),
            ":3:22: octet 300 (> 255) not permitted in 10.0.0.300; an IPv4 address such as",
            id="an address",
        ),
        pytest.param(
            clab("{a: {exec: ['echo \"']}}"), ":3:22: a line that no shell can read: no closing quotation", id="quotes"
        ),
        pytest.param(
            clab("{server1: {}, lan: {}}", "[{endpoints: ['server1:eth1', 'sever1:eth2']}]"),
            ":4:40: no node 'sever1'; did you mean 'server1'?",
            id="a node",
        ),
        pytest.param(
            clab("{a: {}}", "[{endpoints: ['a:eth1']}]"), ":4:11: a link has two endpoints; `endpoints:", id="one end"
        ),
        pytest.param(
            clab("{a: {}, b: {}}", "[{endpoints: ['a', 'b:eth1']}]"),
            ":4:24: an endpoint of a without an interface; `a:eth1`",
            id="no interface",
        ),
        pytest.param(
            clab("{a: {}, b: {}}", "[{endpoints: ['a:eth1', 'b:eth1'], ipv4: ['10.0.0.1.1', '']}]"),
            ":4:24: '10.0.0.1.1' is no IPv4 address; one with its prefix, such as 192.168.1.21/24",
            id="an address of a link",
        ),
        pytest.param(clab("{a: {exec: ip link}}"), ":3:15: 'exec' is a list; `exec: [...]`", id="exec is no list"),
        pytest.param(clab("{a: {}}", "{a: b}"), ":4:3: 'links' is a list; `links: [...]`", id="links are no list"),
        pytest.param(
            clab("{a: {binds: ['no.conf:/etc/keepalived/keepalived.conf']}}"), "no.conf cannot be read;", id="a bind"
        ),
    ],
)
def test_what_is_wrong_in_a_containerlab_topology(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "x.clab.yml"
    path.write_text(text)
    with pytest.raises(RefusedError) as caught:
        containerlab.read(path)
    assert expected in str(caught.value)


_KEYS = (
    "topology",
    "nodes",
    "links",
    "endpoints",
    "exec",
    "binds",
    "kind",
    "ipv4",
    "node",
    "interface",
    "a",
    "sysctls",
)
_WORDS = st.sampled_from(
    ("a", "a:eth0", "host:x", "ip a add 10.0.0.1/8 dev eth0", "bridge", "x:/etc/keepalived/keepalived.conf", "")
)
_TREES = st.recursive(
    _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(nodes=st.dictionaries(st.sampled_from(("a", "b")), _TREES, max_size=2), links=_TREES, other=_TREES)
def test_anything_else_is_refused_in_words(nodes: object, links: object, other: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.clab.yml"
        for value in (other, {"topology": {"nodes": nodes, "links": links}}):
            path.write_text(yaml.safe_dump(value))
            with contextlib.suppress(LabkitError):
                draft.write(containerlab.read(path))


@pytest.mark.parametrize(
    ("text", "startup", "expected"),
    [
        pytest.param("pc[0]=A\nPC[0]=A\n", "", "lab.conf:2:1: lab.conf has no such line; DEVICE[0]=", id="a line"),
        pytest.param("pc[0]=A-B\n", "", "lab.conf:1:7: 'A-B' is no collision domain; letters, digits", id="a domain"),
        pytest.param("pc[0]=A\npc[0]=B\n", "", "lab.conf:2:7: pc[0] stands here twice; another number", id="twice"),
        pytest.param(
            "pc[0]=A\n", "\n  ifconfig eth0 10.0.0.1/33\n", "pc.startup:2:3: 33 is not a valid netmask", id="a mask"
        ),
    ],
)
def test_what_is_wrong_in_a_kathara_lab(tmp_path: Path, text: str, startup: str, expected: str) -> None:
    place(tmp_path, {"lab.conf": text, "pc.startup": startup})
    with pytest.raises(RefusedError) as caught:
        kathara.read(tmp_path)
    assert f"{tmp_path}/{expected}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "startup", "expected"),
    [
        pytest.param(
            "a[0]=A\nb[0]=A\n",
            "ip address add 10.0.1.1/24 dev eth0",
            "b.startup:1:1: 10.0.1.1/24 is of another network than others on segment A (10.0.0.0/24); an address",
            id="two networks",
        ),
        pytest.param("a_b[0]=A\na__b[0]=A\n", "", "lab.conf:2:1: 'a-b' is the name of two machines", id="names"),
        pytest.param("a[0]=A\nb[mem]=64m\n", "", "lab.conf:2:1: b is on no network; connect it", id="no network"),
    ],
)
def test_what_no_lab_can_be(tmp_path: Path, text: str, startup: str, expected: str) -> None:
    place(tmp_path, {"lab.conf": text, "a.startup": "ip a add 10.0.0.1/24 dev eth0\n", "b.startup": startup})
    with pytest.raises(RefusedError) as caught:
        draft.write(kathara.read(tmp_path))
    assert f"{tmp_path}/{expected}" in str(caught.value)


_A_TO_B = "[{endpoints: ['a:eth1', 'b:eth1']}]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            clab("{a: {}, b: {}}", "[{endpoints: ['a:e1/1', 'b:eth1']}]"),
            ":4:24: 'e1/1' is no interface name; at most 15 letters",
            id="interface",
        ),
        pytest.param(
            clab("{a: {}, b: {}}", "[{endpoints: ['a:eth1', 'b:eth1']}, {endpoints: ['a:eth1', 'b:eth2']}]"),
            ":4:59: eth1 of a is connected twice; another interface; the first is at line 4",
            id="connected twice",
        ),
        pytest.param(
            clab("{a: {sysctls: {kernel.x: 1}}, b: {}}", _A_TO_B), ":3:11: 'kernel.x' is no setting", id="setting"
        ),
        pytest.param(
            clab("{a: {exec: ['ip a add 10.0.0.0/24 dev eth1']}, b: {}}", _A_TO_B),
            ":3:22: 10.0.0.0 stands for all of network a-b",
            id="a network's address",
        ),
        pytest.param(
            clab("{a: {}, b: {exec: ['ip r add default via 192.0.2.1']}}", _A_TO_B),
            ":3:18: 192.0.2.1 is on no network of b; an address of 10.0.0.0/24",
            id="gateway",
        ),
    ],
)
def test_what_no_lab_can_be_is_told_where_the_source_says_it(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "x.clab.yml"
    path.write_text(text)
    with pytest.raises(RefusedError) as caught:
        draft.write(containerlab.read(path))
    assert f"{path}{expected}" in str(caught.value)


def test_what_is_wrong_with_all_of_the_lab_is_told_at_the_first_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab.conf").write_text("\npc[0]=A\n")
    read = kathara.read(tmp_path)
    monkeypatch.setattr(document, "_MANY", 5)
    with pytest.raises(RefusedError, match=r"lab.conf:2:7: more than 5 values"):
        draft.write(read)


def test_a_lab_without_a_machine(tmp_path: Path) -> None:
    place(tmp_path, {"lab.conf": 'LAB_NAME="x"\n'})
    with pytest.raises(LabkitError, match=r"Kathará's .*/lab\.conf has no machine, and a lab has at least one"):
        draft.write(kathara.read(tmp_path))


def test_a_command_on_two_lines(tmp_path: Path) -> None:
    place(tmp_path, {"lab.conf": "pc[0]=A\n", "pc.startup": "ip a add 10.0.0.1/24 \\\n  dev eth0\ndate \\\n"})
    read = kathara.read(tmp_path)
    assert str(read.devices[0].ports[0].address) == "10.0.0.1/24"
    assert read.left_out == (f"{tmp_path}/pc.startup:3:1: date",)


def test_a_quoted_text_of_several_lines(tmp_path: Path) -> None:
    startup = "echo 'a\n\nip a add 10.0.9.9/24 dev eth0\nb' > /etc/x # it's\n# it's\nip a add 10.0.0.1/24 dev eth0\n"
    place(tmp_path, {"lab.conf": "pc[0]=A\n", "pc.startup": startup})
    read = kathara.read(tmp_path)
    assert str(read.devices[0].ports[0].address) == "10.0.0.1/24"
    assert read.left_out == (f"{tmp_path}/pc.startup:1:1: echo a ip a add 10.0.9.9/24 dev eth0 b > /etc/x",)
    place(tmp_path, {"pc.startup": "date\necho 'a\nb\n"})
    with pytest.raises(RefusedError, match=r"pc\.startup:2:1: .*no closing quotation; close the quotes$"):
        kathara.read(tmp_path)


def test_a_quote_that_stays_open_is_looked_at_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are told apart at each line that may end it; with every line, a long file took minutes."""
    read: list[str] = []
    monkeypatch.setattr(kathara, "words_of", lambda line: read.append(line) or words_of(line))
    startup = "echo don't\n" + "ip link set eth0 up\n" * 500
    place(tmp_path, {"lab.conf": "pc[0]=A\n", "pc.startup": startup})
    with pytest.raises(RefusedError, match=r"pc\.startup:1:1: .*no closing quotation; close the quotes$"):
        kathara.read(tmp_path)
    assert len(read) == 2


def test_the_text_of_a_here_document_is_no_command(tmp_path: Path) -> None:
    startup = (
        "cat > /etc/motd <<'END' # <<\nit's\nip a add 10.0.9.9/24 dev eth0\n\tEND\nip a add 10.0.0.1/24 dev eth0\n"
    )
    more = "# cat <<END\nread x <<<y\ntee a <<-A <<B\n  A\nsysctl net.x=1\nB\nip r add default via 10.0.0.2\n"
    place(tmp_path, {"lab.conf": "pc[0]=A\n", "pc.startup": startup + more})
    read = kathara.read(tmp_path)
    assert str(read.devices[0].ports[0].address) == "10.0.0.1/24"
    assert str(read.devices[0].gateway) == "10.0.0.2"
    assert read.devices[0].sysctls == ()
    assert [each.partition("startup:")[2] for each in read.left_out] == [
        "1:1: cat > /etc/motd << END",
        "7:1: read x <<< y",
        "8:1: tee a << -A << B",
    ]


def test_what_is_left_out_of_a_kathara_lab_is_told(tmp_path: Path) -> None:
    config = "pc/etc/keepalived/keepalived.conf"
    place(
        tmp_path,
        {
            "lab.conf": 'pc[0]=A\npc[exec]="ip a add 10.0.0.1/24 dev eth0"\npc[exec]=date\n',
            config: CONF,
            "pc/etc/init.d/keepalived": "",
            "pc/usr/local/bin/notify.sh": "",
            "shared/x": "",
            "pc.shutdown": "",
            "lab.dep": "",
        },
    )
    read = kathara.read(tmp_path)
    assert [str(port.address) for port in read.devices[0].ports] == ["10.0.0.1/24"]
    assert read.left_out == (
        *(f"{tmp_path}/{name}" for name in ("lab.dep", "pc.shutdown", "shared/x")),
        f"{tmp_path}/lab.conf:3:10: date",
        f"{tmp_path}/pc/usr/local/bin/notify.sh",
    )


def test_a_wrong_keepalived_conf_is_named(tmp_path: Path) -> None:
    config = "a/etc/keepalived/keepalived.conf"
    place(tmp_path, {"lab.conf": "a[0]=A\n", config: CONF.replace("interface", "inteface")})
    with pytest.raises(RefusedError, match=rf"{tmp_path}/{config}:3:5: .*did you mean 'interface'"):
        draft.write(kathara.read(tmp_path))


def test_a_full_network(tmp_path: Path) -> None:
    place(tmp_path, {"lab.conf": "a[0]=A\nb[0]=A\nc[0]=A\n", "a.startup": "ip a add 10.0.0.1/30 dev eth0\n"})
    with pytest.raises(RefusedError, match=r"lab\.conf:3:6: no address is left for c on segment A \(10\.0\.0\.0/30\)"):
        draft.write(kathara.read(tmp_path))


def test_a_folder_without_one_topology(tmp_path: Path) -> None:
    with pytest.raises(LabkitError, match=r"holds neither a lab\.conf \(Kathará\) nor one \*\.clab\.yml"):
        containerlab.topology_file(tmp_path)
    place(tmp_path, {"b.clab.yml": "", "a.clab.yaml": ""})
    with pytest.raises(LabkitError, match=r"it has a\.clab\.yaml, b\.clab\.yml: name one"):
        containerlab.topology_file(tmp_path)


@pytest.mark.parametrize(
    ("line", "addresses"),
    [
        pytest.param("ip addr replace local 10.0.0.1/24 brd + dev eth1", {"eth1": "10.0.0.1/24"}, id="local"),
        pytest.param("ip addr add dev eth1 10.0.0.1/24 brd +", {"eth1": "10.0.0.1/24"}, id="device first"),
        pytest.param("ip address add dev eth1", {}, id="no address"),
        pytest.param("/sbin/ip address add 10.0.0.1 dev eth1", {"eth1": "10.0.0.1/32"}, id="no prefix"),
        pytest.param("/sbin/ifconfig eth1 inet 10.0.0.1/24", {"eth1": "10.0.0.1/24"}, id="ifconfig"),
        pytest.param(
            "bash -c 'ip a a 10.0.0.1/24 dev a; ip a a 10.0.1.1/24 dev b'",
            {"a": "10.0.0.1/24", "b": "10.0.1.1/24"},
            id="shell",
        ),
        pytest.param("ip address del 10.0.0.1/24 dev eth1", {}, id="del"),
        pytest.param("ip address add 10.0.0.1/24", {}, id="no device"),
        pytest.param("ifconfig eth1 mtu 1400", {}, id="mtu"),
        pytest.param("ip route add 10.1.0.0/16 via 10.0.0.1", {}, id="another route"),
        pytest.param("ip route add default via fd00::1", {}, id="IPv6"),
        pytest.param("ip address add 10.0.$i.1/24 dev eth1", {}, id="variable"),
        pytest.param("sysctl -w kernel.hostname=x", {}, id="not of the network"),
    ],
)
def test_commands(line: str, addresses: dict[str, str]) -> None:
    startup = Startup()
    startup.read(line, Span(file="x", line=1, column=1))
    assert {name: str(address) for name, (address, _) in startup.addresses.items()} == addresses
    assert bool(startup.left_out) == (not addresses)
    assert startup.complaints == []


def test_commands_that_say_nothing_about_addresses() -> None:
    startup = Startup()
    for line in (
        "ifconfig eth0 up",
        "ip link set eth0 up",
        "brctl addif br0 eth1",
        "/etc/init.d/keepalived start",
        "# x",
    ):
        startup.read(line, Span(file="x", line=1, column=1))
    assert (startup.addresses, startup.left_out, startup.complaints, startup.bridges) == ({}, [], [], False)
    startup.read(
        "ip a add 10.9.9.9/32 dev lo && route add -net default gw 10.0.0.1 && brctl addbr br0",
        Span(file="x", line=1, column=1),
    )
    assert [str(each) for each in startup.loopback] == ["10.9.9.9"]
    assert str(startup.gateway) == "10.0.0.1"
    assert startup.bridges


_COMMANDS = (
    "ip address add replace local dev eth0 lo 10.0.0.1/24 10.0.0.1 via default route gw ifconfig netmask inet up"
)
_SIGNS = "echo > /proc/sys/net/x sysctl -w a=b net.a=b brctl addbr link set sh -c ' \" ; && type bridge -net # ="


@settings(max_examples=100, deadline=None)
@given(words=st.lists(st.sampled_from((*_COMMANDS.split(), *_SIGNS.split())), max_size=7))
def test_any_line_of_shell_is_read_or_left_out(words: list[str]) -> None:
    Startup().read(" ".join(words), Span(file="x", line=1, column=1))
