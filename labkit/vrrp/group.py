"""Sync groups: virtual routers that are MASTER, BACKUP and FAULT together (keepalived.conf(5), vrrp_sync_group).

FAULT is shared before the routers see it: the speaker judges a member by the trackers of all members.  What is left
here: members take over together once all are `ready`, and a MASTER gives way when another member became BACKUP.
"""

from labkit.trace import Micros
from labkit.vrrp.config import GroupConfig
from labkit.vrrp.events import Action, GroupTransition, Reason, State, Why
from labkit.vrrp.router import VirtualRouter


class SyncGroup:
    """The members of one sync group and the state they share."""

    def __init__(self, config: GroupConfig, members: list[VirtualRouter]) -> None:
        self.config = config
        self.members = members
        self.state = State.INIT

    def settle(self, now: Micros) -> list[Action]:
        """Bring the members together after one of them was told something."""
        actions: list[Action] = []
        states = {member.state for member in self.members}
        if states == {State.MASTER, State.BACKUP} and self.state is State.MASTER:
            why = Why(reason=Reason.SYNC_GROUP, name=self.config.name)
            for member in self.members:
                if member.state is State.MASTER:
                    actions += member.give_way(why, now)
        elif all(member.ready or member.state is State.MASTER for member in self.members):
            actions += self._take_over(now)
        state = self._common_state()
        if state is not self.state:
            actions.append(GroupTransition(group=self.config.name, old=self.state, new=state))
            self.state = state
        return actions

    def _take_over(self, now: Micros) -> list[Action]:
        """All become MASTER: those whose timer ran out now by their own reason, those that waited by the group's."""
        shared = Why(reason=Reason.SYNC_GROUP, name=self.config.name)
        actions: list[Action] = []
        for member in self.members:
            if member.ready is not None:
                actions += member.take_over(member.ready if member.ready_since == now else shared, now)
        return actions

    def _common_state(self) -> State:
        states = {member.state for member in self.members}
        if State.FAULT in states:
            return State.FAULT
        if states == {State.MASTER}:
            return State.MASTER
        return State.INIT if State.INIT in states or not states else State.BACKUP
