"""Bounds are computed from the rendered configuration (RFC 3768 6.1, RFC 9568 6.1); figures worked out by hand."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from labkit.conf.model import Config
from labkit.lab import bounds, catalog, loader, render
from labkit.lab.topology import Topology


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        pytest.param("skew(server1)", 414_062, id="v2-skew-150"),  # 106/256 s
        pytest.param("skew(server2)", 531_250, id="v2-skew-120"),
        pytest.param("master_down(server2)", 3_531_250, id="v2-master-down-120"),
        pytest.param("election(server1)", 3_414_062, id="v2-election-150"),
        pytest.param("advert(server3)", 1_000_000, id="advert"),
        pytest.param("skew(best)", 609_375, id="best-is-server3-here"),  # 156/256 s
        pytest.param("100ms", 100_000, id="milliseconds"),
        pytest.param("skew(server2) + 1.5s + 20 ms", 2_051_250, id="sum"),
        pytest.param("script_fall(server1)", 0, id="no-script"),
    ],
)
def test_value(text: str, micros: int, configs: Mapping[str, Config]) -> None:
    assert bounds.parse(text).value(configs, "server3") == micros


def test_version_3_scales_the_skew(folder: Path) -> None:
    topology = loader.load(folder / "lab.yml", name="failover", settings={"advert_int": "0.1", "version": "3"})
    configs, _ = render.check(render.render(topology, folder))
    assert bounds.parse("master_down(server2)").value(configs, "server1") == 353_125  # 0.3 s + 136/256 of 0.1 s


def test_script_bounds(services: Topology, folder: Path) -> None:
    configs, _ = render.check(render.render(services, folder))
    assert bounds.parse("script_fall(server1)").value(configs, "server1") == 4_000_000  # interval 2, fall 2
    assert bounds.parse("script_rise(server1)").value(configs, "server1") == 4_000_000


@pytest.mark.parametrize(
    ("variant", "removal", "back"),
    [
        # delay_loop 10, connect_timeout 5, retry 1 after 1 s: the check, the pause and the retry
        pytest.param("guide", 10_000_000 + 5_000_000 + 1_000_000 + 5_000_000, 15_000_000, id="guide"),
        pytest.param("spread", 2_000_000 + 5_000_000 + 1_000_000 + 5_000_000, 7_000_000, id="spread"),
    ],
)
def test_check_bounds(variant: str, removal: int, back: int) -> None:
    folder = catalog.lab_folder("balance/nat")
    topology = loader.load(folder / "lab.yml", name="balance/nat", variant=variant)
    configs, _ = render.check(render.render(topology, folder))
    assert bounds.parse("check_removal(director2)").value(configs, "director1") == removal
    assert bounds.parse("check_return(director1)").value(configs, "director1") == back


def test_no_checks(configs: Mapping[str, Config]) -> None:
    assert bounds.parse("check_removal(server1) + check_return(server1)").value(configs, "server1") == 0


@pytest.mark.parametrize(
    "text", ["", "soon", "skew()", "skew(a b)", "5", "5 h", "skew(a) -1s", "masterdown(server1)", "9" * 400 + "s", "²s"]
)
def test_no_bound(text: str) -> None:
    with pytest.raises(ValueError, match=r"a bound is a sum of advert\(NODE\), skew\(NODE\)"):
        bounds.parse(text)


def test_nodes() -> None:
    assert bounds.parse("skew(a) + election(b) + 1s").nodes() == {"a", "b"}
