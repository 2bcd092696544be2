"""HTTP_GET and SSL_GET: pages are served as they should be.

Each run asks for every url, one after the other.  keepalived: C asks for one url a run and goes on to the next after
delay_loop, so that a failed server with many urls is long in coming back; its fast_recovery is how this always is.
"""

import re
from functools import lru_cache

from labkit.checks.page import Page, Request, fetch, own_host
from labkit.checks.target import Target
from labkit.checks.trouble import CheckFailedError
from labkit.conf.model_balancing import HttpCheck, Url
from labkit.conf.regexes import compile_regex
from labkit.lvs.check import Result


async def check(spec: HttpCheck, target: Target) -> Result:
    """Ask for every url and judge what comes.

    Raises:
        CheckFailedError, OSError: what `run` says in words.
    """
    page = None
    for url in spec.urls:
        page = await fetch(_request(spec, url, target), spec.connection)
        _judge(url, page)
    return Result(ok=True, detail=f"status {page.status}" if page else "no page to ask for")


def _request(spec: HttpCheck, url: Url, target: Target) -> Request:
    host = url.virtualhost or spec.virtualhost
    return Request(
        path=url.path,
        host=host or own_host(spec.connection),
        protocol=spec.protocol,
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
    found = pattern.search(page.body, max(0, url.regex_min_offset - before))
    return found is not None and (url.regex_max_offset is None or before + found.start() <= url.regex_max_offset)


@lru_cache(maxsize=1024)
def _compiled(regex: str, options: frozenset[str]) -> re.Pattern[bytes]:
    return compile_regex(regex, options)


def _ranges(url: Url) -> str:
    return " ".join(f"{low}-{high}" if low != high else str(low) for low, high in url.statuses)
