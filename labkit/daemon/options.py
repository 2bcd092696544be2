"""The options of keepalived(8): what each does here, and the ones that are refused, by name and with a reason."""

import sys
from collections.abc import Sequence

from labkit.daemon.command_line import Option, UsageError, listing, options
from labkit.values import dataclass

EX_USAGE = 2
CONFIGURATION = "/etc/keepalived/keepalived.conf"
DAEMON_FACILITY, USER_FACILITY, LOCAL0_FACILITY = 3, 1, 16  # RFC 5424 6.2.1

_USAGE = """\
usage: pykeepalived [OPTION...]
       pykeepalived COMMAND [OPTION...]

keepalived: virtual addresses that move to the next router, and balancing with health checks.
"""
_COMMANDS = """\
commands that ask a keepalived that runs (each has a --help):
  status      who is master and why
  lvs         the virtual services as `ipvsadm -Ln` shows them
  events      what happened, and with -f what happens
  metrics     the figures as Prometheus reads them
  reload      read the file again; says whether it was taken
  stop        stop, and return when it is down
  prio        override the priority of an instance

commands that ask nobody:
  config      print what a file comes to, one statement a line
  genhash     print the MD5 of a page, for a `digest` line

not here: -x and -A (SNMP: see `metrics`), -T (see `genhash`), --perf, --debug, --no-mem-check
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; files by their names."""

    file: str = CONFIGURATION
    config_id: str | None = None
    all_files: bool = False
    foreground: bool = False
    console: bool = False
    detail: bool = False
    facility: int = DAEMON_FACILITY
    syslog: bool = True
    log_file: str | None = None
    dump_config: bool = False
    test: bool = False
    test_log: str | None = None
    version: bool = False
    pid: str | None = None
    vrrp_pid: str | None = None
    checkers_pid: str | None = None
    control: str | None = None
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


def _facility(word: str) -> int:
    number = word.removeprefix("local")
    if len(number) == 1 and number in "01234567":
        return LOCAL0_FACILITY + int(number)
    names = {"user": USER_FACILITY, "daemon": DAEMON_FACILITY}
    if word not in names:
        raise ValueError(f"'{word}' is no facility; 0 to 7, local0 to local7, user or daemon")
    return names[word]


def _umask(word: str) -> int:
    if 1 <= len(word) <= 4 and set(word) <= set("01234567") and int(word, 8) <= 0o777:
        return int(word, 8)
    raise ValueError(f"'{word}' is no umask; an octal number, for example 022")


def _namespace(word: str) -> str:
    if word and "/" not in word and word not in (".", ".."):
        return word
    raise ValueError(f"'{word}' is no name of a network namespace; `ip netns` lists them")


