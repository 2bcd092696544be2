"""Raising, entering and ending labs from the command line, with root and without."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Labkit, end, eventually

_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]


def test_a_node_is_a_machine_of_its_own(labkit: Labkit) -> None:
    interfaces = sorted(path.name for path in Path("/sys/class/net").iterdir())
    labkit("up", "failover", "-q")
    assert labkit("exec", "server1", "--", "hostname") == "server1\n"
    assert "192.168.1.21/24" in labkit("exec", "server1", "--", "ip", "-4", "addr", "show", "eth0")
    assert "1 received" in labkit("exec", "host", "--", "ping", "-c", "1", "-W", "2", "192.168.1.23")
    assert labkit("exec", "server1", "--", "sh", "-c", "exit 7", status=7) == ""
    assert "nosuch: No such file" in labkit("exec", "server1", "nosuch", status=127)
    assert labkit("exec", "server1", "--", "sh", "-c", "echo $PATH; cat /proc/1/comm").endswith("init\n")
    labkit(
        "exec", "server1", "--", "sh", "-c", "echo own > /etc/labkit-test; echo own > /var/log/x; touch /tmp/x /run/x"
    )
    assert not Path("/etc/labkit-test").exists()
    labkit("exec", "server2", "--", "test", "-e", "/etc/labkit-test", status=1)
    assert "Read-only" in labkit("exec", "server1", "--", "touch", "/usr/x", status=1)
    assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == interfaces
    assert not Path("/run/netns/server1").exists()
    labkit("down")
    assert not (labkit.runtime / "labkit").exists()


def test_the_commands_of_the_guide(labkit: Labkit) -> None:
    missing = [
        tool for tool in ("killall", "logger", "arp", "ping", "tcpdump") if shutil.which(tool, path=_PATH) is None
    ]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}; see labkit doctor")
    labkit("up", "failover", "-q")
    assert "is running" in labkit("exec", "server1", "--", "/etc/init.d/keepalived", "status")
    assert "Stopping" in labkit("exec", "server1", "--", "/etc/init.d/keepalived", "stop")
    assert "not running" in labkit("exec", "server1", "--", "/etc/init.d/keepalived", "status", status=3)
    assert "Starting" in labkit("exec", "server1", "--", "/etc/init.d/keepalived", "start")
    assert "already running" in labkit("exec", "server1", "--", "/etc/init.d/keepalived", "start")
    assert "Stopping" in labkit("exec", "server1", "--", "/etc/init.d/keepalived", "restart")
    assert "Usage" in labkit("exec", "server1", "--", "/etc/init.d/keepalived", "jump", status=2)
    labkit("exec", "server1", "--", "sh", "-c", "command -v killall && killall -0 keepalived")
    labkit("exec", "host", "--", "sh", "-c", "killall -0 keepalived", status=1)
    labkit("exec", "server1", "--", "logger", "hola")
    assert eventually(lambda: "hola" in labkit("logs", "server1"))
    assert "Entering BACKUP STATE" in labkit("exec", "server1", "--", "tail", "-n", "100", "/var/log/syslog")
    labkit("exec", "host", "--", "ping", "-c", "1", "-W", "2", "192.168.1.21")
    assert "02:00:00:00:00:02" in labkit("exec", "host", "--", "arp", "-n")
    assert "1 packet captured" in labkit("exec", "server3", "--", "tcpdump", "-c", "1", "-n", "-i", "eth0")


def test_status_and_events_speak_json(labkit: Labkit) -> None:
    labkit("up", "failover", "-q")

    def owners() -> list[str]:
        document = json.loads(labkit("status", "--json"))
        return [str(owner) for owner in document["owners"]]

    assert eventually(lambda: owners() == ["server1"], within=6)
    assert "server1  MASTER" in labkit("status")
    records = [json.loads(line) for line in labkit("events", "--json").splitlines()]
    masters = [record for record in records if record["kind"] == "state" and record["state"] == "MASTER"]
    assert [record["node"] for record in masters] == ["server1"]
    assert masters[0]["why"].startswith("no advert from anyone for ")
    sent = {record["kind"] for record in records if record.get("lladdr") == "02:00:00:00:00:02"}
    assert sent == {"advert", "announce"}


def test_labs_with_the_same_addresses_beside_one_another(labkit: Labkit) -> None:
    labkit("up", "failover", "-q")
    refused = labkit("up", "failover", "-q", status=2)
    cure = "`labkit down failover` ends it, or give this one another --name"
    assert f"labkit: lab 'failover' is already up; {cure}\n" in refused
    labkit("up", "failover", "-q", "--name", "other")
    assert "several labs are up, name one with --name: failover, other" in labkit("status", status=2)
    assert labkit("exec", "--name", "other", "server1", "hostname") == "server1\n"
    assert labkit("status", "--name", "other").startswith("other: ")
    assert labkit("status", "failover").startswith("failover: ")
    assert labkit("down", "--name", "other") == "other is down\n"
    assert labkit("down", "failover") == "failover is down\n"
    assert "no lab is up; start one: labkit up failover" in labkit("down", status=2)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["up", "failovr"], "no lab 'failovr'; did you mean 'failover'?", id="lab"),
        pytest.param(["run", "failover", "-s", "stap"], "has no scenario 'stap'; did you mean 'stop'?", id="scenario"),
        pytest.param(["up", "failover", "--variant", "x"], "has no variant 'x'", id="variant"),
        pytest.param(["up", "failover", "--set", "vop=1"], "has no variable 'vop'; did you mean 'vip'?", id="variable"),
        pytest.param(["up", "failover", "--set", "vip"], "'vip' is not NAME=VALUE", id="setting"),
        pytest.param(["up", "failover", "--daemon", "server4=labkit"], "no router 'server4'", id="router"),
        pytest.param(["up", "failover", "--daemon", "server1=bird"], "no daemon 'bird'", id="daemon"),
        pytest.param(["up", "failover", "--set", "vrid=0"], "server1:/etc/keepalived/keepalived.conf:4:23", id="conf"),
        pytest.param(["up", "failover", "--provider", "x"], "no provider 'x'", id="provider"),
        pytest.param(["up", "failover", "--name", "x" * 120], "give the lab a shorter --name", id="long-name"),
        pytest.param(["up", "failover", "--name", "a/b"], "'a/b' is no name for a lab", id="name"),
        pytest.param(["statu"], "no command 'statu'; did you mean 'status'?", id="command"),
        pytest.param(["exec", "server1", "ls"], "no lab is up", id="no-lab"),
        pytest.param(["render", "failover", "--node", "s"], "no node 's' in lab failover", id="node"),
    ],
)
def test_mistakes_cost_one_sentence(own: Labkit, arguments: list[str], expected: str) -> None:
    said = own(*arguments, status=2)
    assert expected in said
    assert "Traceback" not in said


def test_the_status_of_a_lab_that_shares_no_address(own: Labkit, tmp_path: Path) -> None:
    nodes = "nodes: {pc: {role: client, links: {eth0: {network: lan, address: 10.0.0.1}}}}"
    (tmp_path / "lab.yml").write_text(f"title: x\nnetworks: {{lan: {{subnet: 10.0.0.0/24}}}}\n{nodes}\n")
    own("up", str(tmp_path), "-q", "--name", "plain")
    assert own("status") == "plain: no vip\n\npc\n  eth0  10.0.0.1/24        02:00:00:00:00:01\n"
    assert "has no scenario" in own("run", str(tmp_path), status=2)


def test_a_setting_that_the_kernel_refuses_is_named(own: Labkit, tmp_path: Path) -> None:
    text = (ROOT / "labs/failover/lab.yml").read_text()
    wrong = text.replace("    role: client\n", "    role: client\n    sysctls: {net.ipv4.ip_forward: maybe}\n", 1)
    (tmp_path / "lab.yml").write_text(wrong)
    told = "node host could not be made: net.ipv4.ip_forward cannot be set to 'maybe': Invalid argument"
    assert told in own("up", str(tmp_path), status=2)


def test_of_two_who_raise_one_lab_at_once_one_is_told(own: Labkit) -> None:
    both = [own.start("up", "failover", "-q") for _ in range(2)]
    said = [process.communicate(timeout=30)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    assert "lab 'failover' is already up; `labkit down failover` ends it" in "".join(said)
    assert own("exec", "server1", "hostname") == "server1\n"


def test_an_unknown_node_is_named_with_a_suggestion(labkit: Labkit) -> None:
    labkit("up", "failover", "-q")
    assert "no node 'server9' in lab failover; did you mean 'server" in labkit("exec", "server9", "ls", status=2)
    assert "no node 'lon' in lab failover; did you mean 'lan'?" in labkit("events", "--node", "lon", status=2)


def test_a_killed_supervisor_takes_everything_with_it(labkit: Labkit) -> None:
    labkit("up", "failover", "-q", "--variant", "services")
    end(labkit.supervisor("failover"))
    assert "no lab is up" in labkit("status", status=2)  # and the fixture looks for what is left


def test_a_supervisor_that_does_not_hear_is_taken_down(own: Labkit) -> None:
    own("up", "failover", "-q")
    os.kill(own.supervisor("failover"), signal.SIGSTOP)
    assert own("down") == "failover is down\n"
    assert eventually(lambda: not own.pids())


def test_a_killed_node_leaves_the_others(labkit: Labkit) -> None:
    labkit("up", "failover", "-q")
    supervisor = labkit.supervisor("failover")
    nodes = [pid for pid in sorted(labkit.pids()) if pid != supervisor and _parent(pid) == supervisor]
    assert len(nodes) == 4
    end(nodes[1])
    assert "cannot be entered" in labkit("exec", "server1", "hostname", status=2)
    assert labkit("exec", "server2", "hostname") == "server2\n"
    assert eventually(lambda: "server1  STOPPED" in labkit("status"))
    assert "0 received" in labkit("exec", "host", "ping", "-c", "1", "-W", "1", "192.168.1.21", status=1)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


@pytest.mark.parametrize("command", [["up", "failover", "-q"], ["run", "failover", "-s", "kill"]], ids=["up", "run"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
@pytest.mark.parametrize("moment", [0.1, 0.25, 0.4, 0.7])
def test_a_command_that_is_ended_leaves_nothing(
    labkit: Labkit, command: list[str], number: signal.Signals, moment: float
) -> None:
    process = labkit.start(*command)
    eventually(lambda: process.poll() is not None, within=moment)
    process.send_signal(number)
    process.communicate(timeout=10)
    if command[0] == "run" or (number is signal.SIGINT and not labkit("down", "--all")):
        assert eventually(lambda: not labkit.pids()), labkit.pids()


def test_a_node_that_has_more_to_tell_than_fits_is_looked_at_anew(own: Labkit, tmp_path: Path) -> None:
    lab = tmp_path / "many"
    lab.mkdir()
    every = "".join(f"      eth{n}: {{network: lan, address: 10.0.{n // 200}.{n % 200 + 1}}}\n" for n in range(300))
    head = "title: many\nnetworks:\n  lan: {subnet: 10.0.0.0/16}\nnodes:\n  host:\n    role: client\n    links:\n"
    (lab / "lab.yml").write_text(head + every)
    own("up", str(lab), "-q")
    ends = own.supervisor("many")

    def down() -> set[str]:
        (host,) = json.loads(own("status", "--json"))["nodes"]
        return {one["name"] for one in host["interfaces"] if not one["up"]}

    assert eventually(lambda: not down())
    assert eventually(lambda: not down())
    downs = "seq 0 299 | sed 's/.*/link set eth& down/' | ip -batch -"
    own("exec", "host", "sh", "-c", f"(sleep 0.5; {downs}; ip addr add 10.9.9.9/32 dev lo) >/dev/null 2>&1 &")
    os.kill(ends, signal.SIGSTOP)
    assert not eventually(lambda: False, within=1.5)
    os.kill(ends, signal.SIGCONT)
    assert eventually(lambda: len(down()) == 300)
    assert any("10.9.9.9" in line for line in own("events").splitlines())


def test_an_engine_that_was_named_and_cannot_be_asked_is_told_of(own: Labkit) -> None:
    assert own("down", "--all") == ""
    own.environment["DOCKER_HOST"] = f"unix://{own.runtime}/none.sock"
    said = own("down", "--all")
    assert said.startswith(
        "containers that killed labs may have left were not looked for: no Docker engine answers at unix:"
    )
    del own.environment["DOCKER_HOST"]


def test_a_verdict_that_fails_exits_with_1(own: Labkit, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    (lab / "scenarios").mkdir(parents=True)
    (lab / "lab.yml").write_text(Path(__file__).parents[2].joinpath("labs/failover/lab.yml").read_text())
    hasty = "title: nobody is that fast\nsteps: [{expect: [{vip: server1, within: 50ms}]}]\n"
    (lab / "scenarios/01-hasty.yml").write_text(hasty)
    written = ("--junit", f"{tmp_path}/x.xml", "--json", f"{tmp_path}/x.json")
    said = own("run", str(lab), "--until-fail", *written, status=1, folder=tmp_path)
    assert "NEVER hasty" in said
    (evidence,) = tmp_path.glob("labkit-evidence/*-hasty-1")
    assert f"evidence: labkit-evidence/{evidence.name}" in said
    assert {"lan.pcapng", "report.html", "server1", "trace.jsonl"} <= {path.name for path in evidence.iterdir()}
    assert 'failures="1"' in (tmp_path / "x.xml").read_text()
    (result,) = json.loads((tmp_path / "x.json").read_text())
    assert (result["verdict"], result["number"]) == ("NEVER", 1)


def test_where_user_namespaces_are_forbidden_the_setting_is_named(labkit: Labkit) -> None:
    """Inside a user namespace that may make no further ones, without capabilities: as on a locked-down machine."""
    forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all"
    command = f'{forbid} "$0" -m labkit.ui.cli.main up failover -q'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", command, sys.executable],
        env=labkit.environment,
        user=labkit.user,
        group=labkit.user,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "user namespaces are not allowed here" in done.stderr
    assert "sudo sysctl -w user.max_user_namespaces=10000" in done.stderr
