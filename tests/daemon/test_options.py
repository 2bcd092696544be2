"""The command line of keepalived(8): what is understood, what is refused, and that nothing is passed over."""

import signal
from pathlib import Path

import pytest

from labkit.daemon.main import COMMANDS, run
from labkit.daemon.options import Options, parse
from labkit.daemon.places import Places, places


@pytest.mark.parametrize(
    ("words", "options"),
    [
        pytest.param("", Options(), id="none"),
        pytest.param("-nlDf x", Options(foreground=True, console=True, detail=True, file="x"), id="joined"),
        pytest.param("--use-file=x --dont-fork", Options(file="x", foreground=True), id="long"),
        pytest.param("-t", Options(test=True), id="test"),
        pytest.param("-tout -f x", Options(test=True, test_log="out", file="x"), id="test-to-a-file"),
        pytest.param("--config-test=out", Options(test=True, test_log="out"), id="test-long"),
        pytest.param("-S 3", Options(facility=19), id="facility-number"),
        pytest.param("-S local7", Options(facility=23), id="facility-local"),
        pytest.param("-S user", Options(facility=1), id="facility-user"),
        pytest.param("-u 022", Options(umask=0o22), id="umask"),
        pytest.param("-p a -r b", Options(pid="a", vrrp_pid="b"), id="pids"),
        pytest.param("-b b -B --all -X", Options(), id="what-is-so-anyway"),
        pytest.param("-c a -P -I", Options(checkers_pid="a", vrrp=True, keep_services=True), id="vrrp-only"),
        pytest.param("-C", Options(check=True), id="checks-only"),
        pytest.param("-i one -e", Options(config_id="one", all_files=True), id="id"),
        pytest.param("-V", Options(keep_addresses=True), id="keep"),
        pytest.param("-R", Options(respawn=False), id="no-respawn"),
        pytest.param("-m", Options(core_dump=True), id="core"),
        pytest.param("-M", Options(core_dump=True, core_pattern="core"), id="core-pattern"),
        pytest.param("-Mc.%p", Options(core_dump=True, core_pattern="c.%p"), id="core-pattern-named"),
        pytest.param("-s blue", Options(namespace="blue"), id="namespace"),
        pytest.param("-G -g f --flush-log-file", Options(syslog=False, log_file="f"), id="logs"),
        pytest.param("-a -d -v", Options(addresses_logged=True, dump_config=True, version=True), id="a-d-v"),
        pytest.param("--ignore-sigint", Options(ignore_sigint=True), id="sigint"),
    ],
)
def test_understood(words: str, options: Options) -> None:
    assert parse(words.split()) == options


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("-x", 2, "pykeepalived: -x/--snmp: there is no SNMP here; `pykeepalived metrics` has the figures\n"),
        ("-A unix:x", 2, "pykeepalived: -A/--snmp-agent-socket: there is no SNMP here; "),
        ("-C -P", 2, "pykeepalived: argument -P/--vrrp: not allowed with argument -C/--check"),
        ("-T", 2, "pykeepalived: -T/--genhash: it is a command here: `pykeepalived genhash`"),
        ("--perf=all", 2, "pykeepalived: --perf: "),
        ("--debug=D", 2, "pykeepalived: --debug: "),
        ("--no-mem-check", 2, "pykeepalived: --no-mem-check: "),
        ("--nonsense", 2, "unrecognized arguments: --nonsense; -f names a configuration, `pykeepalived --help` lists"),
        ("stray", 2, "pykeepalived: unrecognized arguments: stray"),
        ("-S local8", 2, "'local8' is no facility; 0 to 7, local0 to local7, user or daemon"),
        ("-u 8", 2, "'8' is no umask; an octal number, for example 022"),
        ("-s a/b", 2, "'a/b' is no name of a network namespace"),
        ("--signum=FOO", 1, "Unknown sigfunc FOO; STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON\n"),
        ("-f", 2, "expected one argument"),
    ],
)
def test_refused(capsys: pytest.CaptureFixture[str], words: str, status: int, said: str) -> None:
    assert parse(words.split()) == status
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-t", "--config-test"])
def test_a_configuration_that_is_to_be_tested_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    file = tmp_path / "k.conf"
    file.write_text("precious")
    assert run([option, str(file)]) == 2
    assert f"unrecognized arguments: {file}; -f names a configuration, " in capsys.readouterr().err
    assert file.read_text() == "precious"


@pytest.mark.parametrize(
    ("function", "number"),
    [
        ("STOP", signal.SIGTERM),
        ("RELOAD", signal.SIGHUP),
        ("DATA", signal.SIGUSR1),
        ("STATS", signal.SIGUSR2),
        ("JSON", 36),
        ("STATS_CLEAR", 63),
    ],
)
def test_signum(capsys: pytest.CaptureFixture[str], function: str, number: int) -> None:
    assert parse([f"--signum={function}"]) == 0
    assert capsys.readouterr().out == f"{int(number)}\n"


def test_help_lists_every_option_of_the_manual(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--help"]) == 0
    said = capsys.readouterr().out
    for letter in "fPBlDSgGXVIRndprcasieumMtvh":
        assert f"-{letter}" in said, letter
    for word in ("--all", "--signum", "--ignore-sigint", "--flush-log-file", *COMMANDS, "genhash"):
        assert word in said
    assert max(len(line) for line in said.splitlines()) <= 120


RUN = Path("/run/keepalived")


@pytest.mark.parametrize(
    ("apart", "where"),
    [
        pytest.param(
            {}, ("/run/keepalived.pid", RUN / "vrrp.pid", RUN / "checkers.pid", RUN / "control.sock"), id="alone"
        ),
        pytest.param(
            {"use_pid_dir": True},
            (RUN / "keepalived.pid", RUN / "vrrp.pid", RUN / "checkers.pid", RUN / "control.sock"),
            id="pid-dir",
        ),
        pytest.param(
            {"instance": "I"},
            (RUN / "keepalived_I.pid", RUN / "vrrp_I.pid", RUN / "checkers_I.pid", RUN / "keepalived_I.sock"),
            id="instance",
        ),
        pytest.param(
            {"namespace": "N"},
            (
                RUN / "keepalived_N" / "keepalived.pid",
                RUN / "keepalived_N" / "vrrp.pid",
                RUN / "keepalived_N" / "checkers.pid",
                RUN / "keepalived_N" / "keepalived.sock",
            ),
            id="namespace",
        ),
        pytest.param(
            {"instance": "I", "pid": Path("/x/p.pid"), "vrrp_pid": Path("/x/v"), "checkers_pid": Path("/x/c")},
            ("/x/p.pid", "/x/v", "/x/c", "/x/p.sock"),
            id="told",
        ),
        pytest.param(
            {"control": Path("/x/s")},
            ("/run/keepalived.pid", RUN / "vrrp.pid", RUN / "checkers.pid", "/x/s"),
            id="control",
        ),
    ],
)
def test_daemons_have_places_of_their_own(apart: dict[str, object], where: tuple[str | Path, ...]) -> None:
    pid, vrrp_pid, checkers_pid, control = map(Path, where)
    wanted = Places(pid=pid, vrrp_pid=vrrp_pid, checkers_pid=checkers_pid, control=control)
    assert places(**apart) == wanted  # type: ignore[arg-type]
