"""Values: `dataclass` and its kin of the standard library, made when they are used and not when they are imported.

What `dataclasses` makes of a class with `frozen` and `slots` is six functions compiled from text, 0.3 ms and 10 kB a
class; the daemon has 200 of them, and a run uses few (docs/adr/0023).  Here a class gets its slots at once, in a tenth
of that time, a compiled constructor when it is called often, and the rest is shared by all classes.  To mypy these are
the functions of `dataclasses`, and `dataclasses` takes the classes made here for its own.  What labkit does not use of
them (classes without slots, `init=False`, `InitVar`, `ClassVar`) is not here.
"""
# ruff: noqa: ANN401 - these functions are about values of any class

from collections.abc import Callable, Mapping
from operator import attrgetter

from labkit.hints import TYPE_CHECKING, Any

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
    names = namespace.get("__annotations__", {})
    given = {name: namespace.pop(name) for name in names if name in namespace}  # they would be in the way of the slots
    inherited = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__own_names__", ())}
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace |= {
        "__slots__": tuple(name for name in names if name not in inherited),
        "__own_names__": names,
        "__own_fields__": lambda: _own_fields(names, given, kw_only=kw_only),
        "__fields__": _FIELDS,
        "__match_args__": _MATCH_ARGS if inherited else () if kw_only else tuple(names),
        "__dataclass_fields__": _STANDARD_FIELDS,
        "__getstate__": _state,
        "__setstate__": _set_state,
    }
    namespace.setdefault("__repr__", _repr)
    if frozen:
        namespace |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if eq:
        _add_comparisons(namespace, frozen=frozen, order=order)
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    made.__init__ = _first_calls(made)  # type: ignore[misc]
    _unused[made] = None
    return made


class _Fields:
    """The fields of a class and of those it is derived from, made when somebody asks."""

    def __get__(self, instance: object, owner: Any) -> tuple[Field, ...]:
        fields: dict[str, Field] = {}
        for base in owner.__mro__[::-1]:
            if "__own_fields__" in base.__dict__:
                fields |= {field.name: field for field in base.__dict__["__own_fields__"]()}
        owner.__fields__ = tuple(fields.values())
        return tuple(fields.values())


_FIELDS = _Fields()


class _MatchArgs:
    """What a pattern may match by place in a class that is derived from another."""

    def __get__(self, instance: object, owner: Any) -> tuple[str, ...]:
        return tuple(field.name for field in owner.__fields__ if not field.kw_only)


_MATCH_ARGS = _MatchArgs()


_unused: dict[Any, None] = {}
"""The classes whose constructors are not compiled yet."""


def make_ready(*packages: str) -> None:
    """Compile the constructors of all classes of some packages now, for a process that has no time for that later."""
    for cls in [cls for cls in _unused if cls.__module__.startswith(packages)]:
        _compile(cls)


def _compile(cls: Any) -> None:
    del _unused[cls]
    cls.__init__ = _constructor(cls)


def _own_fields(names: Mapping[str, Any], given: Mapping[str, Any], *, kw_only: bool) -> tuple[Field, ...]:
    """Return the fields that a class has itself, by its annotations and what stands beside them."""
    own = []
    for name, annotation in names.items():
        value = given.get(name, _MISSING)
        field = value if isinstance(value, Field) else _field(default=value)
        field.name, field.type, field.kw_only = name, annotation, kw_only
        own.append(field)
    return tuple(own)


def _add_comparisons(namespace: dict[str, Any], *, frozen: bool, order: bool) -> None:
    for name in _COMPARISONS if order else ("__eq__",):
        namespace.setdefault(name, _COMPARISONS[name])
    if not frozen:
        namespace.setdefault("__hash__", None)
    elif namespace.get("__hash__") is None:
        namespace["__hash__"] = _hash


def _comparison(name: str) -> Callable[[Any, Any], Any]:
    operation = getattr(tuple, name)

    def compare(self: Any, other: Any) -> Any:
        cls = self.__class__
        if other.__class__ is not cls:
            return NotImplemented
        compared = _compared.get(cls) or _compared.setdefault(cls, _getter(cls, "compare"))
        return operation(compared(self), compared(other))

    return compare


_COMPARISONS = {name: _comparison(name) for name in ("__eq__", "__lt__", "__le__", "__gt__", "__ge__")}
_compared: dict[type, Callable[[Any], tuple[Any, ...]]] = {}
_hashed: dict[type, Callable[[Any], tuple[Any, ...]]] = {}
"""What compares and hashes the values of a class, once that was asked for."""


def _hash(self: Any) -> int:
    cls = self.__class__
    return hash((_hashed.get(cls) or _hashed.setdefault(cls, _getter(cls, "hash")))(self))


def _getter(cls: Any, use: str) -> Callable[[Any], tuple[Any, ...]]:
    """Return what makes a tuple of those fields that have a use."""
    match [field.name for field in cls.__fields__ if getattr(field, use)]:
        case []:
            return lambda self: ()
        case [name]:
            return lambda self: (getattr(self, name),)
        case names:
            return attrgetter(*names)


_RARELY = 8
"""How often a constructor is called before it is worth compiling, which takes as long as hundreds of calls."""


def _first_calls(cls: Any) -> Callable[..., None]:
    """Return a constructor that does without a compiled one at first, and then puts that in its own place."""
    left = _RARELY

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        nonlocal left
        left -= 1
        if cls in _unused and (left < 0 or not _assign(cls, self, values, named)):
            _compile(cls)
        if cls not in _unused:
            cls.__init__(self, *values, **named)

    return __init__


def _assign(cls: Any, self: Any, values: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Do what a constructor does; False: the arguments do not fit, which a compiled one says as Python does."""
    names = [field.name for field in cls.__fields__ if not field.kw_only]
    given = dict(zip(names, values, strict=False)) | named
    if len(given) < len(values) + len(named):
        return False
    for field in cls.__fields__:
        if field.name in given:
            value = given.pop(field.name)
        elif field.default_factory is not _MISSING:
            value = field.default_factory()
        else:
            value = field.default
        if value is _MISSING:
            return False
        object.__setattr__(self, field.name, value)
    if given:
        return False
    if hasattr(cls, "__post_init__"):
        self.__post_init__()
    return True


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
