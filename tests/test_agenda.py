"""The earliest of many deadlines."""

from dataclasses import dataclass

from labkit.agenda import Agenda


@dataclass(eq=False)
class Machine:
    deadline: int | None


def test_the_earliest_and_the_due() -> None:
    agenda: Agenda[Machine] = Agenda()
    machines = [Machine(30), Machine(None), Machine(10), Machine(20)]
    for machine in machines:
        agenda.touch(machine)
    assert agenda.earliest == 10
    assert agenda.due(20) == [machines[2], machines[3]]
    assert agenda.earliest == 30


def test_nothing_pending() -> None:
    agenda: Agenda[Machine] = Agenda()
    assert agenda.earliest is None
    assert agenda.due(100) == []


def test_equal_deadlines_come_in_the_order_of_booking() -> None:
    agenda: Agenda[Machine] = Agenda()
    machines = [Machine(5) for _ in range(5)]
    for machine in machines:
        agenda.touch(machine)
    assert agenda.due(5) == machines


def test_a_deadline_that_moves() -> None:
    agenda: Agenda[Machine] = Agenda()
    machine = Machine(10)
    agenda.touch(machine)
    for deadline in (20, 5, 15):  # later, earlier, later
        machine.deadline = deadline
        agenda.touch(machine)
        assert agenda.earliest == deadline
    assert agenda.due(100) == [machine]
    assert agenda.earliest is None


def test_a_deadline_that_vanishes_and_a_machine_that_goes() -> None:
    agenda: Agenda[Machine] = Agenda()
    stays, vanishes, goes = Machine(30), Machine(10), Machine(20)
    for machine in (stays, vanishes, goes):
        agenda.touch(machine)
    vanishes.deadline = None
    agenda.remove(goes)
    agenda.remove(Machine(1))
    assert agenda.earliest == 30


def test_there_is_nothing_before_the_oldest_booking() -> None:
    agenda: Agenda[Machine] = Agenda()
    assert agenda.not_before is None
    machine = Machine(10)
    agenda.touch(machine)
    machine.deadline = 30
    assert agenda.not_before == 10
    assert agenda.due(10) == []
    assert agenda.not_before == 30
