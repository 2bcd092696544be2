"""The options of keepalived(8): test a configuration, or start the daemon with it.

Exit statuses (docs/adr/0006): 0 all is well, 1 the daemon failed, 2 wrong options or something the machine refuses,
3 it runs already, 4 the configuration cannot be read, 5 the configuration has errors.
"""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

from labkit.daemon.options import Options, parse
from labkit.daemon.reading import check, read_apart
from labkit.daemon.release import version


def run(argv: Sequence[str]) -> int:
    """Run the daemon with the options `argv` (without the program's name); return its exit status.

    May be called in a forked process that has loaded everything already.  Without -n it returns twice: in the caller's
    process when the daemon is ready or has failed, and in the daemon when that ends.
    """
    options = parse(argv)
    if isinstance(options, int):
        return options
    if options.version:
        sys.stderr.write(f"Keepalived (labkit {version()})\n")
        return os.EX_OK
    return _read(options, argv)()


def _read(options: Options, argv: Sequence[str]) -> Callable[[], int]:
    """Read the configuration; return what is to be done with it."""
    if options.test:
        return partial(_test, options)
    reading = read_apart(options.file, options.config_id, all_files=options.all_files)
    from pathlib import Path  # a test of a configuration needs nothing of this

    from labkit.daemon import serve

    file = Path(options.file).absolute()  # the daemon changes its folder

    program = serve.serve if options.foreground else serve.daemonise
    return partial(program, options, argv, file, reading)


def _test(options: Options) -> int:
    """Say what is wrong with the configuration."""
    elsewhere = options.namespace is not None
    diagnostics, status = check(options.file, options.config_id, all_files=options.all_files, elsewhere=elsewhere)
    text = "".join(f"{diagnostic}\n" for diagnostic in diagnostics)
    if options.test_log is None:
        sys.stderr.write(text)
    else:
        try:
            with open(options.test_log, "w") as file:  # noqa: PTH123 - see labkit.conf.include
                file.write(text)
        except OSError as error:
            sys.stderr.write(f"{text}pykeepalived: cannot write {options.test_log}: {error.strerror}\n")
    return status
