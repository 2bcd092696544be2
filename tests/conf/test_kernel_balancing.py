"""The lines of global_defs about balancing, and what is wrong with some."""

from ipaddress import ip_address

import pytest

from labkit.conf.model import GlobalDefs, SyncDaemon
from labkit.trace import SECOND
from tests.conf.samples import said
from tests.conf.test_balancing import checks_of
from tests.conf.test_process import REST, global_defs


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("lvs_sync_daemon eth1", GlobalDefs(lvs_sync_daemon=SyncDaemon(interface="eth1")), id="both-roles"),
        pytest.param(
            "lvs_sync_daemon eth1 A",
            GlobalDefs(lvs_sync_daemon=SyncDaemon(interface="eth1", instance="A", sync_id=7)),
            id="number-of-its-instance",
        ),
        pytest.param(
            "lvs_sync_daemon eth1 inst A id 0 maxlen 1400 port 9000 ttl 2 group ff02::81",
            GlobalDefs(
                lvs_sync_daemon=SyncDaemon(
                    interface="eth1",
                    instance="A",
                    sync_id=0,
                    max_length=1400,
                    port=9000,
                    ttl=2,
                    group=ip_address("ff02::81"),
                )
            ),
            id="all-of-it",
        ),
        pytest.param("lvs_timeouts tcp 900", GlobalDefs(lvs_timeouts=(900 * SECOND, None, None)), id="one-timeout"),
        pytest.param(
            "lvs_timeouts udp 30 tcp 900 tcpfin 60",
            GlobalDefs(lvs_timeouts=(900 * SECOND, 60 * SECOND, 30 * SECOND)),
            id="timeouts",
        ),
        pytest.param(
            "lvs_flush\nlvs_flush_on_stop\nchecker_log_all_failures\nrs_init_notifies\nno_checker_emails",
            GlobalDefs(lvs_flush=True, lvs_flush_on_stop=True, checker_log_all_failures=True, rs_init_notifies=True),
            id="switches",
        ),
        pytest.param("lvs_flush_onstop VS", GlobalDefs(), id="flush-of-our-own"),
    ],
)
def test_what_lines_become(lines: str, expected: GlobalDefs) -> None:
    assert global_defs(lines) == expected


SYNC = (
    "an interface; then, if needed, `inst` and the name of a vrrp_instance, and `id`, `maxlen`, `port`, `ttl` or "
    "`group`, each with its value"
)
TIMES = "`tcp`, `tcpfin` or `udp`, each with whole seconds, such as tcp 900 udp 300"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lvs_sync_daemon eth1 B", "2:17: no vrrp_instance is called `B`; known here: A"),
        ("lvs_sync_daemon eth1 A inst A", "2:22: `A` is a second instance; name one"),
        ("lvs_sync_daemon eth1 id 256", "2:25: `256` does not fit here; write a whole number from 0 to 255"),
        ("lvs_sync_daemon eth1 id", f"2:24: something is missing here; write {SYNC}"),
        ("lvs_sync_daemon eth1 id 1 id 2", "2:27: `id` stands here again; write it once"),
        ("lvs_sync_daemon eth1 id 1 size 2", f"2:27: `size` does not fit here; write {SYNC}"),
        (
            "lvs_sync_daemon eth1 group 192.0.2.1",
            "2:28: `192.0.2.1` does not fit here; write an IPv4 or IPv6 multicast address",
        ),
        ("lvs_timeouts", f"2:13: something is missing here; write {TIMES}"),
        ("lvs_timeouts tcp 0", "2:18: `0` does not fit here; write a whole number of seconds from 1 to 2678400"),
        ("lvs_flush_on_stop RS", "2:19: `RS` does not fit here; write VS"),
    ],
)
def test_what_is_wrong_with_lines(line: str, expected: str) -> None:
    assert said(f"global_defs {{\n{line}\n}}{REST}") == [expected]


def test_checks_log_each_failure_if_the_check_or_else_global_defs_says_so() -> None:
    everywhere = "global_defs {\n checker_log_all_failures\n}"
    (quiet,) = checks_of("TCP_CHECK {\n}")
    (told,) = checks_of("TCP_CHECK {\n log_all_failures\n}")
    (by_default,) = checks_of("TCP_CHECK {\n}", before=everywhere)
    (not_this_one,) = checks_of("TCP_CHECK {\n log_all_failures off\n}", before=everywhere)
    assert (quiet.log_all, told.log_all, by_default.log_all, not_this_one.log_all) == (False, True, True, False)
