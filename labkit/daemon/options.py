"""The options of keepalived(8): what each does here, and the ones that are refused, by name and with a reason."""

import argparse
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from labkit.daemon.places import CHECKERS_PID_FILE, CONTROL_SOCKET, PID_FILE, VRRP_PID_FILE
from labkit.values import dataclass, fields

EX_USAGE = 2
CONFIGURATION = Path("/etc/keepalived/keepalived.conf")
DAEMON_FACILITY, USER_FACILITY, LOCAL0_FACILITY = 3, 1, 16  # RFC 5424 6.2.1
SIGNALS = {
    "STOP": signal.SIGTERM,
    "RELOAD": signal.SIGHUP,
    "DATA": signal.SIGUSR1,
    "STATS": signal.SIGUSR2,
    "STATS_CLEAR": signal.SIGRTMAX - 1,
    "JSON": signal.SIGRTMIN + 2,
}
"""What --signum knows."""

_COMMANDS = """\
commands that ask a keepalived that runs (each has a --help):
  status      who is master and why
  lvs         the virtual services as `ipvsadm -Ln` shows them
  events      what happened, and with -f what happens
  metrics     the figures as Prometheus reads them
  reload      read the file again; says whether it was taken
  stop        stop, and return when it is down
  prio        override the priority of an instance

not here: -x and -A (SNMP: see `metrics`), -T, --perf, --debug, --no-mem-check
"""

_REFUSED: tuple[tuple[tuple[str, ...], str, bool], ...] = (
    (("-x", "--snmp"), "there is no SNMP here; `pykeepalived metrics` has the figures", False),
    (("-A", "--snmp-agent-socket"), "there is no SNMP here; `pykeepalived metrics` has the figures", True),
    (("-T", "--genhash"), "there is no genhash here yet; keepalived's own makes the digests", False),
    (("--perf",), "it is made for C programs; py-spy looks into this one", False),
    (("--debug",), "it is made for C keepalived; -D and `pykeepalived events -f` tell what happens here", False),
    (("--no-mem-check",), "there is no memory checking to leave out", False),
)
"""Options that are not here: their names, why, and whether they take a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    file: Path = CONFIGURATION
    config_id: str | None = None
    all_files: bool = False
    foreground: bool = False
    console: bool = False
    detail: bool = False
    facility: int = DAEMON_FACILITY
    syslog: bool = True
    log_file: Path | None = None
    dump_config: bool = False
    test: bool = False
    test_log: Path | None = None
    version: bool = False
    pid: Path | None = None
    vrrp_pid: Path | None = None
    checkers_pid: Path | None = None
    control: Path | None = None
    trace: str | None = None
    namespace: str | None = None
    umask: int | None = None
    vrrp: bool = False
    check: bool = False
    keep_addresses: bool = False
    keep_services: bool = False
    respawn: bool = True
    addresses_logged: bool = False
    core_dump: bool = False
    core_pattern: str | None = None
    ignore_sigint: bool = False


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; usage is long and for those who ask."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"pykeepalived: {message}; `pykeepalived --help` lists the options\n")


class _Layout(argparse.RawDescriptionHelpFormatter):
    """Room for long options beside what they do."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=36, width=110)


class _Refuse(argparse.Action):
    """An option that is refused by name."""

    def __init__(self, option_strings: Sequence[str], dest: str, nargs: int | str, why: str) -> None:
        super().__init__(option_strings, dest, nargs=nargs, help=argparse.SUPPRESS)
        self._why = why

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.exit(2, f"pykeepalived: {'/'.join(self.option_strings)}: {self._why}\n")


class _Signum(argparse.Action):
    """--signum: say the number of a signal and end."""

    def __call__(self, parser: argparse.ArgumentParser, _: object, value: object, *__: object) -> NoReturn:
        if value not in SIGNALS:
            parser.exit(1, f"Unknown sigfunc {value}\n")
        sys.stdout.write(f"{int(SIGNALS[str(value)])}\n")
        parser.exit(0)


def _facility(word: str) -> int:
    match = re.fullmatch(r"(?:local)?([0-7])", word)
    if match:
        return LOCAL0_FACILITY + int(match[1])
    names = {"user": USER_FACILITY, "daemon": DAEMON_FACILITY}
    if word not in names:
        raise argparse.ArgumentTypeError(f"'{word}' is no facility; 0 to 7, local0 to local7, user or daemon")
    return names[word]


def _umask(word: str) -> int:
    if re.fullmatch(r"0?[0-7]{1,3}", word):
        return int(word, 8)
    raise argparse.ArgumentTypeError(f"'{word}' is no umask; an octal number, for example 022")


