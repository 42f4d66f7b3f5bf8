"""The JSON Schema of the policy file, for editors: the skeleton and whatever plugins add to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import PydanticOmit

from conductor_mw.agents.base import AgentOptions
from conductor_mw.plugins import Plugins
from conductor_mw.policy.agents import BOUND
from conductor_mw.policy.document import ID_PATTERN, AgentEntry, PolicyFile, RuleEntry
from conductor_mw.policy.layers import options_model
from conductor_mw.policy.validation import parse
from conductor_mw.scorers.base import FORMS, ScorerOptions

if TYPE_CHECKING:
    # The base class's own word for it, which pydantic keeps to itself.
    from pydantic._internal._core_utils import CoreSchemaOrField

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_VALIDATION: Final[JsonSchemaMode] = "validation"
_TEXT: Final = {"type": "string"}
_OPEN: Final = {"type": "object", "additionalProperties": True}
_TARGET: Final = {
    "description": "an agent's id, a flow's name, or a flow written in place",
    "anyOf": [{"type": "string"}, {"$ref": "#/$defs/Flow"}],
}
_SCORE: Final = {
    "description": "a scorer, or a list of several of which the lowest score counts",
    "anyOf": [
        {"$ref": "#/$defs/Scorer"},
        {"type": "array", "items": {"$ref": "#/$defs/Scorer"}, "minItems": 1, "maxItems": 16},
    ],
}


def json_schema(plugins: Plugins) -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of the policy file with these plugins.

    Args:
        plugins: their agents, flows and layers become part of the schema.
    """
    kinds = {kind: offer.options for kind, offer in plugins.agents.items() if kind != BOUND}
    flows = dict(plugins.flows.items())
    scorers = dict(plugins.scorers.items())
    layers = {name: options_model(offer.options) for name, offer in plugins.layers.items()}
    own = {name: offer.own for name, offer in plugins.layers.items() if offer.own is not None}
    models: list[type[BaseModel]] = [
        PolicyFile,
        AgentEntry,
        RuleEntry,
        *own.values(),
        *kinds.values(),
        *flows.values(),
        *scorers.values(),
        *layers.values(),
    ]
    # Two plugins may call their classes alike; pydantic then gives both longer names.
    references, whole = models_json_schema(
        [(model, _VALIDATION) for model in dict.fromkeys(models)],
        ref_template="#/$defs/{model}",
        schema_generator=_Generator,
    )
    definitions: dict[str, Any] = whole["$defs"]

    def reference(model: type[BaseModel]) -> dict[str, Any]:
        return dict(references[model, _VALIDATION])

    def definition(model: type[BaseModel]) -> dict[str, Any]:
        found: dict[str, Any] = definitions[reference(model)["$ref"].rpartition("/")[2]]
        return found

    for name, model in flows.items():
        definition(model)["title"] = name
    definitions["Flow"] = {
        "description": "a strategy; its marking key says which",
        "anyOf": [reference(model) for model in flows.values()] or [{"type": "object"}],
    }
    for name, options in scorers.items():
        definition(options)["title"] = name
    definitions["Scorer"] = _scorer(
        {name: reference(one) for name, one in scorers.items()}, scorers
    )
    agent = definition(AgentEntry)
    agent["properties"] |= {kind: _kind(reference(one), one) for kind, one in kinds.items()}
    for entry in (agent, definition(RuleEntry)):
        entry["properties"] |= {name: _own(reference(one), one) for name, one in own.items()}
        entry["additionalProperties"] = False
    agent["allOf"] = [
        {"not": {"required": [one, two]}} for one in kinds for two in kinds if one < two
    ]
    root = definition(PolicyFile)
    root["properties"]["flows"]["patternProperties"] = {ID_PATTERN: {"$ref": "#/$defs/Flow"}}
    root["properties"]["flows"]["additionalProperties"] = False
    root["properties"]["plugins"] = {
        "type": "object",
        "description": "layers around every request, with options",
        "properties": {
            name: {"anyOf": [reference(model), {"type": "null"}]} for name, model in layers.items()
        },
        "additionalProperties": False,
        "default": {},
    }
    _name_targets(definitions)
    return {
        "$schema": DIALECT,
        "$id": "https://conductor-mw.readthedocs.io/conductor.schema.json",
        **root,
        "title": "conductor-mw policy",
        "$defs": {key: value for key, value in sorted(definitions.items()) if value is not root},
    }


def _kind(reference: dict[str, Any], options: type[AgentOptions]) -> dict[str, Any]:
    """Give the schema of a kind's key: its mapping, or the short form if it has one."""
    short = options.from_value("x") != "x"
    forms = [{"type": "string"}, reference] if short else [reference]
    doc = (options.__doc__ or "").strip().partition("\n")[0]
    return {"description": doc, "anyOf": forms}


def _own(reference: dict[str, Any], options: type[BaseModel]) -> dict[str, Any]:
    """Give the schema of what stands under a layer's name: its mapping, or a short form."""
    from_value: Any = getattr(options, "from_value", None)
    forms = [reference]
    if from_value is not None and from_value(False) is not False:
        forms.append({"type": "boolean"})
    if from_value is not None and any(from_value(word) != word for word in ("x", "off")):
        forms.append(dict(_TEXT))
    doc = (options.__doc__ or "").strip().partition("\n")[0]
    return {"description": doc, "anyOf": forms}


def _scorer(
    references: dict[str, dict[str, Any]], scorers: Mapping[str, type[ScorerOptions]]
) -> dict[str, Any]:
    """Give the schema of one scorer: its name where that is enough, or its mapping."""
    short = [name for name, one in scorers.items() if _has_short_form(name, one)]
    return {
        "description": "a scorer; its marking key says which",
        "anyOf": [{"enum": short}, *references.values()],
    }


def _has_short_form(name: str, options: type[ScorerOptions]) -> bool:
    try:
        parse(options, options.from_name(name))
    except ValidationError:
        return False
    return True


def _name_targets(definitions: dict[str, Any]) -> None:
    """Say what a target is wherever one may stand; pydantic knows only text or mapping."""
    definitions["Target"] = dict(_TARGET)
    definitions["Score"] = dict(_SCORE)
    own = ("Target", "Score")
    waiting: list[Any] = [value for key, value in definitions.items() if key not in own]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting.extend(cast("list[Any]", here))
        elif isinstance(here, dict):
            schema = cast("dict[str, Any]", here)
            forms: list[Any] = schema.get("anyOf", [])
            if _TEXT in forms and _OPEN in forms:
                rest = [form for form in forms if form not in (_TEXT, _OPEN)]
                schema["anyOf"] = [{"$ref": "#/$defs/Target"}, *rest]
            elif all(form in forms for form in FORMS):
                rest = [form for form in forms if form not in FORMS]
                schema["anyOf"] = [{"$ref": "#/$defs/Score"}, *rest]
            waiting.extend(schema.values())


class _Generator(GenerateJsonSchema):
    """Leaves out what YAML cannot say, such as a field that holds a function."""

    def handle_invalid_for_json_schema(self, schema: CoreSchemaOrField, error_info: str) -> Any:
        """Leave the field out."""
        del schema, error_info
        raise PydanticOmit
