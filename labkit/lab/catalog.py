"""The shipped labs: where they are, what they are called, and which scenarios they have."""

from pathlib import Path

import labkit
from labkit.diagnostics import LabkitError, did_you_mean


def share() -> Path:
    """Return the folder that holds labs/ and templates/: inside an installed package, or the root of a checkout."""
    packaged = Path(labkit.__file__).parent / "_share"
    return packaged if packaged.is_dir() else Path(labkit.__file__).parents[1]


def lab_names() -> list[str]:
    """Return the names of all shipped labs, such as `failover`."""
    root = share() / "labs"
    return sorted(str(path.parent.relative_to(root)) for path in root.rglob("lab.yml"))


def lab_folder(name: str) -> Path:
    """Return the folder of a lab: a shipped one by name, or any folder that holds a lab.yml.

    Raises:
        LabkitError: there is no such lab.
    """
    for folder in (share() / "labs" / name, Path(name)):
        if (folder / "lab.yml").is_file():
            return folder
    several = labs_of(name)
    if several != [name]:
        raise LabkitError(f"{name} is several labs, choose one: {', '.join(several)}")
    raise LabkitError(f"no lab '{name}'; {did_you_mean(name, lab_names())}")


def labs_of(name: str) -> list[str]:
    """Return the shipped labs below `name`, such as balance/dr and balance/nat for `balance`; else `name` itself."""
    return [lab for lab in lab_names() if lab.startswith(f"{name}/")] or [name]


def _files(folder: Path) -> dict[str, Path]:
    """Return a lab's scenarios in the order of their numbers: its own, and those that the folder above has for all."""
    above = folder.resolve().parent
    shared = [] if (above / "lab.yml").exists() else (above / "scenarios").glob("*.yml")
    own = (folder / "scenarios").glob("*.yml")
    return {path.stem.partition("-")[2]: path for path in sorted([*shared, *own], key=lambda path: path.name)}


def scenario_names(folder: Path) -> list[str]:
    """Return the names of a lab's scenarios in the order of their files."""
    return list(_files(folder))


def wanted_scenarios(name: str, wanted: tuple[str, ...]) -> list[tuple[str, str, Path]]:
    """Return (lab, scenario, file) of the wanted scenarios, or of all, of a lab or of all labs below `name`.

    Raises:
        LabkitError: there is no such lab, none of them has a wanted scenario, or any at all.
    """
    labs = labs_of(name)
    known = {lab: _files(lab_folder(lab)) for lab in labs}
    everywhere = {scenario: lab for lab, files in known.items() for scenario in files}
    if not everywhere:
        raise LabkitError(f"lab {name} has no scenario; write one into its folder `scenarios`, see docs/scenarios.md")
    for scenario in wanted:
        if scenario not in everywhere:
            raise LabkitError(f"lab {name} has no scenario '{scenario}'; {did_you_mean(scenario, everywhere)}")
    return [
        (lab, scenario, path)
        for lab, files in known.items()
        for scenario, path in files.items()
        if not wanted or scenario in wanted
    ]
