"""What building any block needs: that required keywords are there, names are not taken, and who is to be told."""

from collections.abc import Sequence

from labkit.conf.complaints import Complaints
from labkit.conf.model import Command
from labkit.conf.reader import Statement
from labkit.conf.schema import Keyword, Leaf, Lines, process, vrrp
from labkit.conf.section import Section
from labkit.conf.source import line_from
from labkit.diagnostics import Span
from labkit.hints import TypedDict, TypeVar

T = TypeVar("T")


def line_of(section: Section, statement: Statement, seen_from: Span) -> str:
    """Return how to speak of the line on which a statement stands, to somebody who looks at another place."""
    return line_from(section.document.span(statement), seen_from)


def require(section: Section, complaints: Complaints, *keywords: Keyword) -> None:
    """Complain about each of `keywords` that is absent."""
    for keyword in keywords:
        if section.lacks(keyword):
            owner = section.statement.words[0]
            complaints.error(section.span(), f"this {owner} has no `{keyword.name}`", _how_to_add(keyword))


def _how_to_add(keyword: Keyword) -> str:
    match keyword:
        case Leaf():
            return f"add `{keyword.name}` and {keyword.argument.wanted}"
        case Lines():
            return f"add a block `{keyword.name}` with {keyword.entry.wanted}"
        case _:
            return f"add a block `{keyword.name}` for {keyword.title.wanted}"


def unique_titles(sections: Sequence[Section], complaints: Complaints) -> None:
    """Complain about each block whose title an earlier one has."""
    seen: dict[object, Section] = {}
    for section in sections:
        first = seen.setdefault(section.title, section)
        if first is not section and section.title is not None:
            title = " ".join(section.statement.words)
            line = line_of(section, first.statement, section.span())
            complaints.error(
                section.span(), f"there is a `{title}` already, in {line}", "write another one, or remove it"
            )


def first(*values: T | None) -> T | None:
    """Return the first value that is written."""
    return next((value for value in values if value is not None), None)


class Notifies(TypedDict):
    """Whom to tell about changes of state."""

    notify: Command | None
    notify_master: Command | None
    notify_backup: Command | None
    notify_fault: Command | None
    notify_stop: Command | None
    notify_priority_changes: bool
    smtp_alert: bool


def notifies(section: Section, global_defs: Section) -> Notifies:
    """Return whom an instance or a group tells about changes of state."""
    mail = (section.get(vrrp.SMTP_ALERT), global_defs.get(process.SMTP_ALERT_VRRP), global_defs.get(process.SMTP_ALERT))
    priorities = section.get(vrrp.NOTIFY_PRIORITY_CHANGES), global_defs.get(process.VRRP_NOTIFY_PRIORITY_CHANGES)
    return Notifies(
        notify=section.get(vrrp.NOTIFY),
        notify_master=section.get(vrrp.NOTIFY_MASTER),
        notify_backup=section.get(vrrp.NOTIFY_BACKUP),
        notify_fault=section.get(vrrp.NOTIFY_FAULT),
        notify_stop=section.get(vrrp.NOTIFY_STOP),
        notify_priority_changes=first(*priorities) or False,
        smtp_alert=first(*mail) or False,
    )
