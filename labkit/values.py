"""Values: `dataclass` and its kin of the standard library, made when they are used and not when they are imported.

What `dataclasses` makes of a class with `frozen` and `slots` is six functions compiled from text, 0.3 ms and 10 kB a
class; the daemon has 200 of them, and a run uses few (docs/adr/0023).  Here a class gets its slots at once, in a fifth
of that time, its constructor at the first call, and the rest is shared by all classes.  To mypy these are the functions
of `dataclasses`, and `dataclasses` takes the classes made here for its own.  What labkit does not use of them (classes
without slots, `init=False`, `InitVar`, `ClassVar`) is not here.
"""
# ruff: noqa: ANN401 - these functions are about values of any class

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

_MISSING: Any = object()


class Field:
    """What is known of one field."""

    __slots__ = ("compare", "default", "default_factory", "hash", "kw_only", "name", "repr", "type")

    name: str
    type: Any
    kw_only: bool

    def __init__(
        self, default: Any = _MISSING, default_factory: Any = _MISSING, *, compare: bool, hash: bool, repr: bool
    ) -> None:
        self.default, self.default_factory = default, default_factory
        self.compare, self.hash, self.repr = compare, hash, repr


def _field(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    compare: bool = True,
    hash: bool | None = None,
    repr: bool = True,
) -> Field:
    return Field(default, default_factory, compare=compare, hash=compare if hash is None else hash, repr=repr)


def _dataclass(*, slots: bool, **options: bool) -> Callable[[type], type]:
    if not slots:
        raise TypeError("values have slots")
    return lambda cls: _make(cls, **options)


def _make(cls: type, *, frozen: bool = False, kw_only: bool = False, eq: bool = True, order: bool = False) -> type:
    namespace = dict(cls.__dict__)
    own = _own_fields(namespace, kw_only=kw_only)
    fields: dict[str, Field] = {}
    for base in cls.__mro__[:0:-1]:
        fields |= {field.name: field for field in base.__dict__.get("__own_fields__", ())}
    inherited = frozenset(fields)
    fields |= {field.name: field for field in own}
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace |= {
        "__slots__": tuple(field.name for field in own if field.name not in inherited),
        "__own_fields__": own,
        "__fields__": tuple(fields.values()),
        "__match_args__": tuple(field.name for field in fields.values() if not field.kw_only),
        "__dataclass_fields__": _STANDARD_FIELDS,
        "__getstate__": _state,
        "__setstate__": _set_state,
    }
    namespace.setdefault("__repr__", _repr)
    if frozen:
        namespace |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if eq:
        _add_comparisons(namespace, fields.values(), frozen=frozen, order=order)
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    made.__init__ = _first_call(made)  # type: ignore[misc]
    _unused[made] = None
    return made


_unused: dict[Any, None] = {}
"""The classes whose constructors are not compiled yet."""


def make_ready(*packages: str) -> None:
    """Compile the constructors of all classes of some packages now, for a process that has no time for that later."""
    for cls in [cls for cls in _unused if cls.__module__.startswith(packages)]:
        _compile(cls)


def _compile(cls: Any) -> None:
    del _unused[cls]
    cls.__init__ = _constructor(cls)


def _own_fields(namespace: dict[str, Any], *, kw_only: bool) -> tuple[Field, ...]:
    """Take the fields of a class out of its namespace, where their defaults would be in the way of the slots."""
    own = []
    for name, annotation in namespace.get("__annotations__", {}).items():
        given = namespace.pop(name, _MISSING)
        field = given if isinstance(given, Field) else _field(default=given)
        field.name, field.type, field.kw_only = name, annotation, kw_only
        own.append(field)
    return tuple(own)


def _add_comparisons(namespace: dict[str, Any], fields: Iterable[Field], *, frozen: bool, order: bool) -> None:
    compared = _getter([field.name for field in fields if field.compare])

    def compare(name: str) -> Callable[[Any, Any], Any]:
        operation = getattr(tuple, name)

        def method(self: Any, other: Any) -> Any:
            if other.__class__ is not self.__class__:
                return NotImplemented
            return operation(compared(self), compared(other))

        return method

    for name in ("__eq__", "__lt__", "__le__", "__gt__", "__ge__") if order else ("__eq__",):
        namespace.setdefault(name, compare(name))
    if not frozen:
        namespace.setdefault("__hash__", None)
    elif namespace.get("__hash__") is None:
        hashed = _getter([field.name for field in fields if field.hash])
        namespace["__hash__"] = lambda self: hash(hashed(self))


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what makes a tuple of some attributes."""
    match names:
        case []:
            return lambda self: ()
        case [name]:
            return lambda self: (getattr(self, name),)
        case _:
            return attrgetter(*names)


def _first_call(cls: Any) -> Callable[..., None]:
    """Return a constructor that compiles the real one, puts it in its own place, and calls it."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        if cls in _unused:
            _compile(cls)
        cls.__init__(self, *values, **named)

    return __init__


def _constructor(cls: Any) -> Callable[..., None]:
    known: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": _MISSING}
    parameters, lines = ["self"], []
    for field in sorted(cls.__fields__, key=lambda field: field.kw_only):
        if field.kw_only and "*" not in parameters:
            parameters.append("*")
        name, value, default = field.name, field.name, ""
        if field.default_factory is not _MISSING:
            known[f"_make_{name}"] = field.default_factory
            value, default = f"_make_{name}() if {name} is _MISSING else {name}", " = _MISSING"
        elif field.default is not _MISSING:
            known[f"_{name}"] = field.default
            default = f" = _{name}"
        parameters.append(f"{name}{default}")
        lines.append(f"_set(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    text = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"])
    exec(text, known)
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _repr(self: Any) -> str:
    values = (f"{field.name}={getattr(self, field.name)!r}" for field in self.__fields__ if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(values)})"


def _refuse(self: object, name: str, value: object = None) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to or delete {name!r} of {self.__class__.__qualname__}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in self.__fields__]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(self.__fields__, state, strict=True):
        object.__setattr__(self, field.name, value)


class _StandardFields:
    """What makes a class one of `dataclasses` to `dataclasses`: its fields, made when somebody asks."""

    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        import dataclasses

        def standard(field: Field) -> Any:
            given = {"default": field.default, "default_factory": field.default_factory}
            options = {name: value for name, value in given.items() if value is not _MISSING}
            return dataclasses.field(
                **options, compare=field.compare, hash=field.hash, repr=field.repr, kw_only=field.kw_only
            )

        specification = [(field.name, field.type, standard(field)) for field in owner.__fields__]
        twin: Any = dataclasses.make_dataclass(owner.__name__, specification)
        owner.__dataclass_fields__ = twin.__dataclass_fields__
        return dict(twin.__dataclass_fields__)


_STANDARD_FIELDS = _StandardFields()


def _replace(value: Any, /, **changes: Any) -> Any:
    for field in value.__fields__:
        if field.name not in changes:
            changes[field.name] = getattr(value, field.name)
    return value.__class__(**changes)


def _names(value: Any) -> tuple[Field, ...]:
    fields: tuple[Field, ...] = value.__fields__
    return fields


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import fields as fields
    from dataclasses import replace as replace
else:
    dataclass, field, fields, replace = _dataclass, _field, _names, _replace
