# ruff: noqa: E501 - a table is easier to read with a row on a line
"""`include` and its variants: which files are read, what may be missing, and what is said of those that cannot be."""

import os
from pathlib import Path

import pytest

from labkit.conf import include
from labkit.conf.loader import Loaded, load
from tests.conf.samples import INSTANCE, SECOND


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder to write files to; names in diagnostics are relative to it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def told(folder: Path, files: dict[str, str | bytes]) -> list[str]:
    write(folder, files)
    return [str(diagnostic) for diagnostic in load(Path("k.conf"), config_id="here").diagnostics]


def names(loaded: Loaded) -> list[str]:
    assert loaded.config is not None, loaded.diagnostics
    return [instance.router.name for instance in loaded.config.instances]


def one(name: str, vrid: int) -> str:
    address = f"192.168.1.{vrid}"
    return f"vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\nvirtual_ipaddress {{ {address} }}\n}}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("include a.conf", ["A"], id="one"),
        pytest.param("include ./d/../a.conf # why", ["A"], id="comment"),
        pytest.param('include "a.conf"', ["A"], id="quoted"),
        pytest.param('include "with blank.conf"', ["W"], id="quoted-with-a-blank"),
        pytest.param("include d/*.conf", ["B", "C"], id="wildcard"),
        pytest.param("include d/[c-z].conf", ["C"], id="range"),
        pytest.param("include {a,d/{c,b}}.conf", ["A", "C", "B"], id="braces"),
        pytest.param("include {a,none}.conf", ["A"], id="part-of-a-brace-may-be-missing"),
        pytest.param("include none/*.conf", [], id="wildcard-may-find-none"),
        pytest.param("includer none/*.conf", [], id="wildcard-may-find-none-r"),
        pytest.param("include_check readable\ninclude none.conf", [], id="all-may-be-missing-when-said"),
        pytest.param("include_check -match\ninclude none.conf", [], id="match-taken-away"),
        pytest.param("@here include a.conf\n@there include none.conf", ["A"], id="conditions"),
        pytest.param("$D=d\ninclude ${_PWD}/${D}/b.conf", ["B"], id="definitions"),
        pytest.param("$T= \\\ninclude a.conf \\\ninclude d/b.conf\n$T", ["A", "B"], id="in-a-definition"),
        pytest.param("~LST(N,a,d/b) include ${N}.conf", ["A", "B"], id="repeated"),
        pytest.param("include down.conf", ["B"], id="relative-to-the-including-file"),
    ],
)
def test_files_are_found(folder: Path, line: str, expected: list[str]) -> None:
    files = {"a.conf": one("A", 1), "d/b.conf": one("B", 2), "d/c.conf": one("C", 3), "with blank.conf": one("W", 4)}
    write(
        folder,
        {"k.conf": f"{line}\n{one('Z', 9)}", "down.conf": "include d/in.inc", "d/in.inc": "include b.conf", **files},
    )
    assert names(load(Path("k.conf"), config_id="here")) == [*expected, "Z"]


def test_a_file_may_be_included_in_any_block_and_twice(folder: Path) -> None:
    text = INSTANCE.replace("    priority 150\n", "include common\n") + SECOND.replace("{\n", "{\ninclude common\n", 1)
    write(folder, {"k.conf": text, "common": "\ufeff  priority 77 \r\n"})
    loaded = load(Path("k.conf"))
    assert loaded.config is not None
    assert [instance.router.priority for instance in loaded.config.instances] == [77, 77]
    assert loaded.files == ("k.conf", "common", "common")
    assert [str(diagnostic) for diagnostic in loaded.diagnostics] == [
        "common:1:1: warning: the file begins with a byte order mark, with which keepalived cannot read it; save it without"
    ]


