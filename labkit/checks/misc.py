"""MISC_CHECK: a program says so.

exit status 0 ──> healthy      1 ──> failed      2..255 ──> failed, or (misc_dynamic) healthy with a weight
misc_timeout ──> SIGTERM to its process group ──2 s──> SIGKILL
"""

import signal

from labkit.checks.target import Target
from labkit.checks.trouble import LACKS, CheckFailedError, late, words
from labkit.checks.waiting import Ending, now, told
from labkit.conf.model_balancing import MiscCheck
from labkit.lvs.check import Result
from labkit.trace import SECOND

_GRACE = 2 * SECOND


async def check(spec: MiscCheck, target: Target) -> Result:
    """Run the program and judge its exit status; a check that is cancelled kills it.

    Raises:
        CheckFailedError, OSError, LabkitError: what `run` says in words.
    """
    ending = Ending()
    kill = target.execute(spec.command, ending.tell)
    try:
        if not await told(ending, now() + spec.timeout):
            kill(signal.SIGTERM)
            if not await told(ending, now() + _GRACE):
                kill(signal.SIGKILL)
            raise late("no end of the command", spec.timeout)
    except GeneratorExit:
        kill(signal.SIGKILL)
        raise
    if isinstance(ending.end, OSError):
        if ending.end.errno in LACKS:
            raise ending.end
        raise CheckFailedError(f"{spec.command.argv[0]} cannot be started: {words(ending.end)}")
    return _judge(ending.end or 0, dynamic=spec.dynamic)


def _judge(status: int, *, dynamic: bool) -> Result:
    if status < 0:
        raise CheckFailedError(f"ended by {signal.Signals(-status).name}")
    if dynamic and status >= 2:
        return Result(ok=True, detail=f"exit status {status}", weight=status - 2)
    return Result(ok=status == 0, detail=f"exit status {status}")
