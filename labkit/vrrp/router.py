"""The state machine of one virtual router, VRRPv2 (RFC 3768 6.4) and VRRPv3 (RFC 9568 6.4).

    INIT ──start──> BACKUP ──master-down timer──> MASTER
      ^               ^ └──────────────────────────┘ ^
      │               │    higher priority, or the    │
      │ stop          │    same from a higher address │ start with priority 255
      │               │                               │
    any state       FAULT <──fail── any state ────────┘

Its timers are absolute times or None: the next advert and the announcements (MASTER), the master's silence (BACKUP),
the startup delay (INIT).  A received advert only stores a new time.  Nothing here knows of packets that were refused.

A member of a sync group does not become MASTER by its own timer: it becomes `ready` and waits for `take_over`.
"""

from labkit.trace import Micros
from labkit.vrrp import admission
from labkit.vrrp.admission import Fault
from labkit.vrrp.announcing import Announcements
from labkit.vrrp.config import OWNER, Address, RouterConfig
from labkit.vrrp.events import (
    Action,
    HoldAddresses,
    Notice,
    Noticed,
    PriorityCause,
    PriorityChanged,
    Reason,
    Received,
    ReleaseAddresses,
    SendAdvert,
    State,
    Transition,
    Why,
)
from labkit.vrrp.guard import Guard
from labkit.vrrp.judging import Adjustment, effective_priority
from labkit.vrrp.packet import Advert, DecodeError, ErrorKind
from labkit.vrrp.peers import Peer, Peers
from labkit.vrrp.status import Counters, RouterStatus
from labkit.vrrp.timing import master_down_interval, skew_time

RELEASE = 0
"""The priority with which a master gives up (RFC 9568 5.2.4)."""