def test_a_definition_reaches_into_later_files_and_out_again(folder: Path) -> None:
    inner = "$NAME=B\n" + one("${NAME}${_PWD}", 2)
    write(folder, {"k.conf": "$NAME=A\ninclude d/in\n" + one("${NAME}${_PWD}", 1), "d/in": inner})
    assert names(load(Path("k.conf"))) == [f"B{folder}/d", f"B{folder}"]


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        pytest.param("include none.conf", "k.conf:1:9: there is no file `none.conf` to include", id="plain"),
        pytest.param("include_check brace_match\ninclude {a,n}.conf", "k.conf:2:9: there is no file `n.conf` to include", id="brace"),
        pytest.param("includeb {a,n}.conf", "k.conf:1:10: there is no file `n.conf` to include", id="includeb"),
        pytest.param("include_check\ninclude {a,n}.conf", "k.conf:2:9: there is no file `n.conf` to include", id="all"),
        pytest.param("includea n*.conf", "k.conf:1:10: there is no file `n*.conf` to include", id="includea"),
        pytest.param("includew n*.conf", "k.conf:1:10: there is no file `n*.conf` to include", id="includew"),
        pytest.param("include_check +wildcard_match -match\ninclude n*", "k.conf:2:9: there is no file `n*` to include", id="plus"),
        pytest.param("include_check readable brace_match\ninclude {a,n}.conf", "k.conf:2:9: there is no file `n.conf` to include", id="two-checks"),
        pytest.param("include {x,y}", "k.conf:1:9: there is no file `{x,y}` to include", id="nothing-for-all-of-a-brace"),
        pytest.param("include_check -match\ninclude a.conf\nincludem n", "k.conf:3:10: there is no file `n` to include", id="includem"),
    ],
)  # fmt: skip
def test_files_that_are_missing(folder: Path, main: str, expected: str) -> None:
    hint = "; name a file that is there; a pattern such as `*.conf` may find none"
    assert told(folder, {"k.conf": f"{main}\n{INSTANCE}", "a.conf": "\n"}) == [expected + hint]


