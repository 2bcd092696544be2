"""Values are what `dataclasses` would make of the same classes, in everything that can be seen."""

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest

from labkit import values

T = TypeVar("T")
Made = Callable[..., Any]


def twins(**options: bool) -> tuple[Made, Made]:
    """Return a class made by `dataclasses`, and one made here, of the same text."""

    def classes(dataclass: Any, field: Any) -> Made:
        @dataclass(slots=True, **options)
        class Thing:
            """A thing."""

            name: str
            size: int = 3
            parts: list[int] = field(default_factory=list, compare=False)
            secret: str = field(default="", repr=False, hash=False)

            def __post_init__(self) -> None:
                if self.size < 0:
                    raise ValueError("less than nothing")

            @property
            def double(self) -> int:
                return 2 * self.size

        return Thing

    return classes(dataclasses.dataclass, dataclasses.field), classes(values.dataclass, values.field)


OPTIONS = [{"frozen": True}, {"frozen": True, "kw_only": True}, {}, {"eq": False}, {"frozen": True, "order": True}]
KEYWORDS = {"name": "a", "size": 4, "secret": "x"}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
class TestAsDataclasses:
    def test_construction(self, options: dict[str, bool]) -> None:
        for made in twins(**options):
            thing = made(**KEYWORDS)
            assert (thing.name, thing.size, thing.parts, thing.secret, thing.double) == ("a", 4, [], "x", 8)
            assert made(name="b").parts is not made(name="b").parts
            with pytest.raises(ValueError, match="less than nothing"):
                made(name="a", size=-1)

    @pytest.mark.parametrize("wrong", [{}, {"name": "a", "colour": 1}], ids=str)
    def test_what_does_not_fit(self, options: dict[str, bool], wrong: dict[str, Any]) -> None:
        said = []
        for made in twins(**options):
            with pytest.raises(TypeError) as error:
                made(**wrong)
            said.append(str(error.value).replace("__create_fn__.<locals>.", ""))
        assert said[0].rpartition(".")[2] == said[1].rpartition(".")[2]

    def test_position(self, options: dict[str, bool]) -> None:
        theirs, ours = twins(**options)
        if options.get("kw_only"):
            for made in (theirs, ours):
                with pytest.raises(TypeError, match="positional"):
                    made("a")
        else:
            assert ours("a", 5).size == theirs("a", 5).size == 5

    def test_text(self, options: dict[str, bool]) -> None:
        theirs, ours = (repr(made(**KEYWORDS)) for made in twins(**options))
        assert ours == theirs

    def test_comparing(self, options: dict[str, bool]) -> None:
        for made in twins(**options):
            one, same, other = made(**KEYWORDS), made(**KEYWORDS, parts=[1]), made(name="b")
            equal = options.get("eq", True)
            assert (one == same) is equal
            assert one != other
            assert one != "a"
            if options.get("order"):
                assert one < other
                assert sorted([other, one]) == [one, other]
                with pytest.raises(TypeError):
                    one < "a"  # noqa: B015

    def test_hashing(self, options: dict[str, bool]) -> None:
        for made in twins(**options):
            if not options.get("frozen") and options.get("eq", True):
                with pytest.raises(TypeError, match="unhashable"):
                    hash(made(**KEYWORDS))
            elif options.get("frozen"):
                assert hash(made(**KEYWORDS)) == hash(made(**KEYWORDS | {"secret": "other"}))
            else:
                assert len({made(**KEYWORDS), made(**KEYWORDS)}) == 2

    def test_changing(self, options: dict[str, bool]) -> None:
        for made in twins(**options):
            thing = made(**KEYWORDS)
            if options.get("frozen"):
                with pytest.raises(dataclasses.FrozenInstanceError):
                    thing.size = 5
                with pytest.raises(dataclasses.FrozenInstanceError):
                    del thing.size
            else:
                thing.size = 5
                assert thing.size == 5
            with pytest.raises((AttributeError, TypeError)):
                thing.colour = 1

    def test_fields_and_replacing(self, options: dict[str, bool]) -> None:
        theirs, ours = twins(**options)
        described = [
            [(f.name, f.type, f.default, f.compare, f.repr, f.kw_only) for f in dataclasses.fields(made)]  # type: ignore[arg-type]
            for made in (theirs, ours)
        ]
        assert described[0] == described[1]
        assert [f.name for f in values.fields(ours)] == ["name", "size", "parts", "secret"]  # type: ignore[arg-type]
        assert ours.__match_args__ == theirs.__match_args__  # type: ignore[attr-defined]
        thing = ours(**KEYWORDS)
        for replace in (values.replace, dataclasses.replace):
            assert replace(thing, size=9).size == 9
            assert replace(thing, size=9).name == "a"
        with pytest.raises(TypeError):
            values.replace(thing, colour=1)
        assert dataclasses.asdict(thing) == {"name": "a", "size": 4, "parts": [], "secret": "x"}


@values.dataclass(frozen=True, slots=True)
class Point(Generic[T]):
    x: T
    y: T


@values.dataclass(frozen=True, slots=True)
class Named(Point[int]):
    name: str = "origin"


@values.dataclass(frozen=True, slots=True)
class Empty:
    pass


def test_copies_and_pickles() -> None:
    point = Named(1, 2)
    assert pickle.loads(pickle.dumps(point)) == copy.deepcopy(point) == copy.copy(point) == point
    assert point != Point(1, 2)
    assert repr(point) == "Named(x=1, y=2, name='origin')"


def test_a_copy_is_there_before_any_constructor_was_called() -> None:
    """A process that only unpickles values never constructs one."""
    program = (
        "import pickle, sys; point = pickle.loads(bytes.fromhex(sys.argv[1])); assert point == point and hash(point)"
    )
    subprocess.run([sys.executable, "-c", program, pickle.dumps(Point(1, 2)).hex()], check=True)


def test_constructors_can_be_made_beforehand() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Thing:
        name: str

    first = Thing.__init__
    values.make_ready("labkit.vrrp")
    assert Thing.__init__ is first
    values.make_ready("labkit.vrrp", __name__)
    ready = Thing.__init__
    assert ready is not first
    assert (Thing("a").name, Thing.__init__) == ("a", ready)


def test_nothing_in_it() -> None:
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert repr(Empty()) == "Empty()"


def test_a_pattern() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_values_have_slots() -> None:
    with pytest.raises(TypeError, match="values have slots"):

        @values.dataclass(frozen=True, slots=False)
        class Thing:
            name: str


def test_a_class_may_say_it_itself() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Thing:
        name: str

        def __repr__(self) -> str:
            return self.name

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    assert (repr(Thing("a")), Thing("a") == Thing("b"), hash(Thing("a"))) == ("a", True, 7)
