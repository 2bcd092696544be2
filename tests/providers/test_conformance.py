"""What every provider must do, the same for all: one lab each, from the command line, as users have it.

A provider that cannot work here is skipped with the words of its own `missing()`.  The simulator raises no lab that
could be looked at: it runs scenarios, and is skipped with its own words elsewhere.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from labkit.diagnostics import LabkitError
from labkit.providers import registry
from labkit.providers.docker import image
from tests.conftest import NOBODY, ROOT, Labkit, end, eventually, tool_of
from tests.providers import engine as engines

pytestmark = [pytest.mark.e2e, pytest.mark.kernel, pytest.mark.timeout(600)]  # an image is built first


@dataclass(frozen=True, slots=True)
class World:
    """A provider, and the user who asks for it."""

    provider: str
    user: int | None


WORLDS = {
    "netns-root": World("netns", None),
    "netns-rootless": World("netns", NOBODY),
    "uml-rootless": World("uml", NOBODY),
    "docker": World("docker", None),
    "sim": World("sim", None),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A world that works here, and the command line of its user."""

    world: World
    labkit: Labkit

    def run(self, *arguments: str, within: float = 100) -> list[dict[str, Any]]:
        """Run scenarios there; return their results."""
        command = ("run", *arguments, "--json", "--provider", self.world.provider)
        said, errors = self.labkit.start(*command, folder=self.labkit.runtime).communicate(timeout=within)
        assert said, errors
        results: list[dict[str, Any]] = json.loads(said)
        return results


@dataclass(frozen=True, slots=True)
class Raised(Place):
    """A running lab of a world."""

    def exec(self, node: str, *argv: str, status: int | None = 0) -> str:
        """Run a command in a node, by the command line."""
        return self.labkit("exec", "--name", "one", node, "--", *argv, status=status)


@pytest.fixture(scope="module")
def engine() -> Iterator[None]:
    """A Docker engine with the image of nodes, to which DOCKER_HOST points."""
    with engines.engine() as host, pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOCKER_HOST", host)
        yield


