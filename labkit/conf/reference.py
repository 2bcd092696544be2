"""The reference of keepalived.conf, made from the keyword table: `python -m labkit.conf.reference > FILE`."""

import sys
from collections.abc import Iterator

from labkit.conf.arguments import Flag
from labkit.conf.schema import Block, Keyword, Leaf, Lines
from labkit.conf.schema.whole import ROOT
from labkit.hints import Any

_OPENING = """\
# keepalived.conf

Every keyword that labkit knows, made from the table by which it reads the file (`make docs`). What stands in
parentheses at the end of a text holds when the keyword is absent: a value, or the keyword that is asked then. A keyword
stands once in its block, if nothing else is said. Nothing in a file is ignored: what is refused is named below, and a
word that is in no table is an error.

How lines are included, held back, replaced and repeated:
[the language of the file](../daemon.md#the-language-of-the-file).
"""


def reference() -> str:
    """Return the whole text, in Markdown."""
    parts = [_OPENING, *_block(ROOT, ())]
    return "\n".join(parts)


def _block(block: Block[Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the part about a block, then those about the blocks in it."""
    name = " → ".join(f"`{step}`" for step in path) or "Outside all blocks"
    yield f"{'##' if len(path) < 2 else '###'} {name}\n"
    if path:
        title = "" if isinstance(block.title, Flag) else f" `{block.name}` is followed by {block.title.wanted}."
        yield f"{_sentence(block.description)}{title}{_also(block)}\n"
    if block.lines is not None:
        yield f"{_values(block.lines)}\n"
    keywords = [keyword for word, keyword in block.children.items() if word == keyword.name]
    if keywords:
        rows = "".join(_row(keyword) for keyword in keywords)
        yield f"| keyword | what to write | |\n|---|---|---|\n{rows}"
    yield from _refused(block)
    for keyword in keywords:
        if isinstance(keyword, Block):
            yield from _block(keyword, (*path, keyword.name))


def _row(keyword: Keyword) -> str:
    text = _sentence(keyword.description)
    if isinstance(keyword, Leaf):
        wanted = keyword.argument.wanted
        text += " May stand many times." if keyword.many else ""
    elif isinstance(keyword, Lines):
        wanted = f"a block; {_values(keyword)}"
    else:
        wanted = "a block" if isinstance(keyword.title, Flag) else f"{keyword.title.wanted}, then a block"
        text += "" if keyword.once else " May stand many times."
    if isinstance(keyword, Leaf | Block):
        text += _also(keyword)
    if isinstance(keyword, Leaf | Lines) and keyword.idle:
        text += f" Does nothing here: {keyword.idle}."
    return f"| `{keyword.name}` | {_cell(wanted)} | {_cell(text)} |\n"


def _values(lines: Lines[Any]) -> str:
    return f"on each line {'one or more times ' if lines.each_word else ''}{lines.entry.wanted}"


def _also(keyword: Leaf[Any] | Block[Any]) -> str:
    return f" Also `{'`, `'.join(keyword.spellings)}`." if keyword.spellings else ""


def _refused(block: Block[Any]) -> Iterator[str]:
    if block.refused:
        rows = "".join(
            f"| `{name}` | {_cell(refusal.why)} | {_cell(refusal.instead)} |\n"
            for name, refusal in sorted(block.refused.items())
        )
        yield f"| refused | why | instead |\n|---|---|---|\n{rows}"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(reference())
