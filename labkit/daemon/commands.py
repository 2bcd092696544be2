"""`pykeepalived status`, `lvs`, `events`, `metrics`, `reload`, `stop` and `prio`: asking a daemon that runs.

Exit statuses: 0 it is so, 1 no daemon answers or it cannot be, 2 wrong options, 5 a reload was refused.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from labkit.daemon.asking import Connection
from labkit.daemon.places import places
from labkit.daemon.report import to_json
from labkit.diagnostics import LabkitError

EX_REFUSED = 5
_HIGHEST = 254


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pykeepalived", description="Ask a keepalived that runs.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        where = made.add_mutually_exclusive_group()
        where.add_argument("-p", "--pid", type=Path, metavar="FILE", help="the pid file of the daemon")
        where.add_argument("--control", type=Path, metavar="SOCKET", help="the control socket of the daemon")
        where.add_argument("-s", "--namespace", metavar="NAME", help="the network namespace that the daemon runs in")
        return made

    status = command("status", "say who is master and why")
    status.add_argument("instance", nargs="?", default="", metavar="INSTANCE")
    status.add_argument("--json", action="store_true", help="one JSON object, as docs/control.md describes it")
    lvs = command("lvs", "show the virtual services as `ipvsadm -Ln` does, whoever balances")
    form = lvs.add_mutually_exclusive_group()
    form.add_argument("--stats", action="store_true", help="connections, packets and bytes since the beginning")
    form.add_argument("--rate", action="store_true", help="the same by the second")
    form.add_argument("-c", "--connections", action="store_true", help="every connection and where it goes")
    form.add_argument("--json", action="store_true", help="one JSON object, with health and connections")
    events = command("events", "say what happened")
    events.add_argument("-f", "--follow", action="store_true", help="and what happens from now on")
    events.add_argument("--json", action="store_true", help="one JSON object a line: the trace")
    metrics = command("metrics", "say the figures as Prometheus reads them")
    metrics.add_argument("--listen", metavar="HOST:PORT", help="serve them at http://HOST:PORT/metrics until ended")
    command("reload", "have the daemon read its file again, and say whether it was taken")
    command("stop", "stop the daemon and wait until it is down")
    prio = command("prio", "override the priority of an instance until the daemon is told otherwise or ends")
    prio.add_argument("instance", metavar="INSTANCE")
    prio.add_argument("priority", type=_priority, metavar="N|default", help="1 to 254, or `default`: as configured")
    return parser


def _priority(word: str) -> int | None:
    if word == "default":
        return None
    if word.isascii() and word.isdecimal() and 1 <= int(word) <= _HIGHEST:
        return int(word)
    raise argparse.ArgumentTypeError(f"'{word}' is not a priority; 1 to 254, or 'default'")


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(argv)
    try:
        return COMMANDS[options.command](options)
    except LabkitError as error:
        sys.stderr.write(f"pykeepalived: {error}\n")
        return error.exit_code
    except (BrokenPipeError, KeyboardInterrupt):  # `pykeepalived events -f | head`, or enough was seen
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return os.EX_OK


def _connect(options: argparse.Namespace) -> Connection:
    return Connection(places(pid=options.pid, control=options.control, namespace=options.namespace).control)


def _status(options: argparse.Namespace) -> int:
    with _connect(options) as connection:
        report = connection.status(options.instance)
    if options.json:
        sys.stdout.write(json.dumps(to_json(report), indent=1) + "\n")
    else:
        from labkit.daemon.screen import render  # what --json does not need

        sys.stdout.write(render(report, colour=sys.stdout.isatty()))
    return os.EX_OK


def _lvs(options: argparse.Namespace) -> int:
    from labkit.daemon.table_text import Form, connections_text, text

    with _connect(options) as connection:
        table = connection.table(connections=options.connections or options.json)
    if options.json:
        sys.stdout.write(json.dumps(to_json(table), indent=1) + "\n")
    elif options.connections:
        sys.stdout.write(connections_text(table))
    else:
        form = Form.STATS if options.stats else Form.RATE if options.rate else Form.PLAIN
        sys.stdout.write(text(table, form))
    return os.EX_OK


def _events(options: argparse.Namespace) -> int:
    from labkit.daemon.screen import event_line

    with _connect(options) as connection:
        offset, records = connection.events(follow=options.follow)
        for record in records:
            sys.stdout.write(f"{record if options.json else event_line(record, offset)}\n")
            sys.stdout.flush()
    if options.follow:
        sys.stderr.write("pykeepalived: the daemon has ended, or let go of us because we read too slowly\n")
        return 1
    return os.EX_OK


def _metrics(options: argparse.Namespace) -> int:
    from labkit.daemon.metrics import tell

    def ask() -> str:
        with _connect(options) as connection:
            return tell(connection.status())

    if options.listen:
        from labkit.daemon.metrics_server import serve  # asyncio is slow to load

        return serve(options.listen, ask)
    sys.stdout.write(ask())
    return os.EX_OK


def _reload(options: argparse.Namespace) -> int:
    with _connect(options) as connection:
        taken, diagnostics = connection.reload()
    for line in diagnostics:
        sys.stderr.write(f"{line}\n")
    if taken:
        sys.stdout.write("the file is taken\n")
    else:
        sys.stderr.write("pykeepalived: the file is refused, the configuration before it runs on\n")
    return os.EX_OK if taken else EX_REFUSED


def _stop(options: argparse.Namespace) -> int:
    with _connect(options) as connection:
        if connection.stop():
            return os.EX_OK
    sys.stderr.write("pykeepalived: it was told to stop and runs still\n")
    return 1


def _prio(options: argparse.Namespace) -> int:
    with _connect(options) as connection:
        connection.ask(ask="prio", instance=options.instance, priority=options.priority)
    return os.EX_OK


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "status": _status,
    "lvs": _lvs,
    "events": _events,
    "metrics": _metrics,
    "reload": _reload,
    "stop": _stop,
    "prio": _prio,
}
