"""What `labkit export` writes is read by the programs it is for, or held against their published schemas."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from labkit.lab import catalog, loader, render
from labkit.lab.export.target import PYTHON
from labkit.lab.topology import CONFIG
from tests.conftest import ROOT, Labkit, eventually

pytestmark = pytest.mark.e2e

LABS = [
    pytest.param("failover", ("--variant", "services", "--unicast"), id="failover"),
    pytest.param("balance/nat", ("--daemon", "director2=keepalived"), id="nat"),
    pytest.param("balance/dr", (), id="dr"),
]
_PROGRAMS = Path(sys.executable).parent
_KATHARA = """
import json, sys, warnings
warnings.simplefilter("ignore")
try:
    from Kathara.parser.netkit.LabParser import LabParser
except ImportError as error:
    print(error), sys.exit(77)
lab = LabParser.parse(sys.argv[1])
print(json.dumps({
    name: {
        "links": {f"eth{n}": (each.link.name, each.mac_address) for n, each in machine.interfaces.items()},
        "image": machine.meta["image"],
        "sysctls": machine.meta["sysctls"],
    }
    for name, machine in lab.machines.items()
}))
"""


def export(own: Labkit, target: str, lab: str, options: tuple[str, ...], folder: Path) -> str:
    return own("export", target, lab, *options, "-o", str(folder))


def judge(*command: str | Path, cwd: Path) -> str:
    """Run another project's program; it must be content."""
    if not Path(command[0]).exists():
        pytest.skip(f"{Path(command[0]).name} is not installed: pip install 'labkit[test]'")
    environment = {**os.environ, "HOME": str(cwd), "ANSIBLE_HOME": str(cwd / ".ansible")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77:
        pytest.skip(f"the judge cannot start here: {done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("lab", "options"), LABS)
def test_containerlab_s_schema(own: Labkit, tmp_path: Path, lab: str, options: tuple[str, ...]) -> None:
    path = next(
        (each for each in (parent / "shared/data/clab.schema.json" for parent in ROOT.parents) if each.exists()), None
    )
    if path is None:
        pytest.skip("containerlab's schema (schemas/clab.schema.json of its sources) is not in ../shared/data")
    said = export(own, "containerlab", lab, options, tmp_path)
    name = lab.replace("/", "-")
    assert f"next: containerlab deploy -t {tmp_path}/{name}.clab.yml\n" in said
    written = yaml.safe_load((tmp_path / f"{name}.clab.yml").read_text())
    assert [error.message for error in Draft7Validator(json.loads(path.read_text())).iter_errors(written)] == []
    nodes = written["topology"]["nodes"]
    ends = [end for link in written["topology"]["links"] for end in link["endpoints"]]
    assert {end["node"] for end in ends} <= set(nodes)
    assert len({(end["node"], end["interface"]) for end in ends}) == len(ends)
    for bind in (bind for node in nodes.values() for bind in node.get("binds", ())):
        assert (tmp_path / bind.split(":")[0]).is_file()


@pytest.mark.parametrize(("lab", "options"), LABS)
def test_kathara_s_parser(own: Labkit, tmp_path: Path, lab: str, options: tuple[str, ...]) -> None:
    export(own, "kathara", lab, options, tmp_path)
    read = json.loads(judge(sys.executable, "-c", _KATHARA, tmp_path, cwd=tmp_path))
    variant = options[1] if options[:1] == ("--variant",) else None
    topology = loader.load(catalog.lab_folder(lab) / "lab.yml", name=lab, variant=variant)
    for node in topology.nodes:
        links = {link.interface: [link.network, link.lladdr.hex(":")] for link in node.links}
        sysctls = {name: int(value) for name, value in node.sysctls}
        assert read.pop(node.name) == {"links": links, "image": "labkit-node", "sysctls": sysctls}
        assert (tmp_path / f"{node.name}.startup").is_file()
    assert read == {}
    for startup in tmp_path.glob("*.startup"):
        subprocess.run(["sh", "-n", startup], check=True)


@pytest.mark.parametrize(("lab", "options"), LABS)
def test_compose_s_schema(own: Labkit, tmp_path: Path, lab: str, options: tuple[str, ...]) -> None:
    export(own, "compose", lab, (*options, "--image", "some/image:1"), tmp_path)
    judge(_PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml", cwd=tmp_path)
    services = yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]
    assert {service["image"] for service in services.values()} == {"some/image:1"}
    for bind in (bind for service in services.values() for bind in service["volumes"]):
        assert (tmp_path / bind.split(":")[0]).is_file()


@pytest.mark.parametrize(("lab", "options"), LABS)
def test_ansible_reads_the_inventory_and_the_playbook(
    own: Labkit, tmp_path: Path, lab: str, options: tuple[str, ...]
) -> None:
    export(own, "files", lab, options, tmp_path)
    inventory = json.loads(judge(_PROGRAMS / "ansible-inventory", "-i", "inventory.yml", "--list", cwd=tmp_path))
    hosts = inventory["_meta"]["hostvars"]
    topology = loader.load(catalog.lab_folder(lab) / "lab.yml", name=lab)
    assert inventory["routers"]["hosts"] == [node.name for node in topology.routers]
    for name, variables in hosts.items():
        assert variables["ansible_host"] == str(topology.node(name).links[0].address.ip)
        assert all((tmp_path / f"{name}{file['path']}").is_file() for file in variables.get("files", ()))
    tasks = judge(_PROGRAMS / "ansible-playbook", "-i", "inventory.yml", "deploy.yml", "--list-tasks", cwd=tmp_path)
    assert "keepalived.conf is there, and what it was before is kept" in tasks


def test_files_hold_what_the_lab_renders(own: Labkit, tmp_path: Path) -> None:
    export(own, "files", "failover", (), tmp_path)
    folder = catalog.lab_folder("failover")
    rendered = render.render(loader.load(folder / "lab.yml", name="failover"), folder, python=PYTHON)
    text = (tmp_path / "server2/etc/keepalived/keepalived.conf").read_text()
    assert text == next(file.text for file in rendered["server2"] if file.path == CONFIG)
    assert (tmp_path / "pykeepalived.service").read_text() == (ROOT / "packaging/pykeepalived.service").read_text()


def test_what_an_earlier_export_left_is_told(own: Labkit, tmp_path: Path) -> None:
    assert "not of this export" not in export(own, "files", "failover", ("--variant", "services"), tmp_path)
    told = f"{tmp_path} holds 3 more, not of this export: {tmp_path}/server1/usr/local/bin/my-notify.sh\n"
    assert told in export(own, "files", "failover", (), tmp_path)


def test_a_folder_that_cannot_be_written(own: Labkit, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a file\n")
    said = own("export", "kathara", "failover", "-o", str(tmp_path / "there"), status=2)
    assert said.startswith(f"labkit: {tmp_path}/there/lab.conf cannot be written: ")


def test_a_target_that_does_not_exist(own: Labkit) -> None:
    said = own("export", "vagrant", "failover", status=2)
    assert "'vagrant' is not one of 'containerlab', 'kathara', 'compose', 'files'" in said


def test_what_was_exported_is_imported_and_runs(own: Labkit, tmp_path: Path) -> None:
    export(own, "kathara", "failover", ("--set", "version=3", "--set", "advert_int=0.1"), tmp_path / "there")
    said = own("import", str(tmp_path / "there"), "-o", str(tmp_path / "back"))
    assert f"next: labkit up {tmp_path}/back\n" in said
    own("up", str(tmp_path / "back"))
    assert eventually(lambda: "192.168.1.20 is on server1" in own("status"), within=30)
    again = own("import", str(tmp_path / "there/lab.conf"), "-o", str(tmp_path / "back"), status=2)
    assert f"{tmp_path}/back is a lab already; choose another folder by -o" in again
    assert "there is no /nowhere" in own("import", "/nowhere", "-o", str(tmp_path / "x"), status=2)
