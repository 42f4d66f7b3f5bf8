"""Turn pydantic's complaints into findings with a place, plain words and a suggestion."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from conductor_mw.errors import Finding, nearest
from conductor_mw.policy.tree import Loc, Positions

Model = TypeVar("Model", bound=BaseModel)

_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "nothing",
}


def validate(
    model: type[Model], tree: object, positions: Positions, findings: list[Finding], at: Loc = ()
) -> Model | None:
    """Give a model of a piece of the document, or None with findings added.

    The text is read as strictly as JSON: `"20"` is no number and `no` is no boolean, so that what
    loads is what the JSON Schema accepts.

    Args:
        model: the class that describes the piece.
        tree: the piece.
        positions: where the document's pieces stand.
        findings: takes in what is wrong.
        at: where the piece stands in the document.
    """
    try:
        # Strict JSON still turns a list into a tuple or a set, which strict Python would refuse.
        return model.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as error:
        findings += list(_findings(error, model, tree, positions, at))
        return None


def path(at: Loc, end: str = ": ") -> str:
    """Write a place inside the document as `routing.rules.0`, with `end` behind it if it is any."""
    return ".".join(map(str, at)) + end if at else ""


def shown(value: object) -> str:
    """Write a value for a message: short, and on one line."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "...")
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return str(value)
    return "a list" if isinstance(value, list) else "a mapping"


def _findings(
    error: ValidationError, model: type[BaseModel], tree: object, positions: Positions, at: Loc
) -> Iterator[Finding]:
    wrong: dict[tuple[str | int, ...], tuple[list[str], object]] = {}
    told: set[tuple[str | int, ...]] = set()
    for found in error.errors(include_url=False, include_context=True):
        loc = _within(tree, found["loc"], missing=found["type"] == "missing")
        here = (*at, *loc)
        if found["type"] == "extra_forbidden":
            yield _unknown(model, found["loc"], here, positions)
        elif found["type"] == "missing":
            yield Finding(
                positions.place(here[:-1]),
                "missing-key",
                f"{path(here[:-1])}the key '{here[-1]}' is missing",
            )
        elif found["type"] in _WANTED:
            wanted, _ = wrong.setdefault(here, ([], found["input"]))
            if _WANTED[found["type"]] not in wanted:
                wanted.append(_WANTED[found["type"]])
        else:
            told.add(here)
            yield _other(found, here, positions)
    for here, (wanted, value) in wrong.items():
        deeper = any(len(other) >= len(here) and other[: len(here)] == here for other in told)
        if not deeper:  # another alternative of the same field explained more
            yield Finding(
                positions.place(here),
                "wrong-type",
                f"{path(here)}must be {' or '.join(wanted)}, not {shown(value)}",
            )


def _unknown(
    model: type[BaseModel], loc: tuple[str | int, ...], here: Loc, positions: Positions
) -> Finding:
    known = _keys(model, loc[:-1])
    return Finding(
        positions.place(here, key=True),
        "unknown-key",
        f"{path(here[:-1])}no key {shown(here[-1])}",
        nearest(str(here[-1]), known) if known else "",
    )


def _other(found: Mapping[str, Any], here: Loc, positions: Positions) -> Finding:
    value, context = found["input"], found.get("ctx", {})
    key = False
    if found["type"] in ("literal_error", "enum"):
        known = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        key = here[-1:] != () and here[-1] == value
        problem = f"{shown(value)} is not allowed here"
        mend = nearest(str(value), known)
    elif found["type"] == "string_pattern_mismatch":
        problem = f"{shown(value)} is not a name"
        mend = "use small letters, digits, '-' and '_', and begin with a letter"
        key = here[-1:] != () and here[-1] == value
    elif found["type"] in ("value_error", "assertion_error"):
        problem, mend = str(context["error"]), ""
    else:
        problem, mend = f"{found['msg'][:1].lower()}{found['msg'][1:]}, not {shown(value)}", ""
        problem = problem.removeprefix("input ").replace("should ", "must ")
    return Finding(positions.place(here, key=key), "wrong-value", f"{path(here)}{problem}", mend)


def _within(tree: object, loc: tuple[str | int, ...], *, missing: bool) -> tuple[str | int, ...]:
    """Keep the pieces of `loc` that lead through the document; the rest are names of alternatives."""
    kept: list[str | int] = []
    here = tree
    for position, piece in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(here, Mapping) and piece in here:
            kept.append(piece)
            here = here[piece]
        elif isinstance(here, list) and isinstance(piece, int) and piece < len(here):
            kept.append(piece)
            here = here[piece]
        elif last and missing:
            kept.append(piece)
    return tuple(kept)


def _keys(annotation: object, loc: tuple[str | int, ...]) -> set[str]:
    """Give the keys that may stand where `loc` leads, starting from a type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _keys(get_args(annotation)[0], loc)
    if origin in (Union, types.UnionType):
        names = [getattr(branch, "__name__", "") for branch in get_args(annotation)]
        if loc and loc[0] in names:
            return _keys(get_args(annotation)[names.index(str(loc[0]))], loc[1:])
        return set[str]().union(*(_keys(branch, loc) for branch in get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
        if not loc:
            return set(fields)
        field = fields.get(str(loc[0]))
        return _keys(field.annotation, loc[1:]) if field else set()
    if origin is not None and loc:
        arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
        return _keys(arguments[-1], loc[1:]) if arguments else set()
    return set()
