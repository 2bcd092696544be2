"""Everything a supervisor needs to raise a lab."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.conf.model import Config
from labkit.lab.provider import File
from labkit.lab.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a supervisor needs to raise a lab."""

    instance: str  # the name of this running lab
    folder: Path  # of lab.yml, absolute
    topology: Topology
    files: Mapping[str, Sequence[File]]
    configs: Mapping[str, Config]
    python: str  # how scripts in nodes start the interpreter
    owned: bool = False  # the lab ends with the process that raised it
