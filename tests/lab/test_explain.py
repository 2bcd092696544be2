"""The timeline of a failure: short, and with what tells most."""

from labkit.lab.explain import timeline
from labkit.trace import Kind, Record, Value


def told(at: int, kind: Kind, **data: Value) -> Record:
    return Record(at=at, kind=kind, data=data)


def test_of_adverts_the_ends_are_left() -> None:
    adverts = [told(n, Kind.ADVERT, source="a", priority=150) for n in range(100)]
    assert [record.at for record in timeline(adverts, 0, 100)] == [0, 99]


def test_what_lies_outside_is_left_out() -> None:
    seen = [told(at, Kind.FAULT, fault="kill") for at in (0, 1_500_000, 2_500_000, 9_000_000)]
    assert [record.at for record in timeline(seen, 2_000_000, 3_000_000)] == [1_500_000, 2_500_000]
    assert timeline([told(1, Kind.LOG, line="x"), told(2, Kind.NEIGHBOUR)], 0, 10) == ()


def test_a_fault_is_never_crowded_out() -> None:
    stalls = [told(at, Kind.STALL, stalled_us=1) for at in range(0, 200, 2)]
    found = timeline(sorted([*stalls, told(101, Kind.FAULT, fault="kill")], key=lambda each: each.at), 0, 200)
    assert [record.kind for record in found] == [Kind.FAULT]


def test_of_what_is_still_too_much_the_ends_are_left() -> None:
    found = timeline([told(at, Kind.STATE, state="MASTER") for at in range(50)], 0, 50)
    assert [record.at for record in found] == [*range(6), *range(40, 50)]
