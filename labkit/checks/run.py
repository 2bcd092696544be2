"""One run of a check, whatever its kind."""

from typing import assert_never

from labkit.checks import http, tcp
from labkit.checks.target import Target
from labkit.checks.trouble import CheckFailedError, words
from labkit.conf.model_balancing import (
    Check,
    DnsCheck,
    FileCheck,
    HttpCheck,
    MiscCheck,
    PingCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
)
from labkit.diagnostics import LabkitError
from labkit.lvs.check import Result


async def run(spec: Check, target: Target) -> Result:
    """Run a check once; a failure is a result with words, never an exception."""
    try:
        return await _check(spec, target)
    except CheckFailedError as error:
        return Result(ok=False, detail=str(error))
    except OSError as error:
        return Result(ok=False, detail=words(error))
    except LabkitError as error:
        return Result(ok=False, detail=str(error))


async def _check(spec: Check, target: Target) -> Result:
    match spec:
        case TcpCheck():
            return await tcp.check(spec, target)
        case HttpCheck():
            return await http.check(spec, target)
        case SmtpCheck() | DnsCheck() | MiscCheck() | PingCheck() | UdpCheck() | FileCheck():
            raise CheckFailedError(f"{type(spec).__name__} is not here yet")
        case _:
            assert_never(spec)
