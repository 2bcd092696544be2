"""From `labkit export files` to a pair of hosts that share an address, as docs/deploy.md has it.

The hosts are nodes of a lab that runs nothing by itself: each has an /etc and a /usr/local of its own.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Labkit, eventually
from tests.e2e.hosts import PROGRAMS, VIP, Hosts

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

_HOSTS = """\
title: Machines without anything
networks:
  lan: {subnet: 192.168.1.0/24}
nodes:
  client: {role: client, links: {eth0: {network: lan, address: 192.168.1.10}}}
  server1: {role: server, links: {eth0: {network: lan, address: 192.168.1.21}}}
  server2: {role: server, links: {eth0: {network: lan, address: 192.168.1.22}}}
"""
_FAST = ("--set", "version=3", "--set", "advert_int=0.1")


@pytest.fixture
def hosts(own: Labkit, tmp_path: Path) -> Iterator[Hosts]:
    machines = Hosts(own, tmp_path, _HOSTS)
    yield machines
    machines.end()


def take_turns(hosts: Hosts, start: str) -> None:
    """Start the daemons, and see the address on the better host, and on the other one when that daemon stops."""
    for host in ("server2", "server1"):
        hosts.background("exec", host, "--", "sh", "-c", f"exec {start}")
    assert eventually(lambda: hosts.has_the_address("server1"), within=30)
    assert eventually(lambda: not hosts.has_the_address("server2"), within=30)
    hosts.run("client", "ping", "-c", "1", "-W", "5", VIP)
    hosts.run("server1", "sh", "-c", "kill $(cat /run/keepalived.pid)")
    assert eventually(lambda: hosts.has_the_address("server2"), within=30)
    assert not hosts.has_the_address("server1")
    hosts.run("client", "ping", "-c", "1", "-W", "5", VIP)


def exec_start(unit: Path) -> str:
    """Return the command by which systemd starts a unit."""
    (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    return str(line)


def play(hosts: Hosts, host: str, folder: Path, status: int = 0, options: str = "--skip-tags install,service") -> str:
    """Run the exported playbook on a host for itself, without what needs systemd or a package registry."""
    playbook = PROGRAMS / "ansible-playbook"
    if not playbook.exists():
        pytest.skip("ansible-playbook is not installed: pip install 'labkit[test]'")
    hosts.install(host)
    hosts.copy(host, folder, "/tmp/out")
    command = f"cd /tmp/out && {playbook} -i inventory.yml deploy.yml --connection local --limit {host}"
    command += f" {options} -e ansible_become=false -e ansible_python_interpreter={sys.executable}"
    return hosts.run(host, "env", "HOME=/tmp", "ANSIBLE_REMOTE_TMP=/tmp/ansible", "sh", "-c", command, status=status)


def test_a_pykeepalived_pair_by_ansible(hosts: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    hosts.labkit("export", "files", "failover", *_FAST, "-o", str(folder))
    for host in ("server1", "server2"):
        said = play(hosts, host, folder)
        assert re.search(rf"{host} +: ok=\d+ +changed=[1-9]\d* +unreachable=0 +failed=0", said), said
    take_turns(hosts, exec_start(folder / "pykeepalived.service"))


@pytest.mark.parametrize("lab", ["failover", "balance/dr"])
def test_what_ansible_would_change_on_a_host_without_anything(hosts: Hosts, tmp_path: Path, lab: str) -> None:
    """Nothing is installed, and --check comes to its end all the same."""
    hosts.labkit("export", "files", lab, "-o", str(tmp_path / "out"))
    said = play(hosts, "server1", tmp_path / "out", options="--check --diff")
    assert re.search(r"server1 +: ok=\d+ +changed=[1-9]\d* +unreachable=0 +failed=0", said), said
    hosts.run("server1", "sh", "-c", "! ls /opt/labkit /etc/keepalived/* /etc/sysctl.d/60-keepalived.conf")


def test_ansible_makes_the_folders_of_a_lab_s_files(hosts: Hosts, tmp_path: Path) -> None:
    lab = tmp_path / "mine"
    shutil.copytree(ROOT / "labs/failover", lab)
    text = (lab / "lab.yml").read_text()
    head = "roles:\n  router:\n    files:\n"
    (lab / "lab.yml").write_text(text.replace(head, f"{head}      /etc/my/own/settings: keepalived.conf.j2\n", 1))
    hosts.labkit("export", "files", str(lab), "-o", str(tmp_path / "out"))
    play(hosts, "server1", tmp_path / "out")
    hosts.run("server1", "cmp", "/etc/my/own/settings", "/etc/keepalived/keepalived.conf")


def test_ansible_puts_no_wrong_file_in_place(hosts: Hosts, tmp_path: Path) -> None:
    """A file that somebody spoilt after the export is checked on the host."""
    folder = tmp_path / "out"
    hosts.labkit("export", "files", "failover", "-o", str(folder))
    with (folder / "server1/etc/keepalived/keepalived.conf").open("a") as file:
        file.write("vrrp_instence X {\n}\n")
    assert "did you mean 'vrrp_instance'?" in play(hosts, "server1", folder, status=2)
    hosts.run("server1", "test", "!", "-e", "/etc/keepalived/keepalived.conf")


def test_a_pair_of_c_keepalived_by_hand(hosts: Hosts, tmp_path: Path) -> None:
    """The files are copied to their places; the pair talks without multicast."""
    if not shutil.which("keepalived"):
        pytest.skip("keepalived is not installed: sudo apt-get install keepalived")
    kinds = [word for host in ("server1", "server2") for word in ("--daemon", f"{host}=keepalived")]
    folder = tmp_path / "out"
    hosts.labkit("export", "files", "failover", *_FAST, *kinds, "--unicast", "-o", str(folder))
    for host in ("server1", "server2"):
        hosts.copy(host, folder / host, "/tmp/out")
        hosts.run(host, "sh", "-c", "cd /tmp/out && cp --parents $(find . -type f) /")
        assert "unicast_peer" in hosts.run(host, "cat", "/etc/keepalived/keepalived.conf")
    take_turns(hosts, "keepalived --dont-fork")


def test_a_server_of_direct_routing_by_hand(hosts: Hosts, tmp_path: Path) -> None:
    """It takes frames for the address, and does not say that it has it."""
    folder = tmp_path / "out"
    hosts.labkit("export", "files", "balance/dr", "-o", str(folder))
    hosts.copy("server1", folder / "server1", "/tmp/out")
    hosts.run("server1", "sysctl", "-p", "/tmp/out/etc/sysctl.d/60-keepalived.conf")
    hosts.run("server1", "sh", "-c", exec_start(folder / "server1/etc/systemd/system/virtual-addresses.service"))
    assert f" {VIP}/32 " in hosts.run("server1", "ip", "-o", "address", "show", "dev", "lo")
    settings = hosts.run("server1", "sysctl", "-n", "net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce")
    assert settings.split() == ["1", "2"]


def test_systemd_takes_the_units(own: Labkit, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed: sudo apt-get install systemd")
    own("export", "files", "balance/dr", "-o", str(tmp_path))
    unit = tmp_path / "server1/etc/systemd/system/virtual-addresses.service"
    service = tmp_path / "pykeepalived.service"  # its program need not be installed here
    service.write_text(service.read_text().replace("/usr/local/bin/pykeepalived", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit, service], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not re.search("virtual-addresses|pykeepalived", done.stderr), done.stderr


def test_the_page_names_what_is_exported() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    for word in ("inventory.yml", "deploy.yml", "pykeepalived.service", "virtual-addresses.service", "--unicast"):
        assert word in page