def _namespace(word: str) -> str:
    if word and "/" not in word and word not in (".", ".."):
        return word
    raise argparse.ArgumentTypeError(f"'{word}' is no name of a network namespace; `ip netns` lists them")


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("configuration").add_argument
    text = f"the file; {CONFIGURATION} if absent"
    add("-f", "--use-file", dest="file", type=Path, default=CONFIGURATION, metavar="FILE", help=text)
    add("-i", "--config-id", metavar="ID", help="lines that begin with @ID are for us; the host's name if absent")
    text = "an include that finds no file is an error, whatever its form"
    add("-e", "--all-config", dest="all_files", action="store_true", help=text)
    text = "check the configuration, say what is wrong to FILE or standard error, and exit"
    add("-t", "--config-test", dest="test", nargs="?", const="", metavar="FILE", help=text)
    add("-d", "--dump-conf", dest="dump_config", action="store_true", help="log the configuration as it was understood")


def _add_running(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("running").add_argument
    add("-n", "--dont-fork", dest="foreground", action="store_true", help="stay in the foreground")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("-P", "--vrrp", action="store_true", help="run VRRP only")
    only.add_argument("-C", "--check", action="store_true", help="run checks and balancing only")
    add("-B", "--no_bfd", action="store_true", help="run no BFD process (there is none)")
    add("--all", action="store_true", help="run VRRP even if nothing is configured (it always runs)")
    text = "run in this network namespace, whatever net_namespace says"
    add("-s", "--namespace", type=_namespace, metavar="NAME", help=text)
    add("-R", "--dont-respawn", dest="respawn", action="store_false", help="end when a child process ends")
    text = "stopping leaves the addresses where they are and tells no peer"
    add("-V", "--dont-release-vrrp", dest="keep_addresses", action="store_true", help=text)
    add("-X", "--release-vips", action="store_true", help="stopping takes the addresses off (it does)")
    text = "stopping leaves virtual services in the kernel"
    add("-I", "--dont-release-ipvs", dest="keep_services", action="store_true", help=text)
    add("-u", "--umask", type=_umask, metavar="MASK", help="files are made without these permissions")
    add("-m", "--core-dump", action="store_true", help="a process that crashes may leave a core dump")
    text = "the same, under this name (core if absent), for the whole machine while we run"
    add("-M", "--core-dump-pattern", dest="core_pattern", nargs="?", const="core", metavar="PATTERN", help=text)
    add("--ignore-sigint", action="store_true", help="SIGINT does nothing: for debuggers")


def _add_files(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("files").add_argument
    add("-p", "--pid", type=Path, metavar="FILE", help=f"pid of the parent process; {PID_FILE} if absent")
    add("-r", "--vrrp_pid", type=Path, metavar="FILE", help=f"pid of the VRRP process; {VRRP_PID_FILE} if absent")
    text = f"pid of the process of checks; {CHECKERS_PID_FILE} if absent"
    add("-c", "--checkers_pid", type=Path, metavar="FILE", help=text)
    add("-b", "--bfd_pid", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    text = f"where commands ask; {CONTROL_SOCKET}, or beside another pid file"
    add("--control", type=Path, metavar="SOCKET", help=text)
    add("--trace", metavar="SOCKET", help="send the trace to this unix datagram socket, one JSON record each")


def _add_logging(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("logging").add_argument
    add("-l", "--log-console", dest="console", action="store_true", help="log to standard error as well")
    add("-D", "--log-detail", dest="detail", action="store_true", help="log more: each gratuitous ARP, for example")
    text = "syslog facility: 0 to 7 (local0 to local7), user or daemon"
    default = DAEMON_FACILITY
    add("-S", "--log-facility", dest="facility", type=_facility, default=default, metavar="NAME", help=text)
    text = "log to FILE as well, VRRP to the same with _vrrp before its last dot"
    add("-g", "--log-file", type=Path, metavar="FILE", help=text)
    add("--flush-log-file", action="store_true", help="each line of -g is there at once (it always is)")
    add("-G", "--no-syslog", dest="syslog", action="store_false", help="log nothing to syslog")
    text = "log every address that comes or goes"
    add("-a", "--address-monitoring", dest="addresses_logged", action="store_true", help=text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pykeepalived",
        usage="pykeepalived [OPTION...]\n       pykeepalived COMMAND [OPTION...]",
        description="keepalived: virtual addresses that move to the next router, and balancing with health checks.",
        epilog=_COMMANDS,
        formatter_class=_Layout,
    )
    for add in (_add_configuration, _add_running, _add_files, _add_logging):
        add(parser)
    other = parser.add_argument_group("other")
    text = f"say the number of the signal for {', '.join(SIGNALS)}"
    other.add_argument("--signum", action=_Signum, metavar="FUNCTION", help=text)
    other.add_argument("-v", "--version", action="store_true", help="say the version")
    for names, why, takes_value in _REFUSED:
        parser.add_argument(*names, action=_Refuse, nargs=1 if takes_value else "?", why=why)
    return parser


def parse(argv: Sequence[str]) -> Options | int:
    """Return what the words of the command line say, or the exit status where that was said already."""
    try:
        found = vars(_parser().parse_args(argv))
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else EX_USAGE
    if found["test"] is not None:
        found["test_log"] = Path(found["test"]) if found["test"] else None
    found["test"] = found["test"] is not None
    found["core_dump"] = found["core_dump"] or found["core_pattern"] is not None
    return Options(**{name: found[name] for name in (field.name for field in fields(Options)) if name in found})
