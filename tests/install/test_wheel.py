"""The labs and templates are found from an installed wheel."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from labkit.providers.docker import image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of a clean environment that has the wheel and sees the dependencies."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    pytest.importorskip("ensurepip", reason="this Python cannot make environments: apt-get install python3-venv")
    home = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home)], cwd=ROOT, check=True, timeout=60
    )
    venv.create(home / "venv", with_pip=True)
    site = next((home / "venv/lib").glob("python3*/site-packages"))
    (wheel,) = home.glob("*.whl")
    pip = [str(home / "venv/bin/pip"), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, timeout=60)
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home / "venv/bin"


def run(program: Path, *arguments: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], cwd=where, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.e2e
def test_a_wheel_holds_labs_and_templates(installed: Path, tmp_path: Path) -> None:
    labs = run(installed / "labkit", "labs", where=tmp_path)
    assert "failover: Failover with VRRP" in labs.stdout, labs.stderr
    rendered = run(installed / "labkit", "render", "failover", "--node", "server1", where=tmp_path)
    assert rendered.returncode == 0, rendered.stderr
    assert "priority 150" in rendered.stdout
    where = run(installed / "python", "-c", "from labkit.lab.catalog import share; print(share())", where=tmp_path)
    assert where.stdout.strip().endswith("site-packages/labkit/_share")


@pytest.mark.e2e
def test_a_wheel_makes_the_image_that_its_checkout_makes(installed: Path, tmp_path: Path) -> None:
    program = "from labkit.providers.docker import image; print(image.digest())"
    made = run(installed / "python", "-c", program, where=tmp_path)
    assert made.stdout.strip() == image.digest(), made.stderr


@pytest.mark.e2e
def test_a_wheel_brings_the_daemon(installed: Path, tmp_path: Path) -> None:
    version = run(installed / "pykeepalived", "--version", where=tmp_path)
    assert "labkit" in version.stdout + version.stderr
    missing = run(installed / "pykeepalived", "-t", "-f", "nowhere.conf", where=tmp_path)
    assert missing.returncode == 4
