"""`pykeepalived config`: what is printed, what is said beside it, and the exit status."""

from pathlib import Path

import pytest

from labkit.daemon.main import run
from tests.conf.samples import INSTANCE


def config(file: Path, *words: str) -> int:
    return run(["config", "-f", str(file), *words])


def test_it_prints_what_is_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "k.conf").write_text("include one.conf # why\n@there vrrp_instance B {\n")
    (tmp_path / "one.conf").write_text(INSTANCE)
    assert config(tmp_path / "k.conf", "-i", "here") == 0
    assert capsys.readouterr() == (INSTANCE, "")


def test_it_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "k.conf"
    file.write_text("@there " + INSTANCE)
    assert config(file, "-i", "there") == 0
    capsys.readouterr()
    assert config(file, "-i", "here") == 5
    printed, said = capsys.readouterr()
    assert printed == ""
    assert f"{file}:2:5: `state` cannot stand outside all blocks; it belongs in `vrrp_instance`" in said


def test_files_that_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "k.conf"
    file.write_text("include none*\n" + INSTANCE)
    assert config(file) == 0
    assert config(file, "--all-config") == 5
    assert config(tmp_path / "none.conf") == 4
    assert "no file `none*` to include" in capsys.readouterr().err


def test_wrong_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--no"]) == 2
    assert "unrecognized arguments: --no" in capsys.readouterr().err
