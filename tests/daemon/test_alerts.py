"""Mail, delivered by the mail process to servers of all kinds of manners."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from labkit.conf.model import GlobalDefs
from labkit.daemon import alerts as module
from labkit.daemon.alerts import Alerts
from labkit.daemon.news import News, Word
from labkit.daemon.report import DeliveryReport
from tests.daemon.daemon import Daemon, instance
from tests.daemon.desk import Desk
from tests.daemon.mail import MailServer, Manners
from tests.daemon.test_letters import DEFAULTS, TOLD
from tests.kernel.lan import Lan, eventually

Serve = Callable[..., MailServer]
FRESH = replace(DEFAULTS, smtp_connect_timeout=200_000)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a mail server; all are ended with the test."""
    running: list[MailServer] = []

    def start(manners: Manners = Manners.GOOD, port: int = 0) -> MailServer:
        running.append(MailServer(manners, port))
        return running[-1]

    yield start
    for server in running:
        server.close()


class Post:
    """Alerts that go to a server."""

    def __init__(self, desk: Desk, port: int, defaults: GlobalDefs = FRESH) -> None:
        self.alerts = Alerts(desk.children, desk.loop, lambda text, _: desk.said.append(text))
        self.alerts.configure(replace(defaults, smtp_port=port))

    def tell(self, *words: Word) -> None:
        for word in words:
            self.alerts.tell(News(subject=TOLD, word=word, priority=150))


def subjects(server: MailServer) -> list[str]:
    return [letter.split("Subject: ", 1)[1].split("\r\n", 1)[0] for letter in server.letters]


def test_letters_arrive_in_order_at_every_recipient(desk: Desk, serve: Serve) -> None:
    server = serve()
    post = Post(desk, server.port)
    post.tell(Word.BACKUP, Word.MASTER, Word.STOP, Word.FAULT)
    desk.run_until(lambda: post.alerts.sent == 3)
    assert [subject.split()[-2] for subject in subjects(server)] == ["BACKUP", "MASTER", "FAULT"]
    assert "EHLO helo.name" in server.talks[0]
    for expected in ("MAIL FROM:<me@here.org>", "RCPT TO:<a@example.com>", "RCPT TO:<b@example.com>"):
        assert any(line.startswith(expected) for line in server.talks[0])
    assert desk.said == ["SMTP alert successfully sent."] * 3
    post.alerts.close()
    desk.run_until(lambda: not len(desk.children))


@pytest.mark.parametrize(
    ("manners", "said"),
    [
        pytest.param(Manners.SILENT, "Timed out", id="silent"),
        pytest.param(Manners.DRIPPING, "Timed out", id="drips"),
        pytest.param(Manners.BUSY, "451 later", id="busy"),
        pytest.param(Manners.CLOSING, "", id="closes"),
    ],
)
def test_a_server_with_bad_manners_is_tried_again(desk: Desk, serve: Serve, manners: Manners, said: str) -> None:
    server = serve(manners)
    post = Post(desk, server.port)
    post.tell(Word.MASTER, Word.BACKUP)
    desk.run_until(lambda: desk.said)
    assert desk.said[0].startswith("Remote SMTP server [127.0.0.1]:")
    assert said.lower() in desk.said[0].lower()
    assert "; 2 alerts wait" in desk.said[0]
    server.manners = Manners.GOOD
    desk.run_until(lambda: post.alerts.sent == 2)
    assert [subject.split()[-2] for subject in subjects(server)] == ["MASTER", "BACKUP"]
    assert post.alerts.lost == 0
    post.alerts.close()


def test_nobody_listens_and_then_somebody_does(desk: Desk, serve: Serve) -> None:
    port = serve().port
    unused = serve()
    unused.close()
    assert port != unused.port
    post = Post(desk, unused.port)
    post.tell(Word.MASTER)
    desk.run_until(lambda: desk.said)
    assert "1 alert waits" in desk.said[0]
    serve(port=unused.port)
    desk.run_until(lambda: post.alerts.sent == 1)
    post.alerts.close()


def test_a_refusal_for_good_ends_the_letter(desk: Desk, serve: Serve) -> None:
    server = serve(Manners.REFUSING)
    post = Post(desk, server.port)
    post.tell(Word.MASTER)
    desk.run_until(lambda: post.alerts.lost == 1)
    assert desk.said == [
        "SMTP alert refused: [ROUTER_ID] VRRP Instance X - Entering MASTER state: 550 no such user",
    ]
    post.alerts.close()


def test_letters_are_bounded_and_the_newest_are_kept(desk: Desk, serve: Serve) -> None:
    server = serve(Manners.SILENT)
    post = Post(desk, server.port)
    post.tell(*[Word.MASTER] * 300)
    assert post.alerts.lost == 44
    assert post.alerts.delivery() == DeliveryReport(kind="mail", lost=44, waiting=256)
    post.alerts.close()


def test_a_mail_process_that_dies_is_replaced_with_its_letters(desk: Desk, serve: Serve) -> None:
    server = serve(Manners.SILENT)
    post = Post(desk, server.port)
    post.tell(Word.MASTER, Word.BACKUP)
    desk.run_until(lambda: server.talks)
    server.manners = Manners.GOOD
    desk.children.kill_all()
    desk.run_until(lambda: post.alerts.sent == 2)
    assert desk.said[0] == "the mail process ended (status -15), 2 letters wait"
    post.alerts.close()


def test_without_the_library_it_is_said_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROGRAM", "import sys; sys.exit(3)")
    post = Post(desk, 9)
    post.tell(Word.MASTER, Word.BACKUP)
    desk.run_until(lambda: desk.said)
    post.tell(Word.FAULT)
    assert desk.said == ["mail cannot be sent: aiosmtplib is not installed (pip install 'labkit[mail]')"]
    assert not len(desk.children)


@pytest.mark.kernel
@pytest.mark.parametrize("manners", [Manners.SILENT, Manners.DRIPPING])
def test_no_server_comes_between_two_adverts(
    lan: Lan, start: Callable[[int, str], Daemon], serve: Serve, manners: Manners
) -> None:
    with lan.hosts[0].entered():
        server = serve(manners)
    mail = f"""global_defs {{
 vrrp_rt_priority 50
 smtp_server 127.0.0.1 {server.port}
 notification_email {{
  a@example.com
 }}
 smtp_alert on
}}
"""
    quick = "version 3\n advert_int 0.05"
    server1 = start(0, mail + instance(150, timing=quick))
    server1.wait_log("(VI) Entering MASTER STATE")
    eventually(lambda: server.talks)
    lan.sniffer.drain()
    heard = [frame.at for frame in lan.sniffer.listen(2) if frame.advert and frame.source == "192.168.1.21"]
    assert 38 <= len(heard) <= 42
    assert max(later - earlier for earlier, later in pairwise(heard)) < 0.15
    assert server1.log.count("Entering MASTER STATE") == 1
    assert server1.stop() == 0
    server1.wait_log("SMTP alerts were not sent")