def test_checks_hold_in_included_files_and_end_with_them(folder: Path) -> None:
    assert told(
        folder,
        {"k.conf": f"include a\ninclude none*\n{INSTANCE}", "a": "include_check\ninclude b\n", "b": "include n*"},
    ) == [
        "b:1:9: there is no file `n*` to include; name a file that is there; a pattern such as `*.conf` may find none"
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"k.conf": "\ninclude k.conf\n"},
            ["k.conf:2:9: `k.conf` includes itself: k.conf:2 → k.conf; remove one `include`"],
            id="itself",
        ),
        pytest.param(
            {"k.conf": "include d/a\n", "d/a": "\n include ../k.conf\n"},
            ["d/a:2:10: `d/../k.conf` includes itself: k.conf:1 → d/a:2 → d/../k.conf; remove one `include`"],
            id="by-way-of-another",
        ),
        pytest.param(
            {"k.conf": "include b\n", "b": b"a\0b"},
            ["k.conf:1:9: `b`: the file is not text: a zero byte in line 1; name a configuration"],
            id="binary",
        ),
        pytest.param(
            {"k.conf": "include b\n", "b": b"a\n\xff"},
            ["k.conf:1:9: `b`: the file is not UTF-8: byte 0xff in line 2; save it as UTF-8"],
            id="other-encoding",
        ),
        pytest.param(
            {"k.conf": "include d/*\n", "d/e/f": ""},
            ["k.conf:1:9: `d/e`: the file cannot be read: it is a directory; name a file, or a pattern such as `*.conf`"],
            id="folder",
        ),
        pytest.param({"k.conf": "include_check -readable\ninclude d/*\n" + INSTANCE, "d/e/f": ""}, [], id="folder-allowed"),
        pytest.param(
            {"k.conf": "include\n"}, ["k.conf:1:8: `include` takes one file; write its name, or a pattern"], id="nothing"
        ),
        pytest.param(
            {"k.conf": "include a b\n"}, ["k.conf:1:9: `include` takes one file; write its name, or a pattern"], id="two"
        ),
        pytest.param(
            {"k.conf": "include_check +matches\n"},
            [
                "k.conf:1:15: `+matches` are no checks; "
                "write readable, match, wildcard_match, brace_match, with `+` or `-` before them if need be"
            ],
            id="unknown-check",
        ),
        pytest.param(
            {"k.conf": "vrrp_instance A { include a\n}\n", "a": ""},
            ["k.conf:1:19: `include` must begin a line; give it a line of its own"],
            id="inside-a-line",
        ),
        pytest.param(
            {"k.conf": INSTANCE + "include a\n", "a": "\nvrrp_instance A {\n}\n"},
            ["a:2:15: there is a `vrrp_instance A` already, in line 1 of k.conf; write another one, or remove it"],
            id="the-other-line-is-in-another-file",
        ),
        pytest.param(
            {"k.conf": INSTANCE.replace("}\n}\n", "}\ninclude a\n}\n"), "a": "\npriority 3\n"},
            ["a:2:1: `priority` stands here again, after line 5 of k.conf; keep one of them"],
            id="again-in-another-file",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong(folder: Path, files: dict[str, str | bytes], expected: list[str]) -> None:
    assert [
        line for line in told(folder, files) if "nothing is configured" not in line and "has no" not in line
    ] == expected


def test_files_may_not_be_nested_without_end(folder: Path) -> None:
    files: dict[str, str | bytes] = {f"f{n}": f"include f{n + 1}\n" for n in range(40)}
    (message,) = told(folder, {"k.conf": "include f0\n", **files})
    assert message.startswith("f15:1:9: `f16` is included more than 16 files deep: k.conf:1 → f0:1 → f1:1 → ")


def test_files_may_not_multiply_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.conf.preprocess.MOST_FILES", 20)
    files: dict[str, str | bytes] = {f"f{n}": f"include f{n + 1}\n" * 3 for n in range(10)}
    found = told(folder, {"k.conf": "include f{0,1}\n", **files, "f10": ""})
    assert [line.partition(": ")[2] for line in found] == ["more than 20 files are included; include fewer"]


def test_pipes_are_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert told(folder, {"k.conf": "include pipe\n"})[0] == (
        "k.conf:1:9: `pipe`: the file cannot be read: it is no regular file; name a file, or a pattern such as `*.conf`"
    )


def test_the_file_itself_is_no_pipe_either(folder: Path) -> None:
    os.mkfifo(folder / "k.conf")
    assert [str(diagnostic) for diagnostic in load("k.conf").diagnostics] == [
        "k.conf:1:1: the file cannot be read: it is no regular file; name a file, or a pattern such as `*.conf`"
    ]


def test_a_link_to_nothing_cannot_be_read(folder: Path) -> None:
    (folder / "link").symlink_to("nowhere")
    assert told(folder, {"k.conf": "include link\n"})[0] == (
        "k.conf:1:9: `link`: the file cannot be read: No such file or directory; name a file that can be read"
    )


def test_a_file_may_not_be_endless(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(include, "MOST_BYTES", 10)
    assert told(folder, {"k.conf": "12345678901"}) == [
        "k.conf:1:1: the file is longer than 10 bytes; name a configuration"
    ]


def test_all_files_must_be_there_when_asked(folder: Path) -> None:
    write(folder, {"k.conf": f"include none*\n{INSTANCE}"})
    assert load(Path("k.conf"), all_files=True).config is None
    assert load(Path("k.conf")).config is not None


def test_a_name_that_cannot_be(folder: Path) -> None:
    assert load(Path("a\0b")).diagnostics[0].message == "the file cannot be read: embedded null byte"


def test_the_host_and_its_environment_are_asked_when_nothing_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_TEST", "E")
    here = os.uname().nodename.partition(".")[0]
    write(folder, {"k.conf": f"@{here} $I=${{_ENV LABKIT_TEST}}\n" + one("${I}", 1)})
    assert names(load(Path("k.conf"))) == ["E"]


def test_braces_are_bounded() -> None:
    found = include.find("{a,b}" * 30, "", include.ALL)
    assert found.files == ()
    assert found.missing is not None


@pytest.mark.parametrize("pattern", ["a{b", "a}b{", "a{b,{c}"])
def test_a_brace_without_its_fellow_is_a_character(tmp_path: Path, pattern: str) -> None:
    (tmp_path / pattern).touch()
    assert include.find(pattern, str(tmp_path), include.ALL).files == (str(tmp_path / pattern),)
