"""The guest kernel: boots in seconds, runs one job, and runs the tests that need IPVS."""

import os
import re
import sys
from pathlib import Path

import pytest

from labkit.providers.uml import guest
from labkit.providers.uml.guest import GuestError

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def bootable() -> None:
    if lack := guest.missing() or guest.hidden([str(ROOT)]):
        pytest.skip(lack)


def test_a_job_has_its_status_output_and_shared_folder(tmp_path: Path) -> None:
    script = "echo a word; cat /run/share/in; echo back > /run/share/out; touch /usr/x && modprobe ip_vs && exit 7"
    (tmp_path / "in").write_text("given\n")
    outcome = guest.run(["sh", "-c", script], share=tmp_path)
    assert (outcome.status, outcome.output.splitlines()[:2]) == (7, ["a word", "given"]), outcome
    assert (tmp_path / "out").read_text() == "back\n"
    assert not Path("/usr/x").exists()


def test_a_guest_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="did not come to its end within 4 s"):
        guest.run(["sleep", "1000"], share=tmp_path, within_s=4)


def test_a_guest_without_a_result_says_so(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="ended without a result"):
        guest.run(["sh", "-c", "echo o > /proc/sysrq-trigger; sleep 5"], share=tmp_path)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(guest, "KERNEL", "no-such-kernel")
    with pytest.raises(GuestError, match=r"sudo apt-get install user-mode-linux$"):
        guest.run(["true"], share=tmp_path)


def test_what_a_guest_cannot_see_is_named() -> None:
    assert guest.hidden(["/usr", "/tmp/labkit/.venv", "/run/x", "/home/tmp"]) == (
        "a guest has a /tmp and a /run of its own: /run/x and /tmp/labkit/.venv must lie elsewhere"
    )
    assert guest.hidden(["/usr", "/home/tmp"]) == ""


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(["tests/kernel/test_ipvs.py", "tests/kernel/test_planes.py", "-k", "ipvs"], id="data-plane"),
        pytest.param(["tests/daemon/test_ipvs_balancing.py"], id="beside-c-keepalived"),
    ],
)
def test_ipvs_in_a_guest(tmp_path: Path, wanted: list[str]) -> None:
    """The same tests that are skipped on kernels without IPVS; here none of them may be skipped."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *wanted]
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}
    outcome = guest.run(command, share=tmp_path, folder=ROOT, environment=environment, within_s=200)
    assert outcome.status == 0, outcome.output
    assert re.search(r"^\d+ passed(, \d+ deselected)? in", outcome.output, re.MULTILINE), outcome.output
