"""The reference of the file is made from the table, and as it is now."""

import runpy
from pathlib import Path

import pytest

from labkit.conf import reference as module
from labkit.conf.reference import reference
from labkit.conf.schema import Block, Keyword
from labkit.conf.schema.whole import ROOT

FILE = Path(__file__).parents[2] / "docs" / "reference" / "keepalived.conf.md"


def test_the_file_is_up_to_date() -> None:
    if FILE.read_text() != reference():
        pytest.fail("docs/reference/keepalived.conf.md is not what the keyword table says: run `make docs`")


def test_the_module_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(module.__file__, run_name="__main__")
    assert capsys.readouterr().out == reference()


def words(block: Block[object]) -> set[str]:
    """Return every word that a file may hold as a keyword, and every one that is refused by name."""
    found = {*block.children, *block.refused}
    keyword: Keyword
    for keyword in block.children.values():
        if isinstance(keyword, Block):
            found |= words(keyword)
    return found


def test_every_word_is_in_it() -> None:
    text = reference()
    assert [word for word in sorted(words(ROOT)) if f"`{word}`" not in text] == []


@pytest.mark.parametrize(
    "row",
    [
        "| `virtual_router_id` | a whole number from 1 to 255 | The VRID, the same on all routers of the group. |",
        "### `vrrp_instance` → `authentication`",
    ],
)
def test_rows(row: str) -> None:
    assert row in reference().splitlines()


def test_no_text_of_an_argument_breaks_the_table() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("|")]
    assert [row for row in rows if row.replace(r"\|", "").count("|") != 4] == []
