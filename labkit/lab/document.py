"""YAML files as plain values, with the place of every key and item.

All scalars are read as strings, so that `no` stays a word and a MAC address is no number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from labkit.diagnostics import Diagnostic, RefusedError, Span

Key: TypeAlias = tuple[str | int, ...]

_MANY = 200_000  # values, each alias counted as all that it stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML file as plain values, with the place of every key and item."""

    file: str
    value: object
    marks: Mapping[Key, Span]

    def span(self, path: Key) -> Span:
        """Return the place of `path`, or of the nearest thing around it."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Span(file=self.file, line=1, column=1))

    def complain(self, path: Key, message: str, hint: str) -> Diagnostic:
        """Return a diagnostic at `path`."""
        return Diagnostic(span=self.span(path), message=message, hint=hint)


def read_yaml(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        RefusedError: it cannot be read, is not YAML, or says one key twice.
    """
    file = str(path)
    start = Span(file=file, line=1, column=1)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise RefusedError([Diagnostic(span=start, message=str(reason), hint="a readable YAML file")]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        span = Span(file=file, line=mark.line + 1, column=mark.column + 1) if mark else start
        problem = str(getattr(error, "problem", None) or error)
        hint = "check the indentation and the quotes above this place"
        raise RefusedError([Diagnostic(span=span, message=f"not YAML: {problem}", hint=hint)]) from error
    except RecursionError as error:
        raise _too_deep(start) from error
    marks: dict[Key, Span] = {}
    twice: list[Diagnostic] = []
    try:
        value = _plain(node, (), file, marks, twice)
    except RecursionError as error:
        raise _too_deep(start) from error
    if twice:
        raise RefusedError(twice)
    return Document(file=file, value=value, marks=marks)


def _too_deep(start: Span) -> RefusedError:
    hint = "write it flat, without an alias (`*name`) inside its own anchor (`&name`)"
    return RefusedError([Diagnostic(span=start, message="values stand too deep in one another", hint=hint)])


def _plain(node: yaml.Node | None, path: Key, file: str, marks: dict[Key, Span], twice: list[Diagnostic]) -> object:
    if node is None:
        return {}
    if len(marks) > _MANY:
        message = f"more than {_MANY} values, each alias (`*name`) counted as all that it stands for"
        hint = "fewer aliases inside what other aliases stand for"
        raise RefusedError([Diagnostic(span=Span(file=file, line=1, column=1), message=message, hint=hint)])
    marks.setdefault(path, Span(file=file, line=node.start_mark.line + 1, column=node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        found: dict[str, object] = {}
        for key, value in node.value:
            name = str(key.value)
            here = (*path, name)
            span = Span(file=file, line=key.start_mark.line + 1, column=key.start_mark.column + 1)
            if name in found:
                first = marks[here]
                message = f"'{name}' stands here twice"
                twice.append(
                    Diagnostic(span=span, message=message, hint=f"keep one; the first is at line {first.line}")
                )
            marks[here] = span
            found[name] = _plain(value, here, file, marks, twice)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, n), file, marks, twice) for n, item in enumerate(node.value)]
    return node.value


def variants_of(document: Document) -> dict[str, str]:
    """Return the names and titles of a lab's variants, the default one first."""
    value = document.value
    variants = value.get("variants", {}) if isinstance(value, dict) else {}
    if not isinstance(variants, dict) or not variants:
        return {"basic": str(value.get("title", "")) if isinstance(value, dict) else ""}
    return {name: str(over.get("title", "")) if isinstance(over, dict) else "" for name, over in variants.items()}
