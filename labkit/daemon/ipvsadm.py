"""`ipvsadm` for directors that balance by nftables: lists what the daemon keeps, as the real one lists IPVS.

It changes nothing: the table is keepalived's, by its configuration file.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from labkit.daemon.asking import Connection
from labkit.daemon.places import places
from labkit.daemon.table_text import Form, connections_text, text
from labkit.diagnostics import LabkitError

_CHANGING = (
    "-A --add-service -E --edit-service -D --delete-service -C --clear -R --restore -S --save -a --add-server "
    "-e --edit-server -d --delete-server -Z --zero --set --start-daemon --stop-daemon -s --scheduler -p --persistent "
    "-M --netmask --pe -b --sched-flags -r --real-server -g --gatewaying -i --ipip -m --masquerading -w --weight "
    "-x --u-threshold -y --l-threshold --tun-info --tun-type --tun-port --tun-nocsum --tun-csum --tun-remcsum "
    "-o --ops --syncid --sync-maxlen --mcast-interface --mcast-group --mcast-port --mcast-ttl"
)
"""What the real one has besides (ipvsadm(8))."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ipvsadm", description="List the virtual services of this director.", allow_abbrev=False
    )
    add = parser.add_argument
    add("-L", "-l", "--list", action="store_true", help="list the table (what this does)")
    add("-n", "--numeric", action="store_true", help="numbers, not names (always)")
    add("-c", "--connection", action="store_true", help="list connections")
    add("--stats", action="store_const", dest="form", const=Form.STATS, default=Form.PLAIN, help="counters")
    add("--rate", action="store_const", dest="form", const=Form.RATE, help="rates per second")
    add("--thresholds", action="store_const", dest="form", const=Form.THRESHOLDS, help="bounds of connections")
    add("--persistent-conn", action="store_const", dest="form", const=Form.PERSISTENT, help="persistent clients")
    add("-t", "--tcp-service", dest="only", type=partial(_name, "TCP"), metavar="ADDRESS:PORT", help="this one alone")
    add("-u", "--udp-service", dest="only", type=partial(_name, "UDP"), metavar="ADDRESS:PORT", help="this one alone")
    add("--sctp-service", dest="only", type=partial(_name, "SCTP"), metavar="ADDRESS:PORT", help="this one alone")
    add("-f", "--fwmark-service", dest="only", type=partial(_name, "FWM"), metavar="MARK", help="this one alone")
    add("-6", "--ipv6", action="store_true", help="the mark is one of IPv6")
    add("--exact", action="store_true", help="large numbers in full")
    add("--timeout", action="store_true", help="refused: these are timeouts of IPVS")
    add("--daemon", action="store_true", help="list the daemons of connection synchronisation")
    add("--sort", "--nosort", action="store_true", help="sort (always)")
    return parser


def _name(kind: str, written: str) -> str:
    """Return how a list calls a service (`service_name`)."""
    return f"{kind:<4} {written}"


def _is_ipvsadms(word: str) -> bool:
    """Tell whether the real one knows an option."""
    return (word.partition("=")[0] if word.startswith("--") else word[:2]) in _CHANGING.split()


def run(argv: Sequence[str]) -> int:
    """List what the words ask for; return the exit status."""
    options, others = _parser().parse_known_args(argv)
    unknown = next((word for word in others if word.startswith("-") and not _is_ipvsadms(word)), None)
    if unknown:
        sys.stderr.write(f"ipvsadm: {unknown}: unknown option (ipvsadm -h)\n")
        return 2
    if others:
        sys.stderr.write(
            f"ipvsadm: `{others[0]}`: this director balances by nftables, and keepalived keeps the table; here are "
            "lists only (ipvsadm -h); to change it, change keepalived.conf and reload\n"
        )
        return 2
    if options.timeout:
        sys.stderr.write("ipvsadm: --timeout: nftables balance here, and have none of IPVS's timeouts\n")
        return 2
    try:
        with Connection(places().control) as connection:
            table = connection.table(connections=options.connection)
    except LabkitError as error:
        sys.stderr.write(f"ipvsadm: {error}\n")
        return error.exit_code
    if options.connection:
        sys.stdout.write(connections_text(table))
    elif not options.daemon:  # nftables synchronise nothing
        only = (options.only or "") + (" IPv6" if options.only and options.ipv6 else "")
        listed = text(table, options.form, exact=options.exact, only=only)
        sys.stdout.write(listed)
        if not listed:
            sys.stderr.write("No such service\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
