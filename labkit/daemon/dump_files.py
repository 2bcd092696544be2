"""Writes a dump: whole or not at all, mode 0600, and never through a link that somebody laid in /tmp."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from labkit.diagnostics import LabkitError


class DumpError(LabkitError):
    """A dump cannot be written."""


def write(path: Path, text: str) -> None:
    """Write `text` to a new file and put it in the place of `path`; a link at `path` is replaced, not followed.

    Raises:
        DumpError: it cannot be written there.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            new.replace(path)
        except OSError:
            with suppress(OSError):
                new.unlink()
            raise
    except OSError as error:
        raise DumpError(f"cannot write {path}: {error.strerror}") from error
