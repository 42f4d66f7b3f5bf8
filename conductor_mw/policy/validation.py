"""Turn pydantic's complaints into findings with a place, plain words and a suggestion."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, Final, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from conductor_mw.errors import nearest
from conductor_mw.policy.document import ID_PATTERN
from conductor_mw.policy.findings import Findings, Mend, Nearest, other_key
from conductor_mw.policy.tree import Loc, Positions

Model = TypeVar("Model", bound=BaseModel)
Found = Mapping[str, Any]

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
}
SECRET: Final = "api_key"  # noqa: S105 - the name of a key
NO_KEY: Final = (
    "a key must not stand in a policy",
    "write ${env:NAME} and put the key into that environment variable",
)
_READ: Final = 2_000
"""Complaints of one validation that are read; a hostile file causes one for every word."""


def validate(
    model: type[Model], tree: object, positions: Positions, findings: Findings, at: Loc = ()
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
    if findings.enough:
        return None
    try:
        return parse(model, tree)
    except ValidationError as error:
        tell(error, model, tree, positions, findings, at)
        return None


def parse(model: type[Model], tree: object) -> Model:
    """Give a model of plain data, read as strictly as JSON."""
    # Strict JSON still turns a list into a tuple or a set, which strict Python would refuse.
    return model.model_validate_json(json.dumps(tree), strict=True)


def tell(
    error: ValidationError,
    model: type[BaseModel],
    tree: object,
    positions: Positions,
    findings: Findings,
    at: Loc = (),
) -> None:
    """Add pydantic's complaints to the findings; arguments as for `validate`."""
    _Teller(model, tree, positions, findings, tuple(at)).tell(error)


def places_of(error: ValidationError, tree: object) -> list[tuple[str | int, ...]]:
    """Give where in `tree` each complaint stands, without the names of alternatives."""
    found = islice(error.errors(include_url=False, include_context=False), _READ)
    return [_within(tree, one["loc"], missing=False) for one in found]


def path(at: Loc, end: str = ": ") -> str:
    """Write a place inside the document as `routing.rules.0`, with `end` behind it if it is any."""
    return ".".join(str(piece)[:80] for piece in at) + end if at else ""