@pytest.fixture(
    scope="module",
    params=[pytest.param(world, id=name) for name, world in WORLDS.items()],
)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Where labs of a world can be raised."""
    world: World = request.param
    if world.user is not None and os.geteuid() != 0:
        pytest.skip("the caller is not root: both ways are the same")
    if world.provider == "docker":
        request.getfixturevalue("engine")
    if world.provider != "sim":
        try:
            registry.provider(world.provider)
        except LabkitError as error:
            pytest.skip(str(error))
    for tool in tool_of(world.user):
        yield Place(world, tool)


@pytest.fixture(scope="module")
def lab(place: Place) -> Raised:
    """One lab for all tests of a world, which leave it as they found it."""
    sim = place.world.provider == "sim"
    command = ("up", "failover", "-q", "--name", "one", "--provider", place.world.provider)
    said = place.labkit(*command, status=2 if sim else 0)
    if sim:
        pytest.skip(said.strip())
    return Raised(place.world, place.labkit)


def test_a_node_is_a_machine_with_a_network(lab: Raised) -> None:
    assert lab.exec("server1", "hostname") == "server1\n"
    assert "192.168.1.21/24" in lab.exec("server1", "ip", "-4", "addr", "show", "eth0")
    assert "02:00:00:00:00:02" in lab.exec("server1", "ip", "link", "show", "eth0")
    assert "1 received" in lab.exec("host", "ping", "-c", "1", "-W", "5", "192.168.1.23")
    assert {"192.168.1.22 server2", "192.168.1.20 vip"} <= set(lab.exec("host", "cat", "/etc/hosts").splitlines())


def test_commands_end_as_they_end(lab: Raised) -> None:
    assert lab.exec("server1", "sh", "-c", "echo out; echo err >&2; exit 7", status=7) == "out\nerr\n"
    assert "No such file" in lab.exec("server1", "nosuch", status=127)
    lab.exec("server1", "sh", "-c", "kill -9 $$", status=128 + signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_is_hung_up_when_its_client_is_gone(lab: Raised, number: signal.Signals) -> None:
    def runs() -> bool:
        return "sleep 4242" in lab.exec("server2", "ps", "-eo", "args")

    client = lab.labkit.start("exec", "--name", "one", "server2", "--", "sleep", "4242")
    assert eventually(runs, within=10)
    client.send_signal(number)
    client.communicate(timeout=10)
    assert eventually(lambda: not runs(), within=10)


def test_input_and_output_are_bytes(lab: Raised) -> None:
    """More than any buffer on the way holds, each byte there is, and the end of input is an end."""
    sent = bytes(range(256)) * 1000
    command = ["exec", "--name", "one", "server2", "--", "cat"]
    done = subprocess.run(
        [sys.executable, "-m", "labkit.ui.cli.main", *command],
        cwd="/",
        env=lab.labkit.environment,
        input=sent,
        capture_output=True,
        timeout=60,
        user=lab.world.user,
        group=lab.world.user,
    )
    assert (done.returncode, done.stdout == sent, done.stderr) == (0, True, b"")


def test_a_terminal_is_a_terminal(lab: Raised) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    command = [sys.executable, "-m", "labkit.ui.cli.main", "shell", "--name", "one", "server1"]
    user = lab.world.user
    with subprocess.Popen(
        command, cwd="/", env=lab.labkit.environment, stdin=theirs, stdout=theirs, stderr=theirs, user=user, group=user
    ) as shell:
        os.close(theirs)
        said = _until(ours, b"root@server1")
        os.write(ours, b"stty size; test -t 0 && echo termi''nal\n")
        said = _until(ours, b"terminal")
        assert b"33 77" in said
        os.write(ours, b"exit 5\n")
        assert shell.wait(timeout=30) == 5
    os.close(ours)


def _until(terminal: int, wanted: bytes) -> bytes:
    said, deadline = b"", time.monotonic() + 30
    while wanted not in said:
        assert select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0], said
        try:
            said += os.read(terminal, 4096)
        except OSError:  # EIO: nobody has it open any more
            pytest.fail(f"the terminal closed; it said {said!r}")
    return said


def test_a_nodes_files_are_its_own(lab: Raised) -> None:
    assert "vrrp_instance" in lab.exec("server1", "cat", "/etc/keepalived/keepalived.conf")
    lab.exec("server1", "sh", "-c", "echo own > /etc/labkit-test; touch /tmp/labkit-x /var/log/x")
    assert lab.exec("server1", "cat", "/etc/labkit-test") == "own\n"
    lab.exec("server2", "test", "-e", "/etc/labkit-test", status=1)
    assert not Path("/etc/labkit-test").exists()
    assert not Path("/tmp/labkit-x").exists()


def test_what_happens_is_told_on_this_machines_clock(lab: Raised) -> None:
    """The address comes to server1, is announced on the segment, and its daemon says why."""

    def records() -> list[dict[str, object]]:
        return [json.loads(line) for line in lab.labkit("events", "--name", "one", "--json").splitlines()]

    def told(**wanted: object) -> bool:
        return any(all(record.get(key) == value for key, value in wanted.items()) for record in records())

    assert eventually(lambda: told(kind="address", node="server1", address="192.168.1.20", present=True), within=20)
    assert told(kind="state", node="server1", state="MASTER")
    assert told(kind="advert", node="lan", source="192.168.1.21", priority=150)
    assert told(kind="announce", node="lan", address="192.168.1.20", lladdr="02:00:00:00:00:02")
    assert not told(kind="rejected", node="lan")
    now = time.monotonic_ns() // 1000
    assert all(now - 10**9 < int(str(record["at"])) < now + 10**6 for record in records())
    assert "Entering MASTER STATE" in lab.labkit("logs", "--name", "one", "server1")


def test_a_cable_is_cut_and_mended(lab: Raised) -> None:
    ping = ("ping", "-c", "1", "-W", "1", "192.168.1.23")
    lab.labkit("fault", "--name", "one", "server3.eth0", "cut")
    lab.exec("host", *ping, status=1)
    lab.labkit("heal", "--name", "one", "server3.eth0")
    assert eventually(lambda: "1 received" in lab.exec("host", "sh", "-c", f"{' '.join(ping)} || true"), within=10)


def test_a_slow_link_is_slow_or_it_is_said_why_not(lab: Raised) -> None:
    why_not = registry.provider(lab.world.provider).capabilities()["netem"]
    said = lab.labkit("fault", "--name", "one", "server3.eth0", "impair", "delay=60ms", status=2 if why_not else 0)
    if why_not:
        assert "netem" in said
        return
    times = lab.exec("host", "ping", "-c", "1", "-W", "5", "192.168.1.23")
    lab.labkit("heal", "--name", "one", "server3.eth0")
    assert float(times.partition("time=")[2].split()[0]) >= 120  # there and back, each way in milliseconds


@pytest.mark.parametrize(
    ("words", "told"),
    [pytest.param("duplicate=100%", "duplicates", id="duplicate"), pytest.param("loss=100%", "0 received", id="loss")],
)
def test_a_bad_link_is_bad(lab: Raised, words: str, told: str) -> None:
    if why_not := registry.provider(lab.world.provider).capabilities()["netem"]:
        pytest.skip(f"the kernel lacks netem: {why_not}")
    lab.labkit("fault", "--name", "one", "server3.eth0", "impair", words)
    assert told in lab.exec("host", "ping", "-c", "3", "-i", "0.2", "-W", "1", "192.168.1.23", status=None)
    lab.labkit("heal", "--name", "one", "server3.eth0")
    assert eventually(
        lambda: "3 received, 0%" in lab.exec("host", "ping", "-c", "3", "-i", "0.2", "192.168.1.23", status=None),
        within=10,
    )


def test_a_reload_renders_the_labs_templates_again(lab: Raised) -> None:
    lab.labkit("fault", "--name", "one", "server3", "reload", "priority=77")
    assert "priority 77" in lab.exec("server3", "cat", "/etc/keepalived/keepalived.conf")
    lab.labkit("heal", "--name", "one", "server3")
    assert "priority 100" in lab.exec("server3", "cat", "/etc/keepalived/keepalived.conf")


def test_mistakes_are_named(lab: Raised) -> None:
    assert "did you mean 'server1'" in lab.exec("server11", "true", status=2)
    again = lab.labkit("up", "failover", "-q", "--name", "one", "--provider", lab.world.provider, status=2)
    assert "already up" in again


def test_two_labs_and_what_a_kill_leaves(lab: Raised) -> None:
    """The second has the same addresses; its supervisor is killed, and it alone is gone, with all its processes."""
    before = lab.labkit.pids()
    lab.labkit("up", "failover", "-q", "--name", "two", "--provider", lab.world.provider)
    assert lab.labkit("exec", "--name", "two", "server1", "--", "hostname") == "server1\n"
    assert lab.labkit.pids() > before
    end(lab.labkit.supervisor("two"))
    assert eventually(lambda: not lab.labkit.pids() - before, within=10)
    assert lab.exec("server1", "hostname") == "server1\n"


# --- scenarios --------------------------------------------------------------------------------------------------------


def test_a_scenario_gives_the_same_verdict_and_tells_the_same(place: Place) -> None:
    """On a machine with much else to do a run may be late; no provider is late three times."""
    evidence = place.labkit.runtime / "evidence"
    for _ in range(3):
        (result,) = place.run("failover", "-s", "stop", "--evidence", str(evidence))
        if result["verdict"] in ("PASS", "INCONCLUSIVE"):
            break
    assert result["verdict"] in ("PASS", "INCONCLUSIVE"), result
    trace = evidence / "failover-stop/trace.jsonl"
    records = [json.loads(line) for line in trace.read_text().splitlines()]

    def told(**wanted: object) -> bool:
        return any(wanted.items() <= record.items() for record in records)

    for node, address in (("server1", "192.168.1.21"), ("server2", "192.168.1.22")):
        assert told(kind="address", node=node, address="192.168.1.20", present=True)
        assert told(kind="state", node=node, state="MASTER")
        assert told(kind="advert", node="lan", source=address, vrid=21)
    assert told(kind="advert", source="192.168.1.21", priority=0, lladdr="02:00:00:00:00:02")
    assert told(kind="announce", node="lan", address="192.168.1.20", lladdr="02:00:00:00:00:03")
    assert told(kind="fault", node="server1", fault="stop")
    assert told(kind="neighbour", node="host", address="192.168.1.20", lladdr="02:00:00:00:00:03")
    assert f"{result['verdict']} stop" in place.labkit("replay", str(trace), status=None)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["-s", "stopp"], "did you mean 'stop'?", id="scenario"),
        pytest.param(["--set", "prio=1"], "lab failover has no variable 'prio'", id="variable"),
        pytest.param(["--daemon", "server4=labkit"], "no router 'server4' in lab failover", id="node"),
        pytest.param(["--set", "vrid=300"], "keepalived.conf:4:23: `300` does not fit", id="file"),
    ],
)
def test_wrong_words_are_named(place: Place, words: list[str], told: str) -> None:
    assert told in place.labkit("run", "failover", *words, "--provider", place.world.provider, status=2)


def test_a_slow_link_is_slow_or_the_scenario_is_skipped(place: Place) -> None:
    folder = place.labkit.runtime / "slow"
    (folder / "scenarios").mkdir(parents=True)
    shutil.copy(ROOT / "labs/failover/lab.yml", folder)
    step = "do: {impair: {server3.eth0: {delay: 60ms}}}"
    (folder / "scenarios/01-slow.yml").write_text(
        f"title: slow\nvariant: basic\nprobe: {{from: host, ping: server3}}\nsteps:\n  - {step}\n"
    )
    (result,) = place.run(str(folder))
    if result["verdict"] == "SKIP":
        assert "netem is missing for delay" in result["error"]
    else:
        assert result["verdict"] == "PASS", result


def test_frr_takes_part_or_it_is_said_why_not(place: Place) -> None:
    (result,) = place.run("failover", "-s", "stop", "--daemon", "server2=frr", "--set", "version=3")
    if result["verdict"] == "SKIP":
        assert "frr" in result["error"]
    else:
        assert result["verdict"] in ("PASS", "INCONCLUSIVE"), result


# --- a guest only -----------------------------------------------------------------------------------------------------


in_a_guest = pytest.mark.parametrize("place", [pytest.param(WORLDS["uml-rootless"], id="uml-rootless")], indirect=True)


@in_a_guest
def test_a_switch_has_no_address(lab: Raised) -> None:
    """IPv6 is a module there, which comes with the bridge."""
    said = lab.exec("host", "ping", "-6", "-c", "2", "-I", "eth0", "ff02::1")
    answered = {line.split()[3].partition("%")[0] for line in said.splitlines() if "bytes from" in line}
    assert answered == {f"fe80::ff:fe00:{number}" for number in range(1, 5)}


@in_a_guest
def test_a_lab_ends_with_its_guest(place: Place) -> None:
    """However the kernel ended, as by the host's lack of memory; its processes would go on."""
    before = place.labkit.pids()
    place.labkit("up", "failover", "-q", "--name", "five", "--provider", "uml")
    keeper = place.labkit.supervisor("five")
    (guest, *_) = map(int, Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split())
    end(guest)
    assert eventually(lambda: not place.labkit.pids() - before, within=10)
    assert "lab 'five' is not up" in place.labkit("status", "five", status=2)


