"""A Docker engine of the tests' own: its socket, its data, and the image of nodes; nothing of it is left."""

import contextlib
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

_BASE = "labkit-base"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # packages may come by a proxy with its own
_START_S, _STOP_S, _BUILD_S = 30, 30, 600


@contextmanager
def engine() -> Iterator[str]:
    """Start an engine with the image of nodes; give what DOCKER_HOST is for it.  Skips where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("an engine of our own needs root")
    for program, package in {"dockerd": "docker.io", "debootstrap": "debootstrap", "unshare": "util-linux"}.items():
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: sudo apt-get install {package}")
    with tempfile.TemporaryDirectory(prefix="labkit-engine-") as name:
        folder = Path(name)
        host = f"unix://{folder}/engine.sock"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(_command(folder, host), stdout=log, stderr=log)
        try:
            if not _answers(process, folder / "engine.sock"):
                pytest.skip(f"no engine runs here: {(folder / 'log').read_text()[-300:]}")
            _build(folder, host)
            yield host
        finally:
            process.terminate()
            try:
                process.wait(timeout=_STOP_S)
            except subprocess.TimeoutExpired:  # in the middle of a build
                process.kill()
                process.wait()


def _command(folder: Path, host: str) -> list[str]:
    """Return what starts the engine: without networks, its mounts its own, and dying with us."""
    command = ["setpriv", "--pdeathsig", "TERM", "unshare", "--mount", "dockerd", "--host", host, "--bridge", "none"]
    command += ["--iptables=false", "--ip6tables=false", "--pidfile", f"{folder}/pid"]
    return [*command, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]


def _answers(process: subprocess.Popen[bytes], path: Path) -> bool:
    """Wait until the engine listens, or has ended."""
    ended = os.pidfd_open(process.pid)
    for _ in range(_START_S * 10):
        if path.exists():
            break
        if select.select([ended], [], [], 0.1)[0]:
            break
    os.close(ended)
    return path.exists()


def _build(folder: Path, host: str) -> None:
    """Make a base of Debian's packages, no registry being asked, and have labkit build its image on it."""
    base = folder / "base"
    made = subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(base)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no base system could be fetched: {made.stdout[-300:]}")
    settings: list[str] = []
    if _AUTHORITIES.exists():
        shutil.copy(_AUTHORITIES, base / "etc/authorities.pem")
        settings = ["--build-arg", "PIP_CERT=/etc/authorities.pem"]
    archive = folder / "base.tar"
    subprocess.run(["tar", "-C", str(base), "-cf", str(archive), "."], check=True)
    with contextlib.closing(docker.DockerClient(base_url=host)) as client:
        client.api.import_image_from_file(str(archive), repository=_BASE)
    command = ["image", "--quiet", "--base", _BASE, "--network", "host", *settings]
    built = subprocess.run(
        [sys.executable, "-m", "labkit.ui.cli.main", *command],
        env={**os.environ, "DOCKER_HOST": host},
        capture_output=True,
        text=True,
        timeout=_BUILD_S,
    )
    assert (built.returncode, built.stdout) == (0, ""), built.stdout + built.stderr