_NO_SNMP = "there is no SNMP here; `pykeepalived metrics` has the figures"
_HELP = Option(("-h", "--help"), "show this help message and exit")
_SIGNUM = Option(
    ("--signum",), "say the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON", "", "FUNCTION"
)
_VRRP = Option(("-P", "--vrrp"), "run VRRP only", "vrrp")
_CHECK = Option(("-C", "--check"), "run checks and balancing only", "check")
_TABLE = {
    "options": (_HELP, _VRRP, _CHECK),
    "configuration": (
        Option(("-f", "--use-file"), f"the file; {CONFIGURATION} if absent", "file", "FILE"),
        Option(
            ("-i", "--config-id"), "lines that begin with @ID are for us; the host's name if absent", "config_id", "ID"
        ),
        Option(("-e", "--all-config"), "an include that finds no file is an error, whatever its form", "all_files"),
        Option(
            ("-t", "--config-test"),
            "check the configuration, say what is wrong to FILE or standard error, and exit",
            "test_log",
            "[FILE]",
            "",
        ),
        Option(("-d", "--dump-conf"), "log the configuration as it was understood", "dump_config"),
    ),
    "running": (
        Option(("-n", "--dont-fork"), "stay in the foreground", "foreground"),
        Option(("-B", "--no_bfd"), "run no BFD process (there is none)"),
        Option(("--all",), "run VRRP even if nothing is configured (it always runs)"),
        Option(
            ("-s", "--namespace"),
            "run in this network namespace, whatever net_namespace says",
            "namespace",
            "NAME",
            read=_namespace,
        ),
        Option(("-R", "--dont-respawn"), "end when a child process ends", "respawn", given=False),
        Option(
            ("-V", "--dont-release-vrrp"),
            "stopping leaves the addresses where they are and tells no peer",
            "keep_addresses",
        ),
        Option(("-X", "--release-vips"), "stopping takes the addresses off (it does)"),
        Option(("-I", "--dont-release-ipvs"), "stopping leaves virtual services in the kernel", "keep_services"),
        Option(("-u", "--umask"), "files are made without these permissions", "umask", "MASK", read=_umask),
        Option(("-m", "--core-dump"), "a process that crashes may leave a core dump", "core_dump"),
        Option(
            ("-M", "--core-dump-pattern"),
            "the same, under this name (core if absent), for the whole machine while we run",
            "core_pattern",
            "[PATTERN]",
            "core",
        ),
        Option(("--ignore-sigint",), "SIGINT does nothing: for debuggers", "ignore_sigint"),
    ),
    "files": (
        Option(("-p", "--pid"), "pid of the parent process; /run/keepalived.pid if absent", "pid", "FILE"),
        Option(("-r", "--vrrp_pid"), "pid of the VRRP process; /run/keepalived/vrrp.pid if absent", "vrrp_pid", "FILE"),
        Option(
            ("-c", "--checkers_pid"),
            "pid of the process of checks; /run/keepalived/checkers.pid if absent",
            "checkers_pid",
            "FILE",
        ),
        Option(
            ("--control",),
            "where commands ask; /run/keepalived/control.sock, or beside another pid file",
            "control",
            "SOCKET",
        ),
        Option(("--trace",), "send the trace to this unix datagram socket, one JSON record each", "trace", "SOCKET"),
    ),
    "logging": (
        Option(("-l", "--log-console"), "log to standard error as well", "console"),
        Option(("-D", "--log-detail"), "log more: each gratuitous ARP, for example", "detail"),
        Option(
            ("-S", "--log-facility"),
            "syslog facility: 0 to 7 (local0 to local7), user or daemon",
            "facility",
            "NAME",
            read=_facility,
        ),
        Option(
            ("-g", "--log-file"),
            "log to FILE as well, VRRP to the same with _vrrp before its last dot",
            "log_file",
            "FILE",
        ),
        Option(("--flush-log-file",), "each line of -g is there at once (it always is)"),
        Option(("-G", "--no-syslog"), "log nothing to syslog", "syslog", given=False),
        Option(("-a", "--address-monitoring"), "log every address that comes or goes", "addresses_logged"),
    ),
    "other": (_SIGNUM, Option(("-v", "--version"), "say the version", "version")),
}
_UNLISTED = (
    Option(("-b", "--bfd_pid"), value="FILE"),
    Option(("-x", "--snmp"), value="[X]", refusal=_NO_SNMP),
    Option(("-A", "--snmp-agent-socket"), value="X", refusal=_NO_SNMP),
    Option(("-T", "--genhash"), value="[X]", refusal="it is a command here: `pykeepalived genhash`, same options"),
    Option(("--perf",), value="[X]", refusal="it is made for C programs; py-spy looks into this one"),
    Option(
        ("--debug",),
        value="[X]",
        refusal="it is made for C keepalived; -D and `pykeepalived events -f` tell what happens here",
    ),
    Option(("--no-mem-check",), value="[X]", refusal="there is no memory checking to leave out"),
)


def parse(argv: Sequence[str]) -> Options | int:
    """Return what the words of the command line say, or the exit status where that was said already."""
    found: dict[str, object] = {}
    written: set[Option] = set()
    try:
        for option, value in options({**_TABLE, "": _UNLISTED}, argv):
            if option is _HELP:
                sys.stdout.write(f"{_USAGE}\n{listing(_TABLE)}\n{_COMMANDS}")
                return 0
            if option is _SIGNUM:
                return _say_number(str(value))
            if option.refusal:
                sys.stderr.write(f"pykeepalived: {option}: {option.refusal}\n")
                return EX_USAGE
            written.add(option)
            _check_together(option, written)
            if option.field:
                found[option.field] = option.given if value is None else _read(option, value)
    except UsageError as error:
        hint = "-f names a configuration, " if str(error).startswith("unrecognized") else ""
        sys.stderr.write(f"pykeepalived: {error}; {hint}`pykeepalived --help` lists the options\n")
        return EX_USAGE
    test_log = found.pop("test_log", None)
    core_dump = "core_dump" in found or "core_pattern" in found
    return Options(**found | {"test": test_log is not None, "test_log": test_log or None, "core_dump": core_dump})  # type: ignore[arg-type]


def _read(option: Option, value: str) -> object:
    try:
        return option.read(value)
    except ValueError as error:
        raise UsageError(f"argument {option}: {error}") from error


def _check_together(option: Option, written: set[Option]) -> None:
    if written >= {_VRRP, _CHECK}:
        other = _CHECK if option is _VRRP else _VRRP
        raise UsageError(f"argument {option}: not allowed with argument {other}")


def _say_number(function: str) -> int:
    """Say the number of the signal that asks for something."""
    import signal  # for those who ask

    numbers = {
        "STOP": signal.SIGTERM,
        "RELOAD": signal.SIGHUP,
        "DATA": signal.SIGUSR1,
        "STATS": signal.SIGUSR2,
        "STATS_CLEAR": signal.SIGRTMAX - 1,
        "JSON": signal.SIGRTMIN + 2,
    }
    if function not in numbers:
        sys.stderr.write(f"Unknown sigfunc {function}; STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON\n")
        return 1
    sys.stdout.write(f"{int(numbers[function])}\n")
    return 0
