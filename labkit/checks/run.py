"""One run of a check, whatever its kind."""

from typing import assert_never

from labkit.checks import file, http, misc, ping, smtp, tcp, udp
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
        case SmtpCheck():
            return await smtp.check(spec, target)
        case DnsCheck():
            from labkit.checks import dns  # its library is loaded where somebody asks

            return await dns.check(spec, target)
        case MiscCheck():
            return await misc.check(spec, target)
        case PingCheck():
            return await ping.check(spec, target)
        case UdpCheck():
            return await udp.check(spec, target)
        case FileCheck():
            return await file.check(spec, target)
        case _:
            assert_never(spec)
