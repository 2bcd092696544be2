"""A loop with children for tests of what hangs from them, without a network."""

import time
from collections.abc import Callable

from labkit.daemon.children import Children
from labkit.daemon.loop import Loop
from labkit.kernel.process import now


class Desk:
    """A loop, the commands it runs, and what was said."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.children = Children(self.loop)
        self.said: list[str] = []

    def run_until(self, condition: Callable[[], object], within: float = 5.0) -> None:
        """Let the loop work until `condition` holds."""
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"not true within {within} s; said: {self.said}"
            self.loop.step(now() + 20_000)

    def work(self, seconds: float) -> None:
        """Let the loop work for a while."""
        deadline = now() + int(seconds * 1e6)
        while now() < deadline:
            self.loop.step(deadline)

    def close(self) -> None:
        self.children.kill_all()
        self.run_until(lambda: not len(self.children))
        self.loop.close()
