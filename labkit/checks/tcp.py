"""TCP_CHECK: a connection can be made."""

from labkit.checks.connecting import connect
from labkit.checks.target import Target
from labkit.conf.model_balancing import TcpCheck
from labkit.lvs.check import Result

_CONNECTED = Result(ok=True, detail="connected")


async def check(spec: TcpCheck, target: Target) -> Result:
    """Connect, and close again.

    Raises:
        CheckFailedError, OSError: what `run` says in words.
    """
    (await connect(spec.connection)).close()
    return _CONNECTED
