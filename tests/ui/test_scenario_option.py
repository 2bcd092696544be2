"""Scenarios are chosen by an option; who writes one as a word is told so."""

import click
import pytest
from click.testing import CliRunner

from labkit.ui.cli.compare import compare_command
from labkit.ui.cli.run import run_command


@pytest.mark.parametrize("command", [run_command, compare_command], ids=lambda command: command.name)
def test_a_scenario_as_a_word(command: click.Command) -> None:
    done = CliRunner().invoke(command, ["balance/nat", "server-dies"])
    assert done.exit_code == 2
    assert f"a scenario is named with -s: {command.name} balance/nat -s server-dies\n" in done.output
