"""Situations: what happens to a few hosts, told once and run with C keepalived, with ours and with both mixed.

A situation is the configurations of its hosts and a script.  The script is a generator: it does things (`start`,
`stop`, `cut`, ...) and yields what it then waits for, so that one loop runs every casting of the situation at the same
time, each in a network of its own.  What happened is then compared host by host with what happened to C keepalived.

    @situation(instance(150), instance(120))
    def test_a_stop_is_taken_up_after_the_skew(s: Run) -> Script:
        yield from s.settled()
        s.stop(1)
        released = yield s.advert(1, priority=0)
        taken = yield s.advert(2)
        s.apart(released, taken, 0.053)
"""

from collections.abc import Callable, Sequence

import pytest

from tests.interop.run import VIP, Casting, Run, Script, Until
from tests.interop.stage import Situation, Stage
from tests.interop.story import Differs


def situation(
    *configs: str,
    interfaces: int = 1,
    castings: tuple[Casting, ...] = (),
    loose: Sequence[str] = (),
    differs: Sequence[Differs] = (),
    pending: str = "",
) -> Callable[[Callable[[Run], Script]], Callable[..., None]]:
    """Make a test of a script; see the module's words."""

    def wrap(script: Callable[[Run], Script]) -> Callable[..., None]:
        whole = Situation(
            configs=configs,
            script=script,
            interfaces=interfaces,
            castings=castings,
            loose=frozenset(loose),
            differs=tuple(differs),
        )

        @pytest.mark.kernel
        @pytest.mark.interop
        @pytest.mark.skipif(bool(pending), reason=pending)
        def test(stage: Stage) -> None:
            if failure := stage.perform(whole):
                pytest.fail(failure, pytrace=False)

        test.__doc__ = script.__doc__
        test.situation = None if pending else whole  # type: ignore[attr-defined]
        return test

    return wrap


__all__ = ["VIP", "Differs", "Run", "Script", "Until", "situation"]
