"""Letters about changes of state (smtp_alert), on their way to the mail process and to a server.

Pure.  Headers and their order are keepalived 2.2.7's, which filters know.
"""

from collections.abc import Callable

from labkit.conf.model import GlobalDefs
from labkit.daemon.tidings import Mail, Tidings
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
        import json  # for daemons that write mail

        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Letter":
        """Return what `to_json` made."""
        import json

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
        import json

        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Answer":
        """Return what `to_json` made."""
        import json

        return cls(**json.loads(data))


def wants_mail(news: Tidings, defaults: GlobalDefs) -> bool:
    """Tell whether a change is to be told by mail."""
    return defaults.smtp_server is not None and bool(defaults.notification_email) and news.mail(defaults) is not None


def compose(news: Tidings, defaults: GlobalDefs, host: str, number: int) -> Letter:
    """Write the letter about a change; `host` is this machine's name, for what the configuration leaves open."""
    mail = news.mail(defaults) or Mail("", "")
    return Letter(
        number=number,
        server=defaults.smtp_server or "",
        port=defaults.smtp_port,
        timeout_s=defaults.smtp_connect_timeout / SECOND,
        helo=defaults.smtp_helo_name or host,
        sender=defaults.notification_email_from or f"keepalived@{host}",
        recipients=defaults.notification_email,
        subject=f"[{defaults.router_id or host}] {mail.subject}",
        text=mail.text,
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
