"""Labs as pytest fixtures.

    @pytest.mark.lab("failover", advert_int="0.4", version="3")
    def test_kill(lab):
        lab.expect(lab.vip.only_on("server1"), within=lab.bound.election("server1"))
        lab.server1.daemon.kill()
        lab.expect(lab.vip.on("server2"), within="master_down(server2)")

Each test has a fresh lab of its own, which ends with it.  What was expected and measured becomes properties of the test
in JUnit XML.  `needs=("ipvs",)` skips a test where the kernel cannot do it, by the names of `labkit doctor`; where labs
cannot be raised at all, tests are skipped with the reason.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from labkit.diagnostics import LabkitError

if TYPE_CHECKING:  # whoever has labkit installed loads this with every pytest: it must cost nothing
    from labkit.lab.play import Lab

_numbers = count(1)


class LackingHereError(LabkitError):
    """This machine cannot do what a lab needs; says what."""


@contextmanager
def raised(
    name: str,
    *,
    variant: str | None = None,
    settings: Mapping[str, object] | None = None,
    daemons: Mapping[str, str] | None = None,
    needs: Sequence[str] = (),
    provider: str = "netns",
    told: Callable[[str], None] = lambda _: None,
) -> "Iterator[Lab]":
    """Raise a lab, a shipped one by name or a folder with a lab.yml; it ends with the context, whatever happens.

    Raises:
        LackingHereError: this machine lacks what the provider or the lab needs.
        LabkitError: no such lab, or something is wrong with it.
    """
    from labkit.lab import client
    from labkit.lab.play import Lab
    from labkit.lab.prepared import prepare
    from labkit.providers import registry

    values = {key: str(value) for key, value in (settings or {}).items()}
    try:
        made = registry.provider(provider)
    except LabkitError as error:
        raise LackingHereError(str(error)) from error
    prepared = prepare(name, variant, values, daemons or {}, python=made.python)
    if lacking := prepared.lacking or registry.lacking(made, (*prepared.needs, *needs)):
        raise LackingHereError(lacking)
    instance = f"{prepared.topology.name.replace('/', '-')}-{os.getpid()}-{next(_numbers)}"
    _, leash = client.start(prepared.plan(instance, owned=True), made)
    try:
        with client.Client(instance) as connection:
            yield Lab(instance, prepared.topology, prepared.configs, connection, told)
        client.take_down(instance)
    finally:
        leash.close()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "lab(name, variant, daemons, needs, **variables): which lab the test is given")


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> "Iterator[Lab]":
    """The lab that the marker `lab` of the test names; `failover` without one."""
    marker = request.node.get_closest_marker("lab")
    words: dict[str, Any] = dict(marker.kwargs) if marker else {}
    known = {key: words.pop(key) for key in ("variant", "daemons", "needs", "provider") if key in words}
    name = marker.args[0] if marker and marker.args else "failover"
    try:
        with raised(name, settings=words, told=print, **known) as found:
            yield found
            request.node.user_properties += _properties(found)
    except LackingHereError as lack:
        pytest.skip(str(lack))


def _properties(found: "Lab") -> Iterator[tuple[str, object]]:
    for number, step in enumerate(found.results, 1):
        for finding in step.findings:
            place = f"{number} {finding.what}"
            yield f"{place}: verdict", finding.verdict.value
            if finding.bound:
                yield f"{place}: bound_s", finding.bound / 1e6
            if finding.took is not None:
                yield f"{place}: measured_s", finding.took / 1e6


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skip, with what the machine did, where a stall of the host leaves nothing to say."""
    outcome = yield
    error = outcome.excinfo[1] if outcome.excinfo else None  # type: ignore[attr-defined]
    play = sys.modules.get("labkit.lab.play")
    if play is not None and isinstance(error, play.StalledError):
        outcome.force_exception(pytest.skip.Exception(f"inconclusive: {error}"))  # type: ignore[attr-defined]
