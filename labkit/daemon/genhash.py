"""`pykeepalived genhash`: the digest of a page for a `digest` line, by the options of genhash(1)."""

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address

from labkit.checks import Waiter
from labkit.checks.page import Page, Request, fetch, get, own_host
from labkit.checks.trouble import CheckFailedError, words
from labkit.checks.waiting import now
from labkit.conf.model_balancing import Connection, HttpProtocol
from labkit.lvs.check import Result
from labkit.trace import SECOND

EX_FAILED = 1
_PROTOCOLS = {protocol.value.lower(): protocol for protocol in HttpProtocol}
_LONGEST = 86400  # s, to wait


def _number(least: int, most: int, word: str) -> int:
    if word.isascii() and word.isdigit() and least <= int(word) <= most:
        return int(word)
    raise argparse.ArgumentTypeError(f"'{word}' is not a whole number from {least} to {most}")


def _seconds(word: str) -> float:
    try:
        found = float(word)
    except ValueError:
        found = 0
    if 0 < found <= _LONGEST:
        return found
    raise argparse.ArgumentTypeError(f"'{word}' is not a number of seconds up to {_LONGEST}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pykeepalived genhash", description="Print the MD5 of a page of a server.")
    add = parser.add_argument
    add("-s", "--server", required=True, type=ip_address, metavar="ADDRESS")
    add("-p", "--port", required=True, type=partial(_number, 1, 65535), metavar="PORT")
    add("-u", "--url", required=True, metavar="PATH")
    add("-S", "--use-ssl", action="store_true", help="ask over TLS; any certificate will do")
    add("-I", "--use-sni", action="store_true", help="name the virtual host in the TLS handshake")
    add("-V", "--use-virtualhost", dest="host", metavar="NAME", help="the Host to ask for")
    add("-P", "--protocol", type=str.lower, choices=_PROTOCOLS, default="1.0", help="1.0c is 1.0 and Connection: close")
    add("-t", "--timeout", type=_seconds, default=5, metavar="SECONDS", help="for connecting, and for the answer (5)")
    add("-m", "--fwmark", type=partial(_number, 0, 2**32 - 1), default=0, metavar="MARK", help="mark the packets")
    add("-v", "--verbose", action="store_true", help="show all that came")
    return parser


def run(argv: Sequence[str]) -> int:
    """Print the digest by the options `argv`; return the exit status: 1 if the page is not to be had."""
    options = _parser().parse_args(argv)
    began = now()
    page = _fetch(options)
    if isinstance(page, str):
        sys.stderr.write(f"{page}\n")
        return EX_FAILED
    if options.verbose:
        _show(page, options.url, now() - began, sys.stdout.write)
    else:
        sys.stdout.write(f"{page.digest}\n")
    return os.EX_OK


def _fetch(options: argparse.Namespace) -> Page | str:
    """Return the page, or in words why there is none."""
    timeout = max(1, int(options.timeout * SECOND))
    connection = Connection(address=options.server, port=options.port, fwmark=options.fwmark, timeout=timeout)
    request = Request(
        text=get(options.url, options.host or own_host(connection), _PROTOCOLS[options.protocol]),
        tls=options.use_ssl,
        name=options.host if options.use_sni else None,
        digest=True,
        keep=options.verbose,
    )
    pages: list[Page] = []

    async def ask() -> Result:
        try:
            pages.append(await fetch(request, connection))
        except CheckFailedError as error:
            return Result(ok=False, detail=str(error))
        except OSError as error:
            return Result(ok=False, detail=words(error))
        return Result(ok=True)

    result = _drive(ask)
    return pages[0] if result.ok else f"{own_host(connection)}: {result.detail}"


def _drive(ask: Callable[[], object]) -> Result:
    """Run one check to its end."""
    waiter, results = Waiter(), list[Result]()
    waiter.start(ask(), results.append)  # type: ignore[arg-type]
    while not results:
        deadline = waiter.deadline
        select.select([waiter], [], [], None if deadline is None else max(0, deadline - now()) / SECOND)
        waiter.step()
    waiter.close()
    return results[0]


def _show(page: Page, path: str, took: int, write: Callable[[str], object]) -> None:
    write(_title("   HTTP Header Buffer   ", 23) + _dump(page.header))
    write(_title("HTTP Header Ascii Buffer", 23) + page.header.decode("latin-1") + "\n")
    write(_title("       HTML Buffer       ", 23) + _dump(page.body) + "\n")
    write(_title("   HTML hash resulting   ", 23) + _dump(bytes.fromhex(page.digest)))
    write(_title("HTML hash final resulting", 23) + f"{page.digest}\n\n")
    write(f"Global response time for [{path}] = {took} usecs\n")


def _title(text: str, dashes: int) -> str:
    return f"{'-' * dashes}[ {text} ]{'-' * dashes}\n"


def _dump(data: bytes) -> str:
    lines = []
    for start in range(0, len(data), 16):
        line = data[start : start + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        halves = (line[:8].hex(" "), line[8:].hex(" "))
        lines.append(f"{start:04}  {halves[0]:23} - {halves[1]:23}   {shown:16}\n")
    return "".join(lines)
