"""JSON Schemas of scenario files and lab.yml, for editors: drawn from the tables that the readers use.

An editor knows words and shapes; that a node is there, an address fits its network or a bound means something is told
by `labkit run` with line and column.
"""

from typing import Any, TypeAlias

from labkit.lab import actions, bounds
from labkit.lab.probes.kinds import KINDS
from labkit.lab.vocabulary import CONDITIONS, STATES

Schema: TypeAlias = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_NODE: Schema = {"type": "string"}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _mapping(properties: Schema, *required: str) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _one_key(value: Schema) -> Schema:
    return {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": value}


def scenario() -> Schema:
    """Return the schema of a scenario file."""
    properties = {
        "title": _SCALAR,
        "variant": _SCALAR,
        "probe": {"anyOf": [_ref("probe"), _list(_ref("probe"))]},
        "steps": {**_list({"anyOf": [_ref("step"), _ref("each")]}), "minItems": 1},
    }
    return {
        "$schema": _DIALECT,
        "title": "a scenario of labkit",
        **_mapping(properties, "steps"),
        "$defs": {
            "bound": _bound(),
            "condition": {"anyOf": [_condition(what) for what in CONDITIONS]},
            "expectation": {"anyOf": [*(_condition(what, timed=True) for what in CONDITIONS), _distribution()]},
            "action": {"anyOf": [_mapping({verb: _target(verb)}, verb) for verb in actions.VERBS]},
            "step": _step(),
            "each": _mapping({"each": _list(_NODE), "steps": _list(_ref("step"))}, "each", "steps"),
            "probe": _probe(),
        },
    }


def _bound() -> Schema:
    functions = "|".join(bounds.FUNCTIONS)
    term = rf"(({functions})\([^()]+\)|[0-9.]+\s*(ms|s))"
    return {"type": "string", "pattern": rf"^\s*{term}(\s*\+\s*{term})*\s*$"}


def _condition(what: str, *, timed: bool = False) -> Schema:
    words: Schema = {what: _SCALAR, **dict.fromkeys(CONDITIONS[what], _SCALAR)}
    if what == "state":
        words["is"] = {"enum": list(STATES)}
    if timed:
        words |= {"within": _ref("bound"), "not_before": _ref("bound")}
    required = [what, *(word for word in CONDITIONS[what] if word != "address")]
    return _mapping(words, *required, *(["within"] if timed else []))


def _distribution() -> Schema:
    weights = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer", "minimum": 1}}
    words = {
        "distribution": {"anyOf": [{"const": "same"}, weights]},
        "of": {"type": "integer", "minimum": 1},
        "tolerance": {"type": "string", "pattern": "%$"},
        "probe": _SCALAR,
        "within": _ref("bound"),
    }
    return _mapping(words, "distribution", "of", "within")


def _target(verb: str) -> Schema:
    match verb:
        case "exec" | "mute":
            return _one_key(_SCALAR)
        case "partition":
            return _one_key(_list(_list(_NODE)))
        case "impair":
            return _one_key(_mapping(dict.fromkeys(actions.IMPAIRMENTS, _SCALAR)))
        case "reload":
            return {"anyOf": [_NODE, _one_key({"type": "object", "additionalProperties": _SCALAR})]}
        case "advert":
            return {"anyOf": [_NODE, _one_key(_mapping(dict.fromkeys(actions.ADVERT_WORDS, _SCALAR)))]}
        case "vip_add" | "vip_remove":
            return {"anyOf": [_NODE, _one_key(_SCALAR)]}
    return _NODE


def _step() -> Schema:
    conditions = _list(_ref("condition"))
    return _mapping(
        {
            "do": {"anyOf": [_ref("action"), _list(_ref("action"))]},
            "expect": _list(_ref("expectation")),
            "order": conditions,
            "never": conditions,
            "always": conditions,
            "hold": conditions,
            "for": _ref("bound"),
            "budget": {"type": "object", "additionalProperties": {"anyOf": [{"type": "integer"}, _ref("bound")]}},
            "check": _list(_one_key(_SCALAR)),
        }
    )


def _probe() -> Schema:
    words = {
        **dict.fromkeys(KINDS, _SCALAR),
        "from": _NODE,
        "rate": {"type": "integer", "minimum": 1, "maximum": 1000},
        "every": _ref("bound"),
        "path": _SCALAR,
        "query": _SCALAR,
        "name": _SCALAR,
    }
    return _mapping(words, "from")


def lab() -> Schema:
    """Return the schema of a lab.yml."""
    from pydantic import TypeAdapter  # only where it is wanted

    from labkit.lab.loader import LabFile

    found = _loose(TypeAdapter(LabFile).json_schema())
    found["properties"]["variants"] = {"type": "object", "additionalProperties": {"type": "object"}}
    return {"$schema": _DIALECT, **found, "title": "a lab of labkit"}


def _loose(value: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Let words be numbers too: every scalar of a lab.yml is read as text."""
    if isinstance(value, list):
        return [_loose(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = value.get("type") == "string" and not {"enum", "const", "format"} & set(value)
    changed = {key: _loose(item) for key, item in value.items()}
    return {**changed, "type": ["string", "number", "boolean"]} if plain else changed
