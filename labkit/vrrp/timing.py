"""How long a backup waits: the two intervals that every election is made of (RFC 9568 6.1, RFC 3768 6.1)."""

from labkit.trace import SECOND, Micros


def skew_time(version: int, priority: int, master_advert_interval: Micros) -> Micros:
    """Return Skew_Time: the higher the priority, the shorter; version 2 does not scale it with the interval."""
    unit = SECOND if version == 2 else master_advert_interval
    return (256 - priority) * unit // 256


def master_down_interval(version: int, priority: int, master_advert_interval: Micros, adverts: int = 3) -> Micros:
    """Return Master_Down_Interval: for how long a backup of this priority bears a master's silence.

    The RFCs know 3 `adverts`; keepalived.conf(5): down_timer_adverts.
    """
    return adverts * master_advert_interval + skew_time(version, priority, master_advert_interval)
