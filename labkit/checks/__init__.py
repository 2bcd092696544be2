"""Checks of real servers: one checker a file, each `async def check(spec, target) -> Result`.

    waiter, run = Waiter(), prepare(spec, target)
    running = waiter.start(run(), ended)                    # ended(result) is called by a later waiter.step()
    loop.watch(waiter, waiter.step)                         # and step at waiter.deadline, too
    running.cancel()                                        # closes everything; ended is not called

A check never raises for what a server does: every failure is a result with words.
"""

from labkit.checks.run import prepare
from labkit.checks.target import Ask, Execute, Kill, Target
from labkit.checks.waiting import Running, Waiter

__all__ = ["Ask", "Execute", "Kill", "Running", "Target", "Waiter", "prepare"]
