"""What scripts, FIFOs and mail are given to tell, whatever it is about: instances and groups, or servers."""

from labkit.conf.model import Command, GlobalDefs
from labkit.hints import Protocol, TypeAlias
from labkit.values import dataclass

Subject: TypeAlias = tuple[str, str]
"""A kind, such as INSTANCE, and a name."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What a letter says; its subject goes on behind the name of this machine."""

    subject: str
    text: str


class Tidings(Protocol):
    """Something that happened to a subject: a change of its state, or something else worth telling."""

    @property
    def kind(self) -> str:
        """The kind of the subject."""

    @property
    def name(self) -> str:
        """The name of the subject."""

    @property
    def is_state(self) -> bool:
        """Whether it tells the subject's state, as long as there is nothing newer."""

    @property
    def final(self) -> bool:
        """Whether the subject has no state after it."""

    @property
    def is_farewell(self) -> bool:
        """Whether it tells of the end of the daemon, before which nobody needs to hear of older states any more."""

    @property
    def line(self) -> str:
        """The line that FIFOs get."""

    def to_run(self) -> list[tuple[Command, tuple[str, ...]]]:
        """Return what to run, each with what it is told behind its own arguments."""

    def mail(self, defaults: GlobalDefs) -> Mail | None:
        """Return what to write, or None where nobody is to get mail about it."""
