from dataclasses import replace

import pytest

from labkit.conf.model import GlobalDefs, SyncGroup
from labkit.daemon.letters import Answer, Letter, compose, message, wants_mail
from labkit.daemon.news import News, Word
from labkit.diagnostics import Span
from tests.daemon.test_wording import INSTANCE

DEFAULTS = GlobalDefs(
    notification_email=("a@example.com", "b@example.com"),
    notification_email_from="me@here.org",
    smtp_server="127.0.0.1",
    smtp_port=2525,
    smtp_helo_name="helo.name",
    smtp_connect_timeout=5_000_000,
    router_id="ROUTER_ID",
)
TOLD = replace(INSTANCE, smtp_alert=True)
GROUP = SyncGroup(name="G1", members=("X",), smtp_alert=True, span=Span(file="f", line=1, column=1))
DATE = "Wed, 25 Nov 2026 04:19:47 +0000"


def news(word: Word, why: str = "") -> News:
    return News(subject=TOLD, word=word, priority=150, why=why)


def test_a_letter_is_what_c_keepalived_sends() -> None:
    """Captured from keepalived 2.2.7, the instance renamed."""
    letter = compose(news(Word.MASTER), DEFAULTS, "host", 1)
    assert (letter.server, letter.port, letter.timeout_s, letter.helo) == ("127.0.0.1", 2525, 5.0, "helo.name")
    assert message(letter, lambda: DATE).decode().split("\r\n") == [
        "Date: Wed, 25 Nov 2026 04:19:47 +0000",
        "From: me@here.org",
        "Subject: [ROUTER_ID] VRRP Instance X - Entering MASTER state",
        "X-Mailer: Keepalived",
        "To: a@example.com, b@example.com",
        "",
        "=> VRRP Instance is now owning VRRP VIPs <=",
        "",
    ]


@pytest.mark.parametrize(
    ("about", "subject", "text"),
    [
        pytest.param(
            news(Word.BACKUP),
            "VRRP Instance X - Entering BACKUP state",
            "=> VRRP Instance is no longer owning VRRP VIPs <=\n",
            id="backup",
        ),
        pytest.param(
            news(Word.FAULT, "script chk fails"),
            "VRRP Instance X - Entering FAULT state",
            "=> VRRP Instance is no longer owning VRRP VIPs <=\n\nReason: script chk fails\n",
            id="fault-with-reason",
        ),
        pytest.param(
            News(subject=GROUP, word=Word.MASTER, priority=0),
            "VRRP Group G1 - Entering MASTER state",
            "=> All VRRP group instances are now in MASTER state <=\n",
            id="group",
        ),
    ],
)
def test_subject_and_text(about: News, subject: str, text: str) -> None:
    letter = compose(about, DEFAULTS, "host", 1)
    assert (letter.subject, letter.text) == (f"[ROUTER_ID] {subject}", text)


def test_what_is_not_configured_is_made_of_the_host_s_name() -> None:
    bare = replace(DEFAULTS, smtp_helo_name=None, notification_email_from=None, router_id=None)
    letter = compose(news(Word.MASTER), bare, "host", 1)
    assert (letter.helo, letter.sender, letter.subject[:6]) == ("host", "keepalived@host", "[host]")


@pytest.mark.parametrize(
    ("about", "defaults", "expected"),
    [
        pytest.param(news(Word.MASTER), DEFAULTS, True, id="master"),
        pytest.param(news(Word.FAULT), DEFAULTS, True, id="fault"),
        pytest.param(news(Word.FAULT), replace(DEFAULTS, no_email_faults=True), False, id="no_email_faults"),
        pytest.param(news(Word.STOP), DEFAULTS, False, id="stop"),
        pytest.param(news(Word.MASTER_PRIORITY), DEFAULTS, False, id="priority"),
        pytest.param(news(Word.MASTER), replace(DEFAULTS, smtp_server=None), False, id="no-server"),
        pytest.param(news(Word.MASTER), replace(DEFAULTS, notification_email=()), False, id="no-recipient"),
        pytest.param(News(subject=INSTANCE, word=Word.MASTER, priority=1), DEFAULTS, False, id="not-asked-for"),
    ],
)
def test_what_mail_is_sent_about(about: News, defaults: GlobalDefs, expected: bool) -> None:
    assert wants_mail(about, defaults) is expected


def test_a_name_beyond_ascii_and_a_header_in_a_name() -> None:
    letter = replace(compose(news(Word.MASTER, "la razón"), DEFAULTS, "host", 1), subject="Número\nBcc: x@y")
    text = message(letter, lambda: DATE).decode()
    headers, body = text.split("\r\n\r\n", 1)
    assert "Subject: =?utf-8?" in headers
    assert "\nBcc" not in headers
    assert "Content-Type: text/plain; charset=utf-8\r\n" in headers
    assert body == "=> VRRP Instance is now owning VRRP VIPs <=\r\n\r\nReason: la razón\r\n"


def test_letters_and_answers_come_through_the_channel_whole() -> None:
    letter = compose(news(Word.MASTER), DEFAULTS, "host", 7)
    assert Letter.from_json(letter.to_json()) == letter
    answer = Answer(text="sent", number=7, sent=True)
    assert Answer.from_json(answer.to_json()) == answer