def shown(value: object) -> str:
    """Write a value for a message: short, and on one line."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "...")
    if isinstance(value, bool) or value is None:
        return "nothing" if value is None else json.dumps(value)
    if isinstance(value, int | float):
        return str(value)
    return "a list" if isinstance(value, list) else "a mapping"


class _Teller:
    """Words the complaints about one piece."""

    def __init__(
        self,
        model: type[BaseModel],
        tree: object,
        positions: Positions,
        findings: Findings,
        at: tuple[str | int, ...],
    ) -> None:
        self.model = model
        self.tree = tree
        self.positions = positions
        self.findings = findings
        self.at = at

    def tell(self, error: ValidationError) -> None:
        """Add every complaint once, in words."""
        errors = cast("list[Found]", error.errors(include_url=False))[:_READ]
        meant = self._meant(errors)
        wrong: dict[tuple[str | int, ...], tuple[list[str], object]] = {}
        explained: set[tuple[str | int, ...]] = set()
        for one in errors:
            here = self._here(one)
            if one["type"] == "extra_forbidden":
                self._unknown(one, here)
                explained.update(here[:end] for end in range(len(here)))
            elif one["type"] == "missing":
                if here not in meant:
                    problem = f"{path(here[:-1])}the key '{here[-1]}' is missing"
                    self.findings.add(self.positions.place(here[:-1]), "missing-key", problem)
            elif one["type"] in _WANTED:
                wanted, _ = wrong.setdefault(here, ([], one["input"]))
                if _WANTED[one["type"]] not in wanted:
                    wanted.append(_WANTED[one["type"]])
            else:
                explained.update(here[:end] for end in range(len(here) + 1))
                self._other(one, here)
        for here, (wanted, value) in wrong.items():
            if here not in explained:  # else another alternative of this piece said more
                problem = f"{path(here)}must be {' or '.join(wanted)}"
                if here[-1:] != (SECRET,):
                    problem += f", not {shown(value)}"
                self.findings.add(self.positions.place(here), "wrong-type", problem)

    def _here(self, one: Found) -> tuple[str | int, ...]:
        missing = one["type"] == "missing"
        return (*self.at, *_within(self.tree, one["loc"], missing=missing))

    def _meant(self, errors: list[Found]) -> set[tuple[str | int, ...]]:
        """Give the missing keys that a misspelt key beside them probably stands for."""
        missing: dict[tuple[str | int, ...], list[str]] = {}
        for one in errors:
            if one["type"] == "missing":
                here = self._here(one)
                missing.setdefault(here[:-1], []).append(str(here[-1]))
        meant: set[tuple[str | int, ...]] = set()
        for one in errors:
            here = self._here(one)
            if one["type"] == "extra_forbidden" and here[:-1] in missing:
                said = nearest(str(here[-1]), missing[here[:-1]])
                meant.update(
                    (*here[:-1], key) for key in missing[here[:-1]] if f"n {key!r}?" in said
                )
        return meant

    def _unknown(self, one: Found, here: Loc) -> None:
        key = str(here[-1])
        known = keys_of(self.model, one["loc"][:-1])
        self.findings.add(
            self.positions.place(here, key=True),
            "unknown-key",
            f"{path(here[:-1])}no key {shown(key)}",
            other_key(key, known),
        )

    def _other(self, one: Found, here: Loc) -> None:
        value, context = one["input"], one.get("ctx", {})
        key = bool(here) and here[-1] == value
        mend: Mend = ""
        if one["type"] in ("literal_error", "enum"):
            expected = str(context["expected"]).replace(" or ", ", ").split(", ")
            problem = f"{shown(value)} is not allowed here"
            mend = Nearest(str(value), [word.strip("'") for word in expected])
        elif one["type"] == "string_pattern_mismatch" and context["pattern"] == ID_PATTERN:
            problem = f"{shown(value)} is not a name"
            mend = "use small letters, digits, '-' and '_', and begin with a letter"
        elif one["type"] in ("value_error", "assertion_error"):
            problem = str(context["error"])
        elif one["type"] == "too_long":
            problem = f"more than {context['max_length']} entries"
        elif one["type"] == "too_short":
            least = context["min_length"]
            problem = f"at least {least} item{'s' if least > 1 else ''} must stand here"
        else:
            said = str(one["msg"])
            said = said[:1].lower() + said[1:]
            problem = said.removeprefix("input ").replace("should ", "must ")
            problem = f"{problem}, not {shown(value)}"
        if here and here[-1] == SECRET:  # the message must not repeat it
            problem, mend = NO_KEY
        place = self.positions.place(here, key=key)
        self.findings.add(place, "wrong-value", f"{path(here)}{problem}", mend)


def _within(tree: object, loc: tuple[str | int, ...], *, missing: bool) -> tuple[str | int, ...]:
    """Keep the pieces of `loc` that lead through the document; the rest names alternatives."""
    kept: list[str | int] = []
    here = tree
    for position, piece in enumerate(loc):
        if (isinstance(here, dict) and piece in here) or (
            isinstance(here, list)
            and isinstance(piece, int)
            and piece < len(cast("list[Any]", here))
        ):
            kept.append(piece)
            here = cast("Any", here)[piece]
        elif missing and position == len(loc) - 1:
            kept.append(piece)
    return tuple(kept)


def keys_of(annotation: object, loc: tuple[str | int, ...]) -> set[str]:
    """Give the keys that may stand where `loc` leads, starting from a type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return keys_of(get_args(annotation)[0], loc)
    if origin in (Union, types.UnionType):
        bare = [get_args(one)[0] if get_origin(one) is Annotated else one
                for one in get_args(annotation)]  # fmt: skip
        branches = {getattr(branch, "__name__", ""): branch for branch in bare}
        if loc and loc[0] in branches:
            return keys_of(branches[str(loc[0])], loc[1:])
        return set[str]().union(*(keys_of(branch, loc) for branch in branches.values()))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
        if not loc:
            return set(fields)
        field = fields.get(str(loc[0]))
        return keys_of(field.annotation, loc[1:]) if field else set()
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    return keys_of(arguments[-1], loc[1:]) if arguments and loc else set()
