"""`strict_mode` and `vrrp_strict`: what the RFCs do not know is refused, not changed in silence."""

from labkit.conf.complaints import Complaints
from labkit.conf.schema import Leaf, vrrp
from labkit.conf.section import Section
from labkit.hints import Any
from labkit.vrrp.config import OWNER, HmacMode


class Strict:
    """One instance in strict mode."""

    def __init__(self, section: Section, version: int, complaints: Complaints) -> None:
        self._section = section
        self._version = version
        self._complaints = complaints
        self._owner = section.get(vrrp.PRIORITY) == OWNER

    def fields(self) -> dict[str, Any]:
        """Return what strict mode makes of RouterConfig, after complaining about what it has no room for."""
        self._check_words()
        self._check_state()
        self._check_authentication()
        accept = self._owner or self._section.says(vrrp.ACCEPT)
        return {
            "strict": True,
            "accept": accept and not self._section.says(vrrp.NO_ACCEPT),
            "lower_prio_no_advert": True,
            "lower_prio_repeat": 0,
            "higher_prio_send_advert": False,
            "owner_ignore_adverts": True,
            "down_timer_adverts": 3,
        }

    def _check_words(self) -> None:
        section = self._section
        refused: list[tuple[Leaf[Any], bool]] = [
            (vrrp.PREEMPT_DELAY, True),
            (vrrp.GARP_LOWER_PRIO_REPEAT, section.get(vrrp.GARP_LOWER_PRIO_REPEAT) != 0),
            (vrrp.LOWER_PRIO_NO_ADVERT, section.get(vrrp.LOWER_PRIO_NO_ADVERT) is False),
            (vrrp.HIGHER_PRIO_SEND_ADVERT, section.get(vrrp.HIGHER_PRIO_SEND_ADVERT) is not False),
            (vrrp.DOWN_TIMER_ADVERTS, section.get(vrrp.DOWN_TIMER_ADVERTS) != 3),
            (vrrp.VMAC_XMIT_BASE, True),
            (vrrp.ACCEPT, self._version == 2),
            (vrrp.NO_VIRTUAL_IPADDRESS, True),
        ]
        for leaf, wrong in refused:
            if wrong and section.get(leaf) is not None:
                message = f"strict mode has no `{' '.join(section.statements[leaf.name].words)}`"
                self._complaints.error(section.span(leaf), message, _HINT)
        for entry in section.lines(vrrp.UNICAST_PEER)[:1]:
            message = "strict mode, but unicast is not in the RFCs; it is done all the same, as keepalived does"
            self._complaints.warning(section.entry_span(entry), message, "write `strict_mode off`")

    def _check_state(self) -> None:
        is_master = self._section.get(vrrp.STATE)
        if is_master is not None and is_master != self._owner:
            message = "in strict mode the owner of the addresses (priority 255) is MASTER at first, and no other"
            hint = "write `state MASTER` with `priority 255`, `state BACKUP` with a lower one"
            self._complaints.error(self._section.span(vrrp.STATE), message, hint)

    def _check_authentication(self) -> None:
        for block in self._section.sections(vrrp.AUTHENTICATION):
            self._complaints.error(block.span(), "strict mode has no passwords (RFC 3768 10)", _HINT)
        for block in self._section.sections(vrrp.AUTH_HMAC):
            if block.get(vrrp.HMAC_MODE) not in (None, HmacMode.ENFORCE):
                message = "strict mode demands that adverts are signed and verified"
                self._complaints.error(block.span(vrrp.HMAC_MODE), message, "write `mode enforce`")


_HINT = "remove it, or write `strict_mode off`"
