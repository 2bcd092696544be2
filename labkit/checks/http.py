"""HTTP_GET and SSL_GET: pages are served as they should be.

Each run asks for every url, one after the other.  keepalived: C asks for one url a run and goes on to the next after
delay_loop, so that a failed server with many urls is long in coming back; its fast_recovery is how this always is.
"""

import re
from collections.abc import Sequence
from functools import lru_cache, partial

from labkit.checks.page import Page, Request, fetch, get, own_host
from labkit.checks.searching import search
from labkit.checks.target import Ask, Target
from labkit.checks.trouble import CheckFailedError
from labkit.conf.model_balancing import Connection, HttpCheck, Url
from labkit.conf.regexes import compile_regex
from labkit.lvs.check import Result


def prepare(spec: HttpCheck, target: Target) -> Ask:
    """Return what asks for every url and judges what comes; the requests are made here, once."""
    return partial(_check, spec.connection, [(url, _request(spec, url, target)) for url in spec.urls])


async def _check(connection: Connection, wanted: Sequence[tuple[Url, Request]]) -> Result:
    page = None
    for url, request in wanted:
        page = await fetch(request, connection)
        _judge(url, page)
    return _good(page.status) if page else Result(ok=True, detail="no page to ask for")


@lru_cache
def _good(status: int) -> Result:
    return Result(ok=True, detail=f"status {status}")


def _request(spec: HttpCheck, url: Url, target: Target) -> Request:
    host = url.virtualhost or spec.virtualhost
    return Request(
        text=get(url.path, host or own_host(spec.connection), spec.protocol),
        tls=spec.tls,
        material=target.tls,
        name=spec.sni_name or (host if spec.sni else None),
        digest=url.digest is not None,
        keep=url.regex is not None,
    )


def _judge(url: Url, page: Page) -> None:
    if not any(low <= page.status <= high for low, high in url.statuses):
        raise CheckFailedError(f"{url.path}: status {page.status}, not {_ranges(url)}")
    if url.digest is not None and page.digest != url.digest:
        raise CheckFailedError(f"{url.path}: digest {page.digest}, not {url.digest}")
    if url.regex is not None and _matches(url, page) == url.regex_no_match:
        raise CheckFailedError(f"{url.path}: the page {'has' if url.regex_no_match else 'does not have'} {url.regex!r}")


def _matches(url: Url, page: Page) -> bool:
    """Whether a match in the body begins between the two offsets, both included.

    keepalived: they are counted from the beginning of the answer, with its header (tried with 2.2.7).
    """
    before = len(page.header)
    pattern = _compiled(url.regex or "", url.regex_options)
    found = search(pattern, page.body, max(0, url.regex_min_offset - before))
    return found is not None and (url.regex_max_offset is None or before + found.start() <= url.regex_max_offset)


@lru_cache(maxsize=1024)
def _compiled(regex: str, options: frozenset[str]) -> re.Pattern[bytes]:
    return compile_regex(regex, options)


def _ranges(url: Url) -> str:
    return " ".join(f"{low}-{high}" if low != high else str(low) for low, high in url.statuses)
