"""What the documents say exists."""

import re
from pathlib import Path

import pytest

from labkit.lab.actions import VERBS
from labkit.lab.bounds import FUNCTIONS
from labkit.ui.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_readme_shows_commands_that_exist() -> None:
    shown = set(re.findall(r"^\$ labkit (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert shown <= set(COMMANDS)
    assert {"up", "down", "status", "run", "shell", "events", "doctor"} <= shown


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    for path in (ROOT / "docs/adr").glob("0*.md"):
        assert f"({path.name})" in index


def test_scenario_vocabulary_is_documented() -> None:
    text = (ROOT / "docs/scenarios.md").read_text()
    for word in (*VERBS, *FUNCTIONS):
        assert word in text
