import os
from pathlib import Path

import pytest

from labkit.conf.model import Command, GlobalDefs
from labkit.daemon.programs import prepare, unsafe

ROOT = ("root", None)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def command(*argv: str) -> Command:
    return Command(argv=argv, text=" ".join(argv))


def test_a_plain_name_is_looked_up_once_and_said() -> None:
    program = prepare(command("true", "x"), GlobalDefs())
    assert program.argv[0].endswith("/true")
    assert program.argv[1:] == ("x",)
    assert program.doubts == (f"script `true` resolved by path search to `{program.argv[0]}`",)


@pytest.mark.parametrize("word", [">", "2>/dev/null", "||", "&&", "a;", "<f"])
def test_what_only_a_shell_would_understand_is_told(word: str) -> None:
    program = prepare(command("/bin/true", "x", word, "y"), GlobalDefs())
    assert program.doubts == (f"no shell runs it, so that `{word}` is an argument like any other",)


def test_what_may_be_part_of_an_argument_is_not() -> None:
    assert prepare(command("/bin/true", "http://h/?a=1&b=$2|3", "->", "a;b"), GlobalDefs()).doubts == ()


@pytest.mark.parametrize("option", ["-c", "-ec"])
def test_what_a_shell_is_given_is_not(option: str) -> None:
    program = prepare(command("/bin/sh", option, "</dev/tcp/127.0.0.1/80", ">", "x"), GlobalDefs())
    assert program.doubts == ("no shell runs it, so that `>` is an argument like any other",)
    assert prepare(command("/bin/sh", option, "</dev/tcp/127.0.0.1/80"), GlobalDefs()).doubts == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("no-such-program-here", "`no-such-program-here` is in no folder of PATH", id="no-folder"),
        pytest.param("/nonexistent/check", "/nonexistent/check: No such file or directory", id="no-file"),
        pytest.param("/etc/passwd", "/etc/passwd is not executable", id="not-executable"),
        pytest.param("/etc", "/etc is not a file", id="folder"),
    ],
)
def test_what_cannot_be_run_is_named(name: str, expected: str) -> None:
    program = prepare(command(name), GlobalDefs())
    assert program.doubts == (expected,)
    assert not program.refused


def test_an_unknown_user_is_refused() -> None:
    if os.geteuid() == 0:
        program = prepare(command("/bin/true"), GlobalDefs(), ("nobody_here", None))
        assert program.refused == "user 'nobody_here' does not exist"


@needs_root
def test_what_root_runs_may_be_changed_by_root_only(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    script = folder / "script"
    script.touch()
    assert unsafe(script) == ""  # /tmp is sticky
    script.chmod(0o757)
    assert unsafe(script) == f"{script} may be written by everybody"
    script.chmod(0o775)
    os.chown(script, 0, 65534)
    assert unsafe(script) == f"{script} may be written by group nogroup"
    os.chown(script, 65534, 0)
    assert unsafe(script) == f"{script} belongs to user nobody, not to root"
    os.chown(script, 0, 0)
    folder.chmod(0o777)
    assert unsafe(script) == f"{folder} may be written by everybody"


@needs_root
def test_links_are_followed(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    (open_folder / "script").touch()
    link = tmp_path / "link"
    link.symlink_to(open_folder / "script")
    assert unsafe(link) == f"{open_folder} may be written by everybody"


@needs_root
def test_security_is_of_what_runs_as_root(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.touch()
    script.chmod(0o777)
    secure = GlobalDefs(enable_script_security=True, script_user=ROOT)
    assert prepare(command(str(script)), secure).refused == f"{script} may be written by everybody"
    assert prepare(command(str(script)), secure, ("nobody", None)).refused == ""
    assert prepare(command(str(script)), GlobalDefs(script_user=ROOT)).refused == ""


@needs_root
def test_a_missing_program_is_told_once(tmp_path: Path) -> None:
    program = prepare(command(str(tmp_path / "no")), GlobalDefs(enable_script_security=True, script_user=ROOT))
    assert (program.refused, program.doubts) == (f"{tmp_path}/no: No such file or directory", ())
