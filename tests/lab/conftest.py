"""A lab as values: the shipped failover lab, rendered."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from labkit.conf.model import Config
from labkit.lab import catalog, loader, render
from labkit.lab.topology import Topology


@pytest.fixture(scope="session")
def folder() -> Path:
    return catalog.lab_folder("failover")


@pytest.fixture(scope="session")
def topology(folder: Path) -> Topology:
    return loader.load(folder / "lab.yml", name="failover")


@pytest.fixture(scope="session")
def configs(topology: Topology, folder: Path) -> Mapping[str, Config]:
    return render.check(render.render(topology, folder))[0]


@pytest.fixture(scope="session")
def services(folder: Path) -> Topology:
    return loader.load(folder / "lab.yml", name="failover", variant="services")
