"""What scripts, FIFOs and mail are told of: actions of the core as news of an instance or a group.

Pure.  The words and the places of the arguments are those of keepalived.conf(5), as keepalived 2.2.7 prints them.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from labkit.conf.model import Command, GlobalDefs, SyncGroup, VrrpInstance
from labkit.daemon.tidings import Mail
from labkit.hints import TypeAlias
from labkit.values import dataclass
from labkit.vrrp.actions import Action, Deleted, GroupTransition, Notice, Noticed, PriorityChanged, Transition
from labkit.vrrp.reasons import State

Subject: TypeAlias = VrrpInstance | SyncGroup


class Word(StrEnum):
    """What happened to an instance or a group, in keepalived's words."""

    MASTER = "MASTER"
    BACKUP = "BACKUP"
    FAULT = "FAULT"
    STOP = "STOP"
    DELETED = "DELETED"
    MASTER_RX_LOWER_PRI = "MASTER_RX_LOWER_PRI"
    MASTER_PRIORITY = "MASTER_PRIORITY"
    BACKUP_PRIORITY = "BACKUP_PRIORITY"


STATES = (Word.MASTER, Word.BACKUP, Word.FAULT)
"""The words that a subject's state is told by, as long as there is nothing newer."""

_OF_STATE = {
    State.MASTER: Word.MASTER,
    State.BACKUP: Word.BACKUP,
    State.FAULT: Word.FAULT,
    State.INIT: Word.STOP,
}
_OF_PRIORITY = {State.MASTER: Word.MASTER_PRIORITY, State.BACKUP: Word.BACKUP_PRIORITY}
_HEARD_LOWER = (Notice.LOWER_PRIORITY_ANSWERED, Notice.LOWER_PRIORITY_UNANSWERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened to an instance or a group; the priority of a group is 0."""

    subject: Subject
    word: Word
    priority: int
    final: bool = False  # there is no state after it
    why: str = ""

    @property
    def kind(self) -> str:
        """INSTANCE or GROUP."""
        return "INSTANCE" if isinstance(self.subject, VrrpInstance) else "GROUP"

    @property
    def name(self) -> str:
        """The name of the instance or the group."""
        return self.subject.router.name if isinstance(self.subject, VrrpInstance) else self.subject.name

    @property
    def is_state(self) -> bool:
        """Whether it tells a state that goes on."""
        return self.word in STATES

    @property
    def is_farewell(self) -> bool:
        """Whether it tells of a stop."""
        return self.word is Word.STOP

    @property
    def line(self) -> str:
        """The line that FIFOs get; the name is in quotes there, and not in the arguments of scripts."""
        return f'{self.kind} "{self.name}" {self.word} {self.priority}\n'

    def to_run(self) -> list[tuple[Command, tuple[str, ...]]]:
        """Return what to run: the script of the word itself, which is told nothing, then `notify`.

        `notify` gets INSTANCE or GROUP, the name, the state and the priority behind its own arguments.  Priorities, and
        that a master heard a lower priority, are no states: `notify` is not told.
        """
        subject = self.subject
        specific = {
            Word.MASTER: subject.notify_master,
            Word.BACKUP: subject.notify_backup,
            Word.FAULT: subject.notify_fault,
            Word.STOP: subject.notify_stop,
        }.get(self.word)
        if isinstance(subject, VrrpInstance) and specific is None:
            specific = {
                Word.MASTER_RX_LOWER_PRI: subject.notify_master_rx_lower_pri,
                Word.DELETED: subject.notify_deleted_script,
            }.get(self.word)
        chosen: list[tuple[Command, tuple[str, ...]]] = [] if specific is None else [(specific, ())]
        if subject.notify is not None and self.word in (*STATES, Word.STOP, Word.DELETED):
            chosen.append((subject.notify, (self.kind, self.name, self.word, str(self.priority))))
        return chosen

    def mail(self, defaults: GlobalDefs) -> Mail | None:
        """Return what a letter says about it: subjects and texts as keepalived 2.2.7 writes them, and the reason."""
        if not self.subject.smtp_alert or not self.is_state:
            return None
        if self.word is Word.FAULT and defaults.no_email_faults:
            return None
        what = "VRRP Instance" if isinstance(self.subject, VrrpInstance) else "VRRP Group"
        if not isinstance(self.subject, VrrpInstance):
            text = f"=> All VRRP group instances are now in {self.word} state <="
        elif self.word is Word.MASTER:
            text = "=> VRRP Instance is now owning VRRP VIPs <="
        else:
            text = "=> VRRP Instance is no longer owning VRRP VIPs <="
        reason = f"\nReason: {self.why}\n" if self.why else ""
        return Mail(f"{what} {self.name} - Entering {self.word} state", f"{text}\n{reason}")


class Editor:
    """Knows who is told of what, and the state and priority of every instance at the moment."""

    def __init__(self) -> None:
        self._groups: Mapping[str, SyncGroup] = {}
        self._priorities_told = False
        self._states: dict[str, State] = {}
        self._priorities: dict[str, int] = {}

    def configure(self, groups: Mapping[str, SyncGroup], *, priorities: bool) -> None:
        """Take the groups there are, and whether priorities are news of every instance."""
        self._groups = groups
        self._priorities_told = priorities

    def news(self, actions: Iterable[Action], instances: Mapping[str, VrrpInstance]) -> list[News]:
        """Return what actions that were decided together amount to, in their order."""
        decided = list(actions)
        gone = {action.router for action in decided if isinstance(action, Deleted)}
        return [item for action in decided for item in self._report(action, instances, gone)]

    def _report(self, action: Action, instances: Mapping[str, VrrpInstance], gone: set[str]) -> list[News]:
        match action:
            case Transition():
                self._states[action.router] = action.new
                self._priorities[action.router] = action.priority
                instance = instances[action.router]
                word = _OF_STATE[action.new]
                if action.router in gone and action.new is State.INIT:
                    word = Word.DELETED if instance.notify_deleted else Word.FAULT
                final = action.new is State.INIT
                why = str(action.why)
                return [News(subject=instance, word=word, priority=action.priority, final=final, why=why)]
            case GroupTransition() if action.group in self._groups:
                word, final = _OF_STATE[action.new], action.new is State.INIT
                return [News(subject=self._groups[action.group], word=word, priority=0, final=final)]
            case PriorityChanged():
                return self._priority(action, instances.get(action.router))
            case Noticed(router=name) if action.notice in _HEARD_LOWER and name in instances:
                priority = self._priorities.get(name, instances[name].router.priority)
                return [News(subject=instances[name], word=Word.MASTER_RX_LOWER_PRI, priority=priority)]
        return []

    def _priority(self, action: PriorityChanged, instance: VrrpInstance | None) -> list[News]:
        self._priorities[action.router] = action.new
        word = _OF_PRIORITY.get(self._states.get(action.router, State.INIT))
        if instance is None or word is None or not (instance.notify_priority_changes or self._priorities_told):
            return []
        return [News(subject=instance, word=word, priority=action.new)]


def scripts(subject: Subject) -> set[Command]:
    """Return every notify script of an instance or a group."""
    named = {subject.notify, subject.notify_master, subject.notify_backup, subject.notify_fault, subject.notify_stop}
    if isinstance(subject, VrrpInstance):
        named |= {subject.notify_master_rx_lower_pri, subject.notify_deleted_script}
    return {command for command in named if command is not None}
