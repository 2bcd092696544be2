"""Finding running labs and talking to one; a supervisor is played by a listening socket."""

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.diagnostics import LabkitError
from labkit.lab import client
from labkit.trace import Kind, Record

Listen = Callable[[str], socket.socket]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Play a supervisor: connections to it wait in the backlog until a test accepts them."""
    made: list[socket.socket] = []

    def listen(name: str) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(client.runtime_folder() / f"{name}.sock"))
        listener.listen(8)
        made.append(listener)
        return listener

    yield listen
    for listener in made:
        listener.close()


def say(listener: socket.socket, *lines: str) -> socket.socket:
    """Accept the client that waits and say all lines at once, before it asks."""
    connection, _ = listener.accept()
    connection.sendall("".join(f"{line}\n" for line in lines).encode())
    return connection


# --- which labs there are ---------------------------------------------------------------------------------------------


def test_the_folder_is_made_for_its_user_alone(runtime: Path) -> None:
    folder = client.runtime_folder()
    assert folder == runtime / "labkit"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_no_lab() -> None:
    with pytest.raises(LabkitError, match=r"^no lab is up; start one: labkit up failover$"):
        client.choose(None)


def test_a_lab_that_is_not_up() -> None:
    with pytest.raises(LabkitError, match=r"^lab 'failover' is not up; start it: labkit up failover$"):
        client.choose("failover")


def test_a_lab_by_the_name_that_raised_it(listen: Listen) -> None:
    listen("balance-dr")
    assert client.choose("balance/dr") == "balance-dr"
    with pytest.raises(LabkitError, match=r"^lab 'balance-nat' is not up; did you mean 'balance-dr'\?$"):
        client.choose("balance/nat")


def test_a_lab_that_nobody_knows() -> None:
    with pytest.raises(LabkitError, match=r"^lab 'nosuch' is not up; none is; `labkit labs` shows which there are$"):
        client.choose("nosuch")


def test_the_only_lab_needs_no_name(listen: Listen) -> None:
    listen("failover")
    assert client.choose(None) == client.choose("failover") == "failover"


def test_one_of_several_labs_must_be_named(listen: Listen) -> None:
    listen("other")
    listen("failover")
    with pytest.raises(LabkitError, match=r"^several labs are up, name one with --name: failover, other$"):
        client.choose(None)
    assert client.choose("other") == "other"


def test_a_misspelt_lab_is_suggested(listen: Listen) -> None:
    listen("failover")
    with pytest.raises(LabkitError, match=r"^lab 'failovr' is not up; did you mean 'failover'\?$"):
        client.choose("failovr")


def test_the_socket_of_a_dead_supervisor_is_swept_away(listen: Listen, runtime: Path) -> None:
    listen("dead").close()
    listen("failover")
    assert (runtime / "labkit/dead.sock").exists()
    assert client.running() == ["failover"]
    assert not (runtime / "labkit/dead.sock").exists()


# --- a folder that is not ours ----------------------------------------------------------------------------------------


def refused(folder: Path) -> None:
    sentence = f"{folder} must be a folder of yours with mode 0700; remove it, labkit makes it anew"
    with pytest.raises(LabkitError, match=f"^{re.escape(sentence)}$"):
        client.running()


def test_a_folder_open_to_others(runtime: Path) -> None:
    (runtime / "labkit").mkdir()
    (runtime / "labkit").chmod(0o755)
    refused(runtime / "labkit")


def test_a_link_in_place_of_the_folder(runtime: Path, tmp_path: Path) -> None:
    (runtime / "labkit").symlink_to(tmp_path)
    refused(runtime / "labkit")


def test_a_file_in_place_of_the_folder(runtime: Path) -> None:
    (runtime / "labkit").touch(mode=0o600)
    refused(runtime / "labkit")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else(runtime: Path) -> None:
    (runtime / "labkit").mkdir(mode=0o700)
    os.chown(runtime / "labkit", 65534, 65534)
    refused(runtime / "labkit")


# --- talking to one ---------------------------------------------------------------------------------------------------


def test_records_between_question_and_answer_are_kept(listen: Listen) -> None:
    listener = listen("failover")
    record = Record(at=5, kind=Kind.LOG, node="server1", data={"line": "hola"})
    with client.Client("failover") as connection:
        with say(listener, f'{{"record":{record.to_json()}}}', '{"id":1,"ok":{"status":3,"output":"x"}}') as supervisor:
            done = connection.run("server1", ["ls", "-l"])
            assert (done.status, done.output) == (3, "x")
            asked = json.loads(supervisor.recv(4096))
        assert asked == {"id": 1, "verb": "run", "node": "server1", "argv": ["ls", "-l"]}
        assert connection.next_records(0.0) == [record]


def test_a_late_answer_to_another_question_is_passed_over(listen: Listen) -> None:
    listener = listen("failover")
    with client.Client("failover") as connection, say(listener, '{"id":0,"ok":{}}', '{"id":1,"ok":{"at":7}}'):
        assert connection.ask("status") == {"at": 7}


def play(listener: socket.socket, ahead: int, record: Record) -> None:
    """Answer every question with what time it is, on a clock so far ahead; and the record after `follow`."""
    supervisor = listener.accept()[0]
    with supervisor, supervisor.makefile("r") as questions:
        for line in questions:
            question = json.loads(line)
            at = time.monotonic_ns() // 1000 + ahead
            supervisor.sendall(json.dumps({"id": question["id"], "ok": {"at": at}}).encode() + b"\n")
            if question["verb"] == "follow":
                supervisor.sendall(f'{{"record":{record.to_json()}}}\n'.encode())


@pytest.mark.parametrize("ahead", [0, 3600 * 10**6])
def test_records_of_another_kernel_come_in_this_ones_time(listen: Listen, ahead: int) -> None:
    listener = listen("failover")
    record = Record(at=5 * 10**6 + ahead, kind=Kind.LOG, data={"line": "x"})
    supervisor = threading.Thread(target=play, args=(listener, ahead, record))
    supervisor.start()
    with client.Client("failover") as connection:
        connection.ask("follow")
        at = connection.next_records(30.0)[0].at
    supervisor.join()
    assert at == 5 * 10**6 if ahead == 0 else abs(at - 5 * 10**6) < 10**7


def test_a_message_in_two_pieces_is_one(listen: Listen) -> None:
    listener = listen("failover")
    record = Record(at=5, kind=Kind.LINK, node="server1", data={"interface": "eth0", "up": False})
    line = f'{{"record":{record.to_json()}}}'
    with client.Client("failover") as connection, listener.accept()[0] as supervisor:
        supervisor.sendall(line[:20].encode())
        assert connection.next_records(0.0) == []
        supervisor.sendall(f"{line[20:]}\n".encode())
        assert connection.next_records(1.0) == [record]


def test_a_refusal_is_told_in_its_own_words(listen: Listen) -> None:
    listener = listen("failover")
    with (
        client.Client("failover") as connection,
        say(listener, '{"id":1,"error":"no node \'x\'"}'),
        pytest.raises(LabkitError, match=r"^no node 'x'$"),
    ):
        connection.ask("run", node="x", argv=["ls"])


def test_a_supervisor_that_goes_away(listen: Listen) -> None:
    listener = listen("failover")
    with client.Client("failover") as connection:
        listener.accept()[0].close()
        with pytest.raises(LabkitError, match=r"^lab 'failover' has ended$"):
            connection.next_records(1.0)


def test_a_lab_that_ended_before_the_connection() -> None:
    with pytest.raises(LabkitError, match=r"^lab 'failover' is not up; start it: labkit up failover$"):
        client.Client("failover")


def test_a_lab_that_ends_while_it_is_taken_down(runtime: Path) -> None:
    """The kernel names who called listen(2) as the other end: a process that is no more."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(client.runtime_folder() / "failover.sock"))
    if (pid := os.fork()) == 0:
        listener.listen(8)
        os._exit(0)
    os.waitpid(pid, 0)
    client.take_down("failover")
    listener.close()
