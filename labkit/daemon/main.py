"""`pykeepalived`: the daemon by the options of keepalived(8), or a command that asks one that runs.

What one of the two does not need is not loaded: a question is answered within a tenth of a second.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from labkit.hints import NoReturn

EX_USAGE = 2
_YOUNG = 20_000  # new objects before the collector looks for garbage: with 700 it does so 40 times in loading
COMMANDS = frozenset({"status", "lvs", "events", "metrics", "reload", "stop", "prio"})


def run(argv: Sequence[str]) -> int:
    """Run `pykeepalived` with the words `argv` (without its own name); return its exit status."""
    try:
        return _run(argv)
    except SystemExit as exit_:  # argparse has said what is wrong, or has helped
        return exit_.code if isinstance(exit_.code, int) else EX_USAGE


def _run(argv: Sequence[str]) -> int:
    if argv and argv[0] in COMMANDS:
        from labkit.daemon.commands import run as run_command

        return run_command(argv)
    if argv and argv[0] == "config":
        from labkit.daemon.configuration import run as print_configuration

        return print_configuration(argv[1:])
    if argv and argv[0] == "genhash":
        from labkit.daemon.genhash import run as print_digest

        return print_digest(argv[1:])
    if argv and not argv[0].startswith("-"):
        from labkit.diagnostics import did_you_mean

        hint = did_you_mean(argv[0], COMMANDS | {"config", "genhash"})
        sys.stderr.write(f"pykeepalived: there is no command `{argv[0]}`; {hint}\n")
        return EX_USAGE
    from labkit.daemon.start import run as run_daemon

    return run_daemon(argv)


def main() -> NoReturn:
    """Be `pykeepalived` with the words of the command line; never returns.

    What is in memory then is left to the kernel: taking it apart is a tenth of the time that a big file takes.
    """
    gc.set_threshold(_YOUNG)
    status = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
