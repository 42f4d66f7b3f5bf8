"""Every case of the public CEL suite is answered rightly or refused at load, never wrongly."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from conductor_mw.errors import ConditionError, EvaluationError
from conductor_mw.rules import DYN, Expression, Scope, Unsupported, parse_type
from conductor_mw.rules import compile as condition
from conductor_mw.rules.generator import RAISED
from conductor_mw.rules.limits import Steps
from conductor_mw.rules.types import Type

SUITE = Path(__file__).parents[1].parent / "shared" / "data" / "cel-spec" / "cases.jsonl.gz"

pytestmark = pytest.mark.skipif(
    not SUITE.exists(), reason="the cases of cel-spec are not beside this checkout"
)

Case = dict[str, Any]

REASONS = {
    "^no (function|method)": "functions of extensions",
    "^no signal": "unknown names",
    "does not take|can never|cannot be the key|branches|joins|stands b|has no (field|item)|twice": (
        "types that do not fit"
    ),
    "reserved word|stands where|takes a variable|has asks|no meaning": "other syntax",
}


class Lazy(dict[str, object]):
    """Signals that are computed when they are asked for, as a request's are."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__()
        self.values_by_name = values

    def __missing__(self, name: str) -> object:
        value = self[name] = self.values_by_name[name]
        return value


@dataclass(frozen=True)
class Score:
    """How one way of evaluating did on one case."""

    verdict: str  # "right", "wrong" or "refused"
    reason: str = ""


def value_of(typed: Mapping[str, Any]) -> object:
    """Return a typed value of the suite as plain Python."""
    kind, value = str(typed["t"]), cast("Any", typed.get("v"))
    if kind == "null":
        return None
    if kind in ("bool", "string"):
        return value
    if kind == "int":
        return int(value)
    if kind == "double":
        return float(value)
    if kind == "list":
        return [value_of(item) for item in value]
    if kind == "map":
        return {value_of(key): value_of(item) for key, item in value}
    raise LookupError(kind)


def same(  # noqa: PLR0911 - one return for each type
    expected: Mapping[str, Any], value: object
) -> bool:
    """Return whether `value` is `expected`, type and all."""
    kind, wanted = str(expected["t"]), cast("Any", expected.get("v"))
    if kind == "null":
        return value is None
    if kind == "bool":
        return value is wanted
    if kind == "int":
        return type(value) is int and value == int(wanted)
    if kind == "double":
        if type(value) is not float:
            return False
        number = float(wanted)
        if math.isnan(number):
            return math.isnan(value)
        return value == number and math.copysign(1, value) == math.copysign(1, number)
    if kind == "string":
        return type(value) is str and value == wanted
    if kind == "list":
        items = cast("list[object]", value) if isinstance(value, list) else [None, *wanted]
        return len(items) == len(wanted) and all(map(same, wanted, items))
    if kind == "map" and isinstance(value, dict):
        entries = cast("dict[object, object]", value)
        return len(entries) == len(wanted) and all(
            any(same(key, k) and same(item, v) for k, v in entries.items()) for key, item in wanted
        )
    return False


def declared(case: Case) -> Mapping[str, Type]:
    """Return the names and types that a case declares; what it only binds is dyn."""
    facts: dict[str, Type] = dict.fromkeys(case["bindings"], DYN)
    for name, text in case["env"].items():
        facts[name] = parse_type(text.replace("int64", "int"))
    return facts


def load(case: Case) -> Expression | Score:
    """Return the compiled case, or why it is refused."""
    if case["container"]:
        return Score("refused", "containers")
    if case["disable_macros"]:
        return Score("refused", "macros that are switched off")
    try:
        scope = Scope(declared(case))
    except ConditionError:
        return Score("refused", "a variable of a type that is not here")
    try:
        return condition(case["expr"], DYN, scope)
    except Unsupported as error:
        return Score("refused", error.feature)
    except ConditionError as error:
        return Score("refused", reason(error.problem))


def reason(problem: str) -> str:
    """Return the kind of a refusal."""
    for words, name in REASONS.items():
        if re.search(words, problem):
            return name
    return f"unsorted: {problem}"


def score(case: Case, evaluate: Callable[[Lazy], object]) -> Score:
    """Return how `evaluate` did on a case that loads."""
    expected = case["expect"]
    if case["check_only"]:
        return Score("right")
    facts = Lazy({name: value_of(typed) for name, typed in case["bindings"].items()})
    try:
        value = evaluate(facts)
    except EvaluationError as error:
        return Score("right" if expected["t"] == "error" else "wrong", str(error))
    return Score("right" if same(expected, value) else "wrong", repr(value))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    with gzip.open(SUITE, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def loaded(cases: list[Case]) -> list[tuple[Case, Expression]]:
    found = ((case, load(case)) for case in cases)
    return [(case, expression) for case, expression in found if isinstance(expression, Expression)]


def tell(case: Case, found: Score) -> str:
    return f"{case['file']}/{case['section']}/{case['name']}: {case['expr']} gave {found.reason}"


WAYS = pytest.mark.parametrize("way", ["interpret", "evaluate"])


def test_all_cases_are_there(cases: list[Case]) -> None:
    assert len(cases) == 1740
    assert sum(case["core"] for case in cases) == 997


@WAYS
def test_no_case_is_answered_wrongly(loaded: list[tuple[Case, Expression]], way: str) -> None:
    wrong = [
        tell(case, found)
        for case, expression in loaded
        if (found := score(case, getattr(expression, way))).verdict == "wrong"
    ]

    assert wrong == []


@WAYS
def test_every_core_case_that_loads_passes(loaded: list[tuple[Case, Expression]], way: str) -> None:
    right = sum(
        score(case, getattr(expression, way)).verdict == "right"
        for case, expression in loaded
        if case["core"]
    )

    assert right == 634


def test_generated_code_alone_answers_rightly_or_hands_over(
    loaded: list[tuple[Case, Expression]],
) -> None:
    counts = Counter[str]()

    for case, expression in loaded:
        function = expression.prepare()
        facts = Lazy({name: value_of(typed) for name, typed in case["bindings"].items()})
        try:
            value = function(facts, Steps())
        except RAISED:
            # Not an answer: the interpreter is asked, which the tests above have scored.
            counts["handed over"] += 1
            continue
        counts["right" if case["check_only"] or same(case["expect"], value) else "wrong"] += 1

    assert counts == {"right": 596, "handed over": 54}


def test_refusals_are_counted_by_reason(cases: list[Case]) -> None:
    found = [(case, load(case)) for case in cases]

    refused = Counter(score.reason for _, score in found if isinstance(score, Score))
    core = Counter(
        score.reason for case, score in found if case["core"] and isinstance(score, Score)
    )

    assert refused == {
        "functions of extensions": 503,
        "uint": 259,
        "bytes": 112,
        "timestamps": 56,
        "types that do not fit": 34,
        "optionals": 32,
        "types as values": 32,
        "other syntax": 23,
        "durations": 22,
        "containers": 13,
        "unknown names": 2,
        "a variable of a type that is not here": 2,
    }
    assert core == {
        "uint": 176,
        "bytes": 104,
        "types that do not fit": 34,
        "types as values": 26,
        "functions of extensions": 19,
        "unknown names": 2,
        "a variable of a type that is not here": 2,
    }
