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
    raise LabkitError(f"no lab '{name}'; {did_you_mean(name, lab_names())}")


def scenario_names(folder: Path) -> list[str]:
    """Return the names of a lab's scenarios in the order of their files."""
    return [path.stem.partition("-")[2] for path in sorted((folder / "scenarios").glob("*.yml"))]


def scenarios(folder: Path, lab: str, wanted: tuple[str, ...] = ()) -> list[tuple[str, Path]]:
    """Return (name, file) of the wanted scenarios, or of all.

    Raises:
        LabkitError: a wanted scenario does not exist.
    """
    found = {path.stem.partition("-")[2]: path for path in sorted((folder / "scenarios").glob("*.yml"))}
    for name in wanted:
        if name not in found:
            raise LabkitError(f"lab {lab} has no scenario '{name}'; {did_you_mean(name, found)}")
    return [(name, path) for name, path in found.items() if not wanted or name in wanted]
