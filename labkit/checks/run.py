"""One run of a check, whatever its kind."""

from functools import partial
from typing import assert_never

from labkit.checks import file, http, misc, ping, smtp, tcp, udp
from labkit.checks.target import Ask, Target
from labkit.checks.trouble import LACKS, CheckFailedError, words
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


def prepare(spec: Check, target: Target) -> Ask:
    """Return what runs a check once with each call; a failure is a result with words, never an exception.

    What is the same in all runs is made here.
    """
    return partial(_run, _ask(spec, target))


async def _run(ask: Ask) -> Result:
    try:
        return await ask()
    except CheckFailedError as error:
        return Result(ok=False, detail=str(error))
    except OSError as error:
        return Result(ok=False, detail=words(error), void=error.errno in LACKS)
    except LabkitError as error:
        return Result(ok=False, detail=str(error))


def _ask(spec: Check, target: Target) -> Ask:
    match spec:
        case TcpCheck():
            return partial(tcp.check, spec, target)
        case HttpCheck():
            return http.prepare(spec, target)
        case SmtpCheck():
            return partial(smtp.check, spec, target)
        case DnsCheck():
            from labkit.checks import dns  # its library is loaded where somebody asks

            return partial(dns.check, spec, target)
        case MiscCheck():
            return partial(misc.check, spec, target)
        case PingCheck():
            return partial(ping.check, spec, target)
        case UdpCheck():
            return partial(udp.check, spec, target)
        case FileCheck():
            return partial(file.check, spec, target)
        case _:
            assert_never(spec)
