"""The keyword table is whole: everything in it can be found, told about, and is refused or taken, not both."""

from collections.abc import Iterator
from typing import Any

import pytest

from labkit.conf.schema import DIRECTIVES, Block, Keyword, Leaf, Lines
from labkit.conf.schema.whole import ROOT


def blocks(block: Block[Any]) -> Iterator[Block[Any]]:
    yield block
    for name, keyword in block.children.items():
        if isinstance(keyword, Block) and name == keyword.name:
            yield from blocks(keyword)


BLOCKS = list({id(block): block for block in blocks(ROOT)}.values())  # url stands in two


def described(keyword: Keyword) -> str:
    match keyword:
        case Leaf():
            return keyword.argument.wanted
        case Lines():
            return keyword.entry.wanted
        case Block():
            return keyword.title.wanted


@pytest.mark.parametrize("block", BLOCKS, ids=[block.name or "file" for block in BLOCKS])
def test_a_block(block: Block[Any]) -> None:
    assert block.description
    assert not block.children.keys() & DIRECTIVES
    for name, keyword in block.children.items():
        assert keyword.description
        assert described(keyword)
        assert name == keyword.name or (isinstance(keyword, Leaf | Block) and name in keyword.spellings)
