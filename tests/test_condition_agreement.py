"""Interpreter, generated code and Google's implementation agree on random typed conditions."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from importlib import import_module, util
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor_mw.errors import ConditionError, EvaluationError
from conductor_mw.rules import BOOL, DOUBLE, DYN, INT, STRING, Scope, list_of, map_of
from conductor_mw.rules import compile as condition
from conductor_mw.rules.generator import RAISED
from conductor_mw.rules.limits import Steps

SCOPE = Scope(
    {
        "n": INT,
        "k": INT,
        "x": DOUBLE,
        "s": STRING,
        "b": BOOL,
        "ns": list_of(INT),
        "ss": list_of(STRING),
        "m": map_of(STRING, DYN),
        "d": DYN,
    }
)
MANY = settings(
    max_examples=20_000 if os.environ.get("CONDUCTOR_LONG") == "1" else 300,
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
)


class Lazy(dict[str, object]):
    """Signals that are computed when they are asked for; some of them fail."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__()
        self.values_by_name = values

    def __missing__(self, name: str) -> object:
        value = self.values_by_name[name]
        if isinstance(value, EvaluationError):
            raise value
        self[name] = value
        return value


INTS = st.sampled_from([0, 1, -1, 2, 3, 7, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]) | st.integers(
    -9, 9
)
DOUBLES = st.sampled_from([0.0, -0.0, 0.5, 1.0, -2.5, 1e18, 9.3e18, math.inf, -math.inf, math.nan])
TEXTS = st.sampled_from(["", "a", "b", "ab", "é", "🐱", "1", "1.5", "true", "x" * 300])
PLAIN = st.one_of(INTS, DOUBLES, TEXTS, st.booleans(), st.none())
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=4,
)
WORLDS = st.fixed_dictionaries(
    {
        "n": INTS,
        "k": INTS,
        "x": DOUBLES,
        "s": TEXTS,
        "b": st.booleans(),
        "ns": st.lists(INTS, max_size=4),
        "ss": st.lists(TEXTS, max_size=4),
        "m": st.dictionaries(st.sampled_from("abc"), ANYTHING, max_size=3),
        "d": ANYTHING,
    }
)


def literal(value: object) -> str:
    if isinstance(value, str):
        return "'" + value + "'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return {"inf": "1.0/0.0", "-inf": "-1.0/0.0", "nan": "0.0/0.0"}.get(str(value), repr(value))
    return "null" if value is None else str(value)


def is_written(value: object) -> bool:
    """Return whether a constant can be written down: infinities and NaN cannot."""
    return not isinstance(value, float) or math.isfinite(value)


def draw_text(  # noqa: C901, PLR0911, PLR0912, PLR0915 - one return for each shape
    draw: Any, kind: str, depth: int, variables: tuple[tuple[str, str], ...]
) -> str:
    """Return the text of a random condition part of one type."""

    def part(wanted: str) -> str:
        return draw_text(draw, wanted, depth - 1, variables)

    def one(*choices: str) -> str:
        return str(draw(st.sampled_from(choices)))

    names = {
        "int": ["n", "k"],
        "double": ["x"],
        "string": ["s"],
        "bool": ["b"],
        "dyn": ["d", "m.a", "m['b']"],
        "ints": ["ns"],
        "strings": ["ss"],
    }[kind]
    names = [*names, *(name for name, of in variables if of == kind)]
    if depth <= 0 or draw(st.integers(0, 5)) == 0:
        constants = {
            "int": INTS,
            "double": DOUBLES.filter(math.isfinite),
            "string": TEXTS,
            "bool": st.booleans(),
            "dyn": PLAIN.filter(is_written),
        }
        if kind in constants and draw(st.booleans()):
            text = literal(draw(constants[kind]))
            return f"dyn({text})" if kind == "dyn" else text
        return one(*names)
    macro = f"v{len(variables)}"

    def body(element: str, wanted: str) -> str:
        return draw_text(draw, wanted, depth - 2, (*variables, (macro, element)))

    if kind == "bool":
        shape = draw(st.integers(0, 15))
        if shape == 0:
            of = one("int", "double", "string", "bool")
            other = one("int", "double") if of in ("int", "double") else of
            return f"({part(of)} {one('<', '<=', '>', '>=')} {part(other)})"
        if shape == 1:
            of = one("int", "double", "string", "bool", "ints", "strings", "dyn")
            return f"({part(of)} {one('==', '!=')} {part(of)})"
        if shape == 2:
            return (
                f"({part(one('int', 'double', 'string', 'bool'))} {one('==', '!=')} {part('dyn')})"
            )
        if shape == 3:
            of = one("int", "double", "string")
            return f"({part(of)} {one('<', '<=', '>', '>=')} {part('dyn')})"
        if shape == 4:
            return f"!({part('bool')})"
        if shape == 5:
            return f"({part('int')} in {part('ints')})"
        if shape == 6:
            return f"({part('string')} in {part('strings')})"
        if shape == 7:
            return f"({part('string')} in m)"
        if shape == 8:
            return f"{part('string')}.{one('contains', 'startsWith', 'endsWith')}({part('string')})"
        if shape == 9:
            return f"has({one('m.a', 'm.b', 'm.a.c')})"
        if shape == 10:
            return f"ns.{one('all', 'exists', 'exists_one')}({macro}, {body('int', 'bool')})"
        if shape == 11:
            return f"ss.{one('all', 'exists', 'exists_one')}({macro}, {body('string', 'bool')})"
        if shape == 12:
            return f"{part('dyn')}.exists({macro}, {body('dyn', 'bool')})"
        if shape == 13:
            return f"({part('bool')} ? {part('bool')} : {part('bool')})"
        return (
            "("
            + f" {one('&&', '||')} ".join(
                part(one("bool", "bool", "bool", "dyn")) for _ in range(draw(st.integers(2, 3)))
            )
            + ")"
        )
    if kind == "int":
        shape = draw(st.integers(0, 8))
        if shape <= 3:
            return f"({part('int')} {one('+', '-', '*', '/', '%')} {part('int')})"
        if shape == 4:
            return f"-({part('int')})"
        if shape == 5:
            return f"size({part(one('string', 'ints', 'strings', 'dyn'))})"
        if shape == 6:
            return f"ns[{part('int')}]"
        if shape == 7:
            return f"int({part(one('double', 'int'))})"
        return f"({part('bool')} ? {part('int')} : {part('int')})"
    if kind == "double":
        shape = draw(st.integers(0, 3))
        if shape == 0:
            return f"({part('double')} {one('+', '-', '*', '/')} {part('double')})"
        if shape == 1:
            return f"-({part('double')})"
        return f"double({part(one('int', 'double'))})"
    if kind == "string":
        shape = draw(st.integers(0, 3))
        if shape == 0:
            return f"({part('string')} + {part('string')})"
        if shape == 1:
            return f"string({part(one('int', 'bool', 'string'))})"
        if shape == 2:
            return f"ss[{part('int')}]"
        return f"({part('bool')} ? {part('string')} : {part('string')})"
    if kind == "ints":
        shape = draw(st.integers(0, 3))
        if shape == 0:
            return f"(ns + [{part('int')}])"
        if shape == 1:
            return f"ns.map({macro}, {body('int', 'int')})"
        if shape == 2:
            return f"ns.filter({macro}, {body('int', 'bool')})"
        return f"[{part('int')}, {part('int')}]"
    if kind == "strings":
        return f"ss.filter({macro}, {body('string', 'bool')})"
    return f"dyn({part(one('int', 'double', 'string', 'bool', 'ints'))})"


