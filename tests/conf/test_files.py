"""Files that cannot be loaded for what they are, and bytes from anywhere."""

import gc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labkit.conf.loader import load, loads
from labkit.conf.schema import Block, Keyword
from labkit.conf.schema.whole import ROOT
from tests.conf.samples import INSTANCE, SCRIPT, SERVER


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.conf"
    assert [str(d) for d in load(path).diagnostics] == [
        f"{path}:1:1: the file cannot be read: No such file or directory; name a file that can be read"
    ]


def test_a_folder(tmp_path: Path) -> None:
    assert [str(d) for d in load(tmp_path).diagnostics] == [
        f"{tmp_path}:1:1: the file cannot be read: it is a directory; name a file, or a pattern such as `*.conf`"
    ]


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin1.conf"
    path.write_bytes("# una línea\n".encode("latin-1"))
    loaded = load(path)
    assert loaded.config is None
    assert [str(d) for d in loaded.diagnostics] == [
        f"{path}:1:1: the file is not UTF-8: byte 0xed in line 1; save it as UTF-8"
    ]


@pytest.mark.parametrize("text", [INSTANCE.replace("\n", "\r\n"), INSTANCE], ids=["crlf", "lf"])
def test_line_ends(tmp_path: Path, text: str) -> None:
    path = tmp_path / "k.conf"
    path.write_bytes(text.encode())
    loaded = load(path)
    assert loaded.diagnostics == ()
    assert loaded.config is not None
    assert loaded.config.file == str(path)


def test_the_collector_is_left_as_it_was() -> None:
    gc.disable()
    try:
        loads(INSTANCE, file="k.conf")
        assert not gc.isenabled()
    finally:
        gc.enable()
    loads(INSTANCE, file="k.conf")
    assert gc.isenabled()


# --- anything a stranger may write ------------------------------------------------------------------------------------


def names(block: Block[object]) -> list[str]:
    found: list[str] = []
    keyword: Keyword
    for name, keyword in block.children.items():
        found.append(name)
        if isinstance(keyword, Block):
            found += names(keyword)
    return found


WORDS = sorted({*names(ROOT), *INSTANCE.split(), *SERVER.split(), *SCRIPT.split()})
PIECES = st.sampled_from([*WORDS, "{", "}", "\n", "\n", " ", '"', "'", "#", "!", "\\", "$", "weight", "0", "256", "-1"])
DIRECTIVES = st.sampled_from(
    [
        *(
            "$A=",
            "$A",
            "${A}",
            "$B= \\",
            "$B",
            "${B}",
            "\\\n",
            "@here",
            "@^here",
            "${_HASH}",
            "${_RANDOM 1 2}",
            "${_ENV X}",
        ),
        *("~SEQ(A,1,3)", "~SEQ(A,0,1,999999999)", "~LST({A,B},{1,2},{$B,})", "~SEQx(B,${A})", "(", ")", ",", '"'),
        *("include", "include_check", "include /dev/zero", "include /", "includew none*", "k.conf", "\t", "\r\n"),
    ]
)


def check(text: str) -> None:
    loaded = loads(text, file="k.conf")
    last = text.count("\n") + 1
    assert all(1 <= diagnostic.span.line <= last and diagnostic.span.column >= 1 for diagnostic in loaded.diagnostics)
    assert list(loaded.diagnostics) == sorted(
        loaded.diagnostics, key=lambda found: (found.span.file, found.span.line, found.span.column)
    )
    assert (loaded.config is None) == any(diagnostic.severity == "error" for diagnostic in loaded.diagnostics)


@given(st.text())
@example("\ufeff")
@example("\ud800")
def test_any_text_is_loaded_or_refused(text: str) -> None:
    check(text)


@given(st.binary())
def test_any_bytes_are_loaded_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(content)
    loaded = load(path)
    assert loaded.config is not None or loaded.diagnostics


@given(st.lists(PIECES, max_size=60).map(" ".join))
def test_any_mixture_of_keywords_is_loaded_or_refused(text: str) -> None:
    check(text)


@given(st.lists(PIECES | DIRECTIVES | DIRECTIVES, max_size=60).map(" ".join))
@example("$B= \\\n $B \\\n $B\n$B\n")
@example("$A=${B}${B}\n$B=${A}${A}\n$A\n${A}\n")
def test_any_mixture_of_directives_is_loaded_or_refused(text: str) -> None:
    check(text)


@given(st.data())
def test_a_good_file_with_one_piece_changed_is_loaded_or_refused(data: st.DataObject) -> None:
    good = SCRIPT + INSTANCE + SERVER
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 20)))
    check(good[:start] + data.draw(PIECES | st.text(max_size=5)) + good[end:])
