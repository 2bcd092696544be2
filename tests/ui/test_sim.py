"""`labkit sim`, from its options to what it prints."""

import json
from functools import partial

import pytest
from click.testing import CliRunner

from labkit.sim import crowd
from labkit.ui.cli.sim import sim_command
from labkit.vrrp.config import RouterConfig


def run(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(sim_command, [*arguments])
    assert done.exit_code == status, done.output
    return done.output


def test_it_tells_owners_and_takeovers() -> None:
    said = run("--routers", "12", "--duration", "20")
    assert "12 routers, 3 on each of 4 segments, 0.0% of all frames lost, seed 1: 20 s in" in said
    assert "0 later than their bound" in said
    assert "the best is the only owner on 4 of 4 segments" in said


def test_it_speaks_json() -> None:
    found = json.loads(run("--routers", "10", "--together", "5", "--advert-int", "0.1", "--duration", "20", "--json"))
    assert (found["routers"], found["virtual_routers"], found["broken"]) == (10, 2, [])
    assert found["owners"]["one"]["share"] > 0.9
    assert 0 < found["takeovers"]["crash"]["most_s"] < 0.4


def test_what_must_not_happen_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "RouterConfig", partial(RouterConfig, preempt=False))
    assert "broken: at the end the best is not the only owner on segment" in run("--routers", "30", status=1)


def test_a_mistake_is_told() -> None:
    assert "there must be enough for one" in run("--routers", "4", "--together", "5", status=2)