@st.composite
def conditions(draw: Any) -> str:
    kind = draw(st.sampled_from(["bool", "bool", "bool", "int", "double", "string", "ints", "dyn"]))
    return draw_text(draw, kind, draw(st.integers(1, 4)), ())


def outcome(way: Any, facts: Mapping[str, object]) -> str:
    try:
        return shown(way(Lazy(facts)))
    except EvaluationError:
        return "error"


def shown(value: object) -> str:
    """Return a value with its type, NaN being itself."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(shown, cast("list[object]", value))) + "]"
    if isinstance(value, dict):
        entries = cast("dict[object, object]", value).items()
        return "{" + ", ".join(sorted(f"{shown(k)}: {shown(v)}" for k, v in entries)) + "}"
    return f"{type(value).__name__} {value!r}"


@MANY
@given(conditions(), WORLDS)
def test_interpreter_and_generated_code_agree(text: str, world: dict[str, object]) -> None:
    expression = condition(text, DYN, SCOPE)

    precise = outcome(expression.interpret, world)

    assert outcome(expression.evaluate, world) == precise
    try:
        alone = shown(expression.prepare()(Lazy(world), Steps()))
    except RAISED:
        return
    assert alone == precise


@MANY
@given(conditions(), WORLDS, st.sets(st.sampled_from(sorted(SCOPE.facts)), max_size=2))
def test_they_agree_also_where_signals_fail(
    text: str, world: dict[str, object], failing: set[str]
) -> None:
    facts = {**world, **{name: EvaluationError(f"no {name}") for name in failing}}
    expression = condition(text, DYN, SCOPE)

    assert outcome(expression.evaluate, facts) == outcome(expression.interpret, facts)


@pytest.fixture(scope="module")
def google() -> Any:
    if util.find_spec("cel_expr_python") is None:
        pytest.skip("cel-expr-python, the oracle used in development, is not installed")
    cel = import_module("cel_expr_python.cel")
    kinds = {"n": "INT", "k": "INT", "x": "DOUBLE", "s": "STRING", "b": "BOOL", "d": "DYN"}
    variables = {name: getattr(cel.Type, kind) for name, kind in kinds.items()}
    variables["ns"] = cel.Type.List(cel.Type.INT)
    variables["ss"] = cel.Type.List(cel.Type.STRING)
    variables["m"] = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    env = cel.NewEnv(variables=variables)

    def evaluate(text: str, world: Mapping[str, object]) -> str | None:
        try:
            checked = env.compile(text)
        except Exception:  # noqa: BLE001 - its own class is private; refusing is no answer
            return None
        try:
            value = checked.eval(data=dict(world))
        except Exception:  # noqa: BLE001
            return "error"
        return "error" if value.type() == cel.Type.ERROR else shown(value.plain_value())

    return evaluate


@MANY
@given(text=conditions(), world=WORLDS)
def test_google_s_implementation_says_the_same(
    google: Any, text: str, world: dict[str, object]
) -> None:
    expected = google(text, world)
    if expected is None:
        return

    assert outcome(condition(text, DYN, SCOPE).interpret, world) == expected


def test_the_generator_of_conditions_makes_conditions() -> None:
    made = 0

    @settings(max_examples=200, database=None)
    @given(conditions())
    def count(text: str) -> None:
        nonlocal made
        try:
            condition(text, DYN, SCOPE)
        except ConditionError:
            return
        made += 1

    count()
    assert made > 150
