"""The names of `typing` that annotations need, without `typing`, which costs each process 2 ms and a megabyte.

To mypy and ruff these are the real ones; to a program they are stand-ins that may be subscripted, joined by `|` and
derived from, and do nothing.  What the daemon loads takes them from here (docs/adr/0030).
"""
# ruff: noqa: D101, D103 - these stand for things of any kind, which `typing` documents

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import IO as IO
    from typing import Any as Any
    from typing import Final as Final
    from typing import Generic as Generic
    from typing import NamedTuple as NamedTuple
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TypeAlias as TypeAlias
    from typing import TypedDict as TypedDict
    from typing import TypeVar as TypeVar
    from typing import assert_never as assert_never
    from typing import cast as cast
    from typing import overload as overload
else:
    from collections import namedtuple

    class Generic:
        __slots__ = ()

        def __class_getitem__(cls, item: object) -> type:
            return cls

    class Protocol(Generic):
        __slots__ = ()

    Any = Final = IO = NoReturn = Self = TypeAlias = Generic
    TypedDict = dict

    def TypeVar(name: str, **_: object) -> type:
        return Generic

    def cast(_: object, value: object) -> object:
        return value

    def overload(function: object) -> object:
        return function

    def assert_never(value: object) -> None:
        raise AssertionError(f"this cannot be: {value!r}")

    class _NamedTuples(type):
        """Makes of a class with annotations what `collections.namedtuple` makes of names, with its methods."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, object]) -> type:
            fields = namespace.get("__annotations__", {})
            defaults = [namespace.pop(field) for field in fields if field in namespace]
            made = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])
            for key, value in namespace.items():
                if key != "__slots__":
                    setattr(made, key, value)
            return made

    NamedTuple = type.__new__(_NamedTuples, "NamedTuple", (), {})
