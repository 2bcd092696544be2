"""The version of labkit that runs."""

from functools import cache


@cache
def version() -> str:
    """Return the version of the installed distribution."""
    from importlib.metadata import PackageNotFoundError, version  # slow, and needed seldom

    try:
        return version("labkit")
    except PackageNotFoundError:
        return "of a checkout"
