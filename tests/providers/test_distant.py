"""What goes to a supervisor that is elsewhere."""

import shutil
from pathlib import Path

from labkit.lab import prepared
from labkit.lab.catalog import lab_folder
from labkit.providers import distant


def test_templates_in_folders_come_along(tmp_path: Path) -> None:
    """Elsewhere the lab's folder may not be seen, and what was made of it is all that is there."""
    here = tmp_path / "here"
    shutil.copytree(lab_folder("balance/nat"), here)
    text = (here / "lab.yml").read_text().replace(": keepalived.conf.j2", ": of/director.j2")
    (here / "lab.yml").write_text(text)
    (here / "templates/of").mkdir()
    (here / "templates/keepalived.conf.j2").rename(here / "templates/of/director.j2")
    plan = prepared.prepare(str(here), None, {}, {}).plan("x")
    data = distant.packed(plan)
    shutil.rmtree(here)
    moved = distant.unpacked(data, tmp_path / "there")
    assert moved.topology == plan.topology
    assert moved.folder == tmp_path / "there"
    assert "virtual_server" in (tmp_path / "there/templates/of/director.j2").read_text()


def test_a_lab_without_templates_of_its_own(tmp_path: Path) -> None:
    plan = prepared.prepare("failover", None, {}, {}).plan("x")
    assert distant.unpacked(distant.packed(plan), tmp_path / "there").files == plan.files
