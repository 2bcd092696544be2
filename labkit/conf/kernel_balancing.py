"""What may stand after the keywords of global_defs that set IPVS itself: the synchronisation daemon, and timeouts."""

from collections.abc import Callable, Mapping, Sequence

from labkit.conf.addresses import parse_ip
from labkit.conf.arguments import PORT, Integer, Interface, Seconds, UnfitError, take, unfit
from labkit.conf.model import SyncDaemon
from labkit.hints import Any, TypeAlias
from labkit.trace import SECOND, Micros
from labkit.values import dataclass

_Read: TypeAlias = Callable[[str, int], Any]
Times: TypeAlias = tuple[Micros | None, Micros | None, Micros | None]
_LONGEST = 31 * 86_400 * SECOND  # IP_VS_MAX_TIMEOUT is the same


def _pairs(words: Sequence[str], first: int, readers: Mapping[str, _Read], wanted: str) -> dict[str, Any]:
    """Read `NAME VALUE NAME VALUE ...` from word number `first` on."""
    found: dict[str, Any] = {}
    for place in range(first, len(words), 2):
        name = words[place]
        if name not in readers:
            raise unfit(place, name, wanted)
        if name in found:
            raise UnfitError(place, f"`{name}` stands here again", "write it once")
        take(wanted, words, place + 2, len(words))
        found[name] = readers[name](words[place + 1], place + 1)
    return found


def _word(text: str, _: int) -> str:
    return text


_SYNC: Mapping[str, _Read] = {
    "inst": _word,
    "id": Integer(0, 255).parse,
    "maxlen": Integer(1, 65507).parse,
    "port": PORT.parse,
    "ttl": Integer(1, 255).parse,
    "group": lambda text, word: parse_ip(text, "an IPv4 or IPv6 multicast address", word),
}


@dataclass(frozen=True, slots=True)
class SyncLine:
    """What stands after `lvs_sync_daemon`."""

    wanted: str = (
        "an interface; then, if needed, `inst` and the name of a vrrp_instance, and `id`, `maxlen`, `port`, `ttl` or "
        "`group`, each with its value"
    )

    def read(self, words: Sequence[str]) -> SyncDaemon:
        """Read the words; the name of the instance may stand without `inst`."""
        take(self.wanted, words, 1, 13)
        interface = Interface().parse(words[0])
        bare = len(words) > 1 and words[1] not in _SYNC
        found = _pairs(words, 2 if bare else 1, _SYNC, self.wanted)
        if bare and "inst" in found:
            raise UnfitError(1, f"`{words[1]}` is a second instance", "name one")
        group = found.get("group")
        if group is not None and not group.is_multicast:
            raise unfit(words.index("group", 1) + 1, str(group), "an IPv4 or IPv6 multicast address")
        return SyncDaemon(
            interface=interface,
            instance=words[1] if bare else found.get("inst"),
            sync_id=found.get("id"),
            max_length=found.get("maxlen"),
            port=found.get("port"),
            ttl=found.get("ttl"),
            group=group,
        )


_TIMES: Mapping[str, _Read] = dict.fromkeys(("tcp", "tcpfin", "udp"), Seconds(SECOND, _LONGEST, whole=True).parse)


@dataclass(frozen=True, slots=True)
class TimeoutsLine:
    """What stands after `lvs_timeouts`."""

    wanted: str = "`tcp`, `tcpfin` or `udp`, each with whole seconds, such as tcp 900 udp 300"

    def read(self, words: Sequence[str]) -> Times:
        """Read the words: how long connections of each kind are remembered without packets."""
        take(self.wanted, words, 2, 6)
        found = _pairs(words, 0, _TIMES, self.wanted)
        return found.get("tcp"), found.get("tcpfin"), found.get("udp")
