"""`pykeepalived config`: the configuration as it is understood, in its canonical form.

After includes, conditions, definitions and repetitions; passwords and keys are printed, for it is the user's own file.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from labkit.conf.loader import load
from labkit.conf.writer import write

EX_UNREADABLE, EX_REFUSED = 4, 5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pykeepalived config",
        description="Print the configuration as it is understood: after includes, conditions and definitions.",
    )
    add = parser.add_argument
    add("-f", "--use-file", dest="file", type=Path, default=Path("/etc/keepalived/keepalived.conf"), metavar="FILE")
    add("-i", "--config-id", metavar="ID", help="lines that begin with @ID are for us; the host's name if absent")
    add("-e", "--all-config", action="store_true", help="every pattern of an include must find a file")
    return parser


def run(argv: Sequence[str]) -> int:
    """Print the configuration by the options `argv`; return the exit status, as that of `pykeepalived -t`."""
    options = _parser().parse_args(argv)
    loaded = load(options.file, config_id=options.config_id, all_files=options.all_config)
    for diagnostic in loaded.diagnostics:
        sys.stderr.write(f"{diagnostic}\n")
    if loaded.config is None or loaded.document is None:
        return EX_UNREADABLE if loaded.document is None else EX_REFUSED
    sys.stdout.write(write(loaded.document))
    sys.stdout.flush()
    return os.EX_OK
