"""Mail about changes of state (smtp_alert): subjects and bodies as keepalived 2.2.7 writes them, which filters know.

Pure.  One line is added to the body: why the change came about.
"""

import json
from collections.abc import Callable

from labkit.conf.model import GlobalDefs, VrrpInstance
from labkit.daemon.news import STATES, News, Word
from labkit.trace import SECOND
from labkit.values import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter and the way to its recipients; `timeout_s` is for the connection and for each answer."""

    number: int
    server: str
    port: int
    timeout_s: float
    helo: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str

    def to_json(self) -> bytes:
        """Return it as the mail process takes it."""
        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Letter":
        """Return what `to_json` made."""
        told = json.loads(data)
        return cls(**(told | {"recipients": tuple(told["recipients"])}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the mail process says: a line for the log, and what became of a letter (number 0: of none)."""

    text: str
    trouble: bool = False
    number: int = 0
    sent: bool = False

    def to_json(self) -> bytes:
        """Return it as the VRRP process takes it."""
        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Answer":
        """Return what `to_json` made."""
        return cls(**json.loads(data))


def wants_mail(news: News, defaults: GlobalDefs) -> bool:
    """Tell whether a change is to be told by mail."""
    if not news.subject.smtp_alert or defaults.smtp_server is None or not defaults.notification_email:
        return False
    if news.word is Word.FAULT:
        return not defaults.no_email_faults
    return news.word in STATES


def compose(news: News, defaults: GlobalDefs, host: str, number: int) -> Letter:
    """Write the letter about a change; `host` is this machine's name, for what the configuration leaves open."""
    what = "VRRP Instance" if isinstance(news.subject, VrrpInstance) else "VRRP Group"
    if not isinstance(news.subject, VrrpInstance):
        text = f"=> All VRRP group instances are now in {news.word} state <="
    elif news.word is Word.MASTER:
        text = "=> VRRP Instance is now owning VRRP VIPs <="
    else:
        text = "=> VRRP Instance is no longer owning VRRP VIPs <="
    return Letter(
        number=number,
        server=defaults.smtp_server or "",
        port=defaults.smtp_port,
        timeout_s=defaults.smtp_connect_timeout / SECOND,
        helo=defaults.smtp_helo_name or host,
        sender=defaults.notification_email_from or f"keepalived@{host}",
        recipients=defaults.notification_email,
        subject=f"[{defaults.router_id or host}] {what} {news.name} - Entering {news.word} state",
        text=f"{text}\n" + (f"\nReason: {news.why}\n" if news.why else ""),
    )


def message(letter: Letter, date: Callable[[], str]) -> bytes:
    """Return the letter as it is sent, headers in keepalived's order; `date` gives the moment (RFC 5322 3.3)."""
    from email.header import Header  # of the mail process only

    plain = letter.subject.isascii() and letter.text.isascii()
    headers = {
        "Date": date(),
        "From": letter.sender,
        "Subject": letter.subject if letter.subject.isascii() else Header(letter.subject, "utf-8").encode(),
        "X-Mailer": "Keepalived",
        "To": ", ".join(letter.recipients),
    }
    if not plain:
        headers |= {
            "MIME-Version": "1.0",
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Transfer-Encoding": "8bit",
        }
    lines = [f"{name}: {_one_line(value)}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", *letter.text.splitlines(), ""]).encode()


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