class VirtualRouter:
    """One virtual router; told what happened by its methods, each of which returns what to do."""

    def __init__(self, config: RouterConfig, now: Micros) -> None:
        self.config = config
        self.state = State.INIT
        self.why = Why(reason=Reason.WAITING, name=config.interface)
        self.source: Address | None = None
        self.grouped = False
        self.ready: Why | None = None
        self.ready_since: Micros = now
        self.start_at: Micros | None = None
        self.override: int | None = None
        self.counters = Counters()
        self.guard = Guard()
        self.peers = Peers()
        self._announcements = Announcements(config)
        self._since = now
        self._adjustments: tuple[Adjustment, ...] = ()
        self._priority = config.priority
        self._advert_at: Micros | None = None
        self._down_at: Micros | None = None
        self._master: Address | None = None  # whose adverts we follow
        self._heard_at = now
        self._learned_interval: Micros | None = None
        self._released_by: Address | None = None  # who sent priority 0
        self._discarded: tuple[Address, int] | None = None  # whom we preempt, and its priority
        self._preempt_from: Micros | None = None
        self._followed: Peer | None = None  # whose last advert would only do the same again
        self._patience: Micros = 0

    # --- asked --------------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> Micros | None:
        """When the next timer runs out, in absolute microseconds; None: no timer runs."""
        if self._down_at is not None:  # BACKUP has no other timer
            return self._down_at
        if self._advert_at is None:
            return self.start_at
        at = self._announcements.deadline
        return self._advert_at if at is None else min(at, self._advert_at)

    @property
    def base_priority(self) -> int:
        """The priority before trackers: the operator's, or the configured one."""
        return self.config.priority if self.override is None else self.override

    @property
    def master_advert_interval(self) -> Micros:
        """The master's interval: learned from its adverts in VRRPv3, configured in VRRPv2 (RFC 9568 6.1)."""
        return self._learned_interval or self.config.advert_interval

    @property
    def status(self) -> RouterStatus:
        """A snapshot that does not change any more."""
        config, interval = self.config, self.master_advert_interval
        return RouterStatus(
            name=config.name,
            interface=config.interface,
            vrid=config.vrid,
            family=config.family,
            version=config.version,
            state=self.state,
            why=self.why,
            since=self._since,
            base_priority=self.base_priority,
            override=self.override,
            adjustments=self._adjustments,
            priority=self._priority,
            source=self.source,
            master=self._master,
            master_advert_interval=interval,
            master_down_interval=self._master_down_interval(),
            counters=self.counters.copy(),
            peers=self.peers.statuses,
            claims=self.peers.claims,
        )

    # --- told: start, stop, faults, configuration ---------------------------------------------------------------------

    def start(self, now: Micros) -> list[Action]:
        """Leave INIT or FAULT, because nothing forbids to run (RFC 9568 6.4.1)."""
        self.start_at = None
        self._follow_nobody(now)
        if self._priority == OWNER and not self.grouped:  # RFC 9568 6.4.1: the address owner does not wait
            return self.take_over(Why(reason=Reason.ADDRESS_OWNER), now)
        reason = Reason.STARTED if self.state is State.INIT else Reason.RECOVERED
        if self._priority == OWNER:
            self.ready, self.ready_since = Why(reason=Reason.ADDRESS_OWNER), now
        else:
            self._await_master(now)
        return [self._enter(State.BACKUP, Why(reason=reason), now)]

    def wait(self, why: Why) -> None:
        """Stay in INIT or FAULT: nothing is wrong, but not everything has answered."""
        self.why = why

    def fail(self, why: Why, now: Micros, *, can_send: bool) -> list[Action]:
        """Go to FAULT, or note the new reason there; a MASTER says so to its peers where it `can_send`."""
        if self.state is State.FAULT:
            self.why = why
            return []
        return [*self._give_up(now, can_send=can_send), self._enter(State.FAULT, why, now)]

    def stop(self, now: Micros) -> list[Action]:
        """Withdraw (RFC 9568 6.4.2 and 6.4.3, Shutdown)."""
        actions = self._give_up(now, can_send=True)
        self.start_at = None
        why = Why(reason=Reason.STOPPED)
        if self.state is State.INIT:
            self.why = why
            return actions
        return [*actions, self._enter(State.INIT, why, now)]

    def set_priority(
        self, adjustments: tuple[Adjustment, ...], cause: PriorityCause = PriorityCause.TRACKER
    ) -> list[Action]:
        """Take what trackers add; a running timer is not touched, the next advert carries the effective priority."""
        before, self._adjustments = self._adjustments, adjustments
        old, self._priority = self._priority, effective_priority(self.base_priority, adjustments)
        if old == self._priority:
            return []
        self._followed = None
        changed = [found for found in (*adjustments, *before) if (found in adjustments) is not (found in before)]
        name = changed[0].name if changed else ""
        return [PriorityChanged(router=self.config.name, old=old, new=self._priority, cause=cause, name=name)]

    def set_override(self, priority: int | None, now: Micros) -> list[Action]:
        """Take the operator's base priority, or give the configured one back; peers hear of it at once."""
        if self.config.priority == OWNER:  # the owner's is not a matter of choice
            return []
        self.override = priority
        actions = self.set_priority(self._adjustments, PriorityCause.OPERATOR)
        return [*actions, self._advertise(now)] if actions and self.state is State.MASTER else actions

    def reconfigure(self, config: RouterConfig, adjustments: tuple[Adjustment, ...], now: Micros) -> list[Action]:
        """Take a configuration of the same identity, and keep the state; what did not change is not disturbed."""
        old, self.config = self.config, config
        self._followed = None
        if config.priority == OWNER:
            self.override = None
        self._announcements.reconfigure(config, now)
        actions = self.set_priority(adjustments, PriorityCause.CONFIGURATION)
        if self.state is State.MASTER:
            if actions or old.on_the_wire != config.on_the_wire:
                actions.append(self._advertise(now))
            if old.addresses != config.addresses:
                actions += [HoldAddresses(router=config.name), *self._announcements.begin(now)]
        elif self._down_at is not None and old.patience != config.patience:
            self._await_master(now)
        return actions

    # --- told: adverts ------------------------------------------------------------------------------------------------

    def fault(self, event: Received, advert: Advert, now: Micros) -> Fault | None:
        """Say why an advert is not for this router, or nothing; a list of addresses that is only other is no fault."""
        config = self.config
        found = admission.fault(config, event, advert) or self.guard.fault(config, event, advert, now)
        if found is None:
            detail = self.other_addresses(event.source, advert)
            if detail and (config.strict or admission.foreign(config, advert)):
                return ErrorKind.ADDRESSES, detail
            self.counters.hmac_good += bool(advert.trailer)
        return found

    def other_addresses(self, source: Address, advert: Advert) -> str:
        """Say how an advert's addresses differ from ours, or nothing; skip_check_adv_addr: not the master's."""
        config = self.config
        if advert.addresses == config.addresses or (config.skip_check_adv_addr and source == self._master):
            return ""
        return admission.other_addresses(config, advert)

    def refused(self, source: Address, error: DecodeError, now: Micros) -> None:
        """Count a packet that was not taken, and remember whose it was; nothing else changes."""
        self._followed = None
        self.counters.errors[error.kind] += 1
        self.peers.refused(source, error, now)

    def receive(self, source: Address, advert: Advert, now: Micros) -> list[Action]:
        """Take an advert that was found to be for this router."""
        self._followed = None
        self.counters.adverts_received += 1
        peer = self.peers.heard(source, advert.priority, now)
        if advert.priority == RELEASE:
            self.counters.priority_zero_received += 1
        if self.state is State.BACKUP:
            return self._receive_as_backup(source, peer, advert, now)
        if self.state is State.MASTER:
            return self._receive_as_master(source, advert, now)
        return []

    @property
    def is_content(self) -> bool:
        """Whether the advert received last was followed, and would do the same again: `hear_again` takes it."""
        return self._followed is not None

    def hear_again(self, now: Micros) -> bool:
        """Take the advert received last once more, to the bit; False: it has to be received."""
        peer = self._followed
        if peer is None:
            return False
        self.counters.adverts_received += 1
        peer.adverts += 1
        peer.heard = self._heard_at = now
        self._down_at = now + self._patience
        return True

    def _receive_as_backup(self, source: Address, peer: Peer, advert: Advert, now: Micros) -> list[Action]:
        """RFC 9568 6.4.2."""
        name, priority = self.config.name, advert.priority
        if priority == RELEASE:  # the down timer becomes the skew time
            if self.ready is None:
                self._released_by = source
                self._down_at = now + skew_time(self.config.version, self._priority, self.master_advert_interval)
            return [Noticed(router=name, notice=Notice.PRIORITY_ZERO_RECEIVED, peer=source, peer_priority=priority)]
        if priority >= self._priority or not (self.config.preempt or self._priority == OWNER):
            self._preempt_from = None
            self._follow(source, advert, now)
            if self.config.hmac is None and self.config.ah is None:  # what is signed once must not come twice
                self._followed, self._patience = peer, self._master_down_interval()
            return []
        notices: list[Action] = []
        if self.config.preempt_delay and self._preempt_from is None:
            self._preempt_from = now + self.config.preempt_delay
            notice = Notice.PREEMPT_DELAY_STARTED
            notices.append(Noticed(router=name, notice=notice, peer=source, peer_priority=priority))
        if self._preempt_from is not None and now < self._preempt_from:
            self._follow(source, advert, now)
        elif self._discarded != (source, priority):  # preempting: let the timer run out
            self._discarded = (source, priority)
            notice = Notice.LOWER_PRIORITY_DISCARDED
            notices.append(Noticed(router=name, notice=notice, peer=source, peer_priority=priority))
        return notices

    def _receive_as_master(self, source: Address, advert: Advert, now: Micros) -> list[Action]:
        """RFC 9568 6.4.3."""
        if self._priority == OWNER and self.config.owner_ignore_adverts:
            return []
        notices: list[Action] = []

        def notice(what: Notice) -> None:
            notices.append(Noticed(router=self.config.name, notice=what, peer=source, peer_priority=advert.priority))

        if advert.priority == RELEASE:
            notice(Notice.PRIORITY_ZERO_ANSWERED)
            return [*notices, self._advertise(now)]
        if advert.priority == self._priority == OWNER:
            notice(Notice.TWO_OWNERS)
        if advert.priority > self._priority:
            return [*notices, *self._yield_to(source, advert, Reason.HIGHER_PRIORITY, now)]
        if advert.priority == self._priority and self.source is not None and source.packed > self.source.packed:
            return [*notices, *self._yield_to(source, advert, Reason.HIGHER_ADDRESS, now)]
        # keepalived: assert ourselves at once, and take the switches' and neighbours' tables back.
        silent = self.config.lower_prio_no_advert or self.config.strict
        notice(Notice.LOWER_PRIORITY_UNANSWERED if silent else Notice.LOWER_PRIORITY_ANSWERED)
        answer = [] if silent else [self._advertise(now)]
        return [*notices, *answer, *self._announcements.assert_ourselves(now)]

    def _yield_to(self, source: Address, advert: Advert, reason: Reason, now: Micros) -> list[Action]:
        last = [self._advertise(now)] if self.config.higher_prio_send_advert else []
        actions = [*last, *self._leave_master()]
        self._follow(source, advert, now)
        why = Why(reason=reason, peer=source, peer_priority=advert.priority)
        return [*actions, self._enter(State.BACKUP, why, now)]

    # --- told: time ---------------------------------------------------------------------------------------------------

    def wake(self, now: Micros) -> list[Action]:
        """Fire the timers that are due."""
        if self._down_at is not None and self._down_at <= now:
            return self._master_down(now)
        if self.start_at is not None and self.start_at <= now:
            self.start_at = None  # the speaker judges anew
        actions: list[Action] = []
        if self._advert_at is not None and self._advert_at <= now:
            grid = self._advert_at
            actions.append(self._advertise(now))
            interval = self.config.advert_interval
            # Stay on the grid, and leave out what a stall made us miss.
            self._advert_at = grid + ((now - grid) // interval + 1) * interval
        return actions + self._announcements.wake(now)

    def _master_down(self, now: Micros) -> list[Action]:
        """Act on the master's silence (RFC 9568 6.4.2, Active_Down_Timer)."""
        if self._released_by is not None:
            why = Why(reason=Reason.RELEASED, peer=self._released_by)
        elif self._discarded is not None:
            why = Why(reason=Reason.PREEMPTED, peer=self._discarded[0], peer_priority=self._discarded[1])
        else:
            why = Why(reason=Reason.NO_ADVERT, peer=self._master, elapsed=now - self._heard_at)
        if self.grouped:
            self._down_at, self.ready, self.ready_since, self._followed = None, why, now, None
            return []
        return self.take_over(why, now)

    # --- becoming and ceasing to be MASTER ----------------------------------------------------------------------------

    def take_over(self, why: Why, now: Micros) -> list[Action]:
        """Become MASTER now."""
        self._follow_nobody(now)
        actions = [self._advertise(now), HoldAddresses(router=self.config.name), *self._announcements.begin(now)]
        return [*actions, self._enter(State.MASTER, why, now)]

    def give_way(self, why: Why, now: Micros) -> list[Action]:
        """MASTER to BACKUP by decision of the sync group: peers are told, since none of them sent anything higher."""
        actions = self._give_up(now, can_send=True)
        self._await_master(now)
        return [*actions, self._enter(State.BACKUP, why, now)]

    def _give_up(self, now: Micros, *, can_send: bool) -> list[Action]:
        """Stop all timers; as MASTER send priority 0 and release the addresses."""
        was_master = self.state is State.MASTER
        released: list[Action] = [self._advert(RELEASE, now)] if was_master and can_send else []
        self._down_at = self.ready = self._master = self._followed = None
        return [*released, *self._leave_master()] if was_master else []

    def _leave_master(self) -> list[Action]:
        self._advert_at = None
        self._announcements.stop()
        self.counters.released_master += 1
        return [ReleaseAddresses(router=self.config.name)]

    def _follow(self, source: Address, advert: Advert, now: Micros) -> None:
        """Accept `source` as the master (RFC 9568 6.4.2: learn its interval, reset Active_Down_Timer)."""
        self._follow_nobody(now, keep_delay=True)
        self._master = source
        if advert.version == 3:
            self._learned_interval = advert.interval
        self._await_master(now)

    def _follow_nobody(self, now: Micros, *, keep_delay: bool = False) -> None:
        self._heard_at = now
        self._down_at = self._master = self._learned_interval = None
        self._released_by = self._discarded = self.ready = self._followed = None
        if not keep_delay:
            self._preempt_from = None

    def _await_master(self, now: Micros) -> None:
        self._down_at = now + self._master_down_interval()

    def _master_down_interval(self) -> Micros:
        config, interval = self.config, self.master_advert_interval
        return master_down_interval(config.version, self._priority, interval, config.down_timer_adverts)

    def _advertise(self, now: Micros) -> SendAdvert:
        self._advert_at = now + self.config.advert_interval
        return self._advert(self._priority, now)

    def _advert(self, priority: int, now: Micros) -> SendAdvert:
        config = self.config
        self.counters.adverts_sent += 1
        self.counters.priority_zero_sent += priority == RELEASE
        sequence = self.guard.next_sequence(config, now)
        advert = Advert(
            version=config.version,
            vrid=config.vrid,
            priority=priority,
            interval=config.advert_interval,
            addresses=config.addresses,
            auth=config.auth,
            header=config.ah is not None,
            as_v2=config.checksum_as_v2,
        )
        return SendAdvert(router=config.name, advert=advert, source=self.source, sequence=sequence)

    def _enter(self, state: State, why: Why, now: Micros) -> Transition:
        old, self.state = self.state, state
        self.why, self._since = why, now
        self.counters.became_master += state is State.MASTER
        return Transition(router=self.config.name, old=old, new=state, why=why, priority=self._priority)