# --- containers only --------------------------------------------------------------------------------------------------

in_containers = pytest.mark.parametrize("place", [pytest.param(WORLDS["docker"], id="docker")], indirect=True)


def _containers(**labels: str) -> list[Any]:
    with contextlib.closing(docker.from_env()) as client:
        found: list[Any] = client.containers.list(
            all=True, ignore_removed=True, filters={"label": [f"labkit.{key}={value}" for key, value in labels.items()]}
        )
    return found


@in_containers
def test_nodes_may_change_their_network_and_nothing_else(lab: Raised) -> None:
    settings = {container.name: container.attrs["HostConfig"] for container in _containers(lab="one")}
    hub = settings.pop("labkit-one")
    assert set(settings) == {f"labkit-one-{node}" for node in ("host", "server1", "server2", "server3")}
    for each in settings.values():
        assert (each["Privileged"], each["CapAdd"], each["NetworkMode"]) == (False, ["NET_ADMIN", "NET_RAW"], "none")
    assert (hub["Privileged"], hub["CapAdd"]) == (False, ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"])
    assert "Read-only" in lab.exec("server1", "sh", "-c", "echo x > /proc/sys/kernel/domainname", status=None)


@in_containers
def test_a_name_that_is_taken_is_told_and_nothing_is_left(lab: Raised) -> None:
    with contextlib.closing(docker.from_env()) as client:
        other = client.containers.create("labkit-node", name="labkit-four-server2")
    said = lab.labkit("up", "failover", "-q", "--name", "four", "--provider", "docker", status=2)
    assert "container labkit-four-server2 is not made" in said
    assert "already in use" in said
    assert _containers(lab="four") == []
    other.remove()


@in_containers
def test_containers_end_with_the_keeper_and_orphans_are_swept(lab: Raised) -> None:
    """The last one: lab one is down then."""
    lab.labkit("up", "failover", "-q", "--name", "two", "--provider", "docker")
    (first, *_) = _containers(lab="two")
    end(lab.labkit.supervisor("two"))
    assert eventually(lambda: not _containers(lab="two"), within=20)
    lab.labkit("up", "failover", "-q", "--name", "two", "--provider", "docker")
    next(container for container in _containers(lab="two") if container.name == "labkit-two").stop()
    assert eventually(lambda: not _containers(lab="two"), within=20)
    assert "lab 'two' is not up" in lab.labkit("status", "two", status=2)
    with contextlib.closing(docker.from_env()) as client:  # as after the death of an engine: nobody removes it
        labels = {"labkit.lab": "three", "labkit.owner": first.labels["labkit.owner"]}
        client.containers.create("labkit-node", labels=labels)
        client.containers.create("labkit-node", labels=labels | {"labkit.owner": "another"})
        client.volumes.create(labels=labels)
    assert "three had left containers" in lab.labkit("down", "--all")
    assert [container.labels["labkit.owner"] for container in _containers(lab="three")] == ["another"]
    with contextlib.closing(docker.from_env()) as client:
        assert client.volumes.list() == []


def test_no_engine_and_no_image_are_told(monkeypatch: pytest.MonkeyPatch, own: Labkit) -> None:
    monkeypatch.setitem(own.environment, "DOCKER_HOST", "unix:///nowhere.sock")
    said = own("up", "failover", "--provider", "docker", status=2)
    assert "no Docker engine answers at unix:///nowhere.sock" in said
    assert "sudo apt-get install docker.io" in said
    assert "no Docker engine answers" in own("image", status=2)


@pytest.mark.parametrize(
    ("label", "told"),
    [
        pytest.param(None, "has no image labkit-node: build it with `labkit image`", id="none"),
        pytest.param("of old", "is of another labkit: build it anew", id="another"),
        pytest.param("", "is of another labkit", id="by-hand"),
    ],
)
def test_an_image_is_of_this_labkit(label: str | None, told: str) -> None:
    class Engine:
        def image_label(self, name: str) -> str | None:
            assert name == "labkit.sources"
            return label

    assert told in image.missing(Engine())
