import select
from pathlib import Path

from labkit.kernel.process import now, set_process_name
from labkit.kernel.timer import Timer


def _readable(timer: Timer, milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(timer.fileno(), select.POLLIN)
    return bool(poll.poll(milliseconds))


def test_a_timer_becomes_readable_at_its_time_and_not_before() -> None:
    timer = Timer()
    at = now() + 2_000
    timer.set(at)
    assert _readable(timer, 1000)
    assert now() >= at
    timer.clear()
    timer.set(now() + 60_000_000)
    assert not _readable(timer, 0)
    timer.close()


def test_a_time_in_the_past_is_readable_at_once_and_none_never() -> None:
    timer = Timer()
    timer.set(0)
    assert _readable(timer, 0)
    timer.set(None)
    assert not _readable(timer, 0)
    timer.close()


def test_the_same_time_can_be_set_again_after_it_fired() -> None:
    timer = Timer()
    for _ in range(2):
        timer.set(1)
        assert _readable(timer, 0)
        timer.clear()
    timer.close()


def test_the_process_name_is_what_the_kernel_shows() -> None:
    old = Path("/proc/self/comm").read_text().strip()
    set_process_name("keepalived_vrrp")
    try:
        assert Path("/proc/self/comm").read_text() == "keepalived_vrrp\n"
    finally:
        set_process_name(old)
