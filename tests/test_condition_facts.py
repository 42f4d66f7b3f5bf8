"""Signals are asked for one by one, only when they are needed, by both ways of evaluating."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from conductor_mw.errors import EvaluationError, Suspend
from conductor_mw.rules import (
    BOOL,
    DYN,
    INT,
    STRING,
    Expression,
    OnError,
    RuleTable,
    Scope,
    list_of,
)
from conductor_mw.rules import (
    compile as condition,
)

SCOPE = Scope({"a": BOOL, "b": BOOL, "n": INT, "s": STRING, "l": list_of(INT), "d": DYN})

FAIL: OnError = "fail"

Evaluate = Callable[[Expression, Mapping[str, object]], object]
WAYS: list[Evaluate] = [Expression.interpret, Expression.evaluate]
ways = pytest.mark.parametrize("way", WAYS, ids=["interpret", "evaluate"])


class Lazy(dict[str, object]):
    """Computes a signal when it is asked for, once, and says what was asked."""

    def __init__(self, **sources: object) -> None:
        super().__init__()
        self.sources = sources
        self.asked: list[str] = []

    def __missing__(self, name: str) -> object:
        self.asked.append(name)
        source = self.sources[name]
        if isinstance(source, BaseException):
            raise source
        self[name] = source
        return source

    def __contains__(self, name: object) -> bool:
        raise AssertionError("a signal is only ever asked for by facts[name]")

    def get(self, *_: object) -> object:
        raise AssertionError("a signal is only ever asked for by facts[name]")


@ways
@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("a && b", ["a"]),
        ("!a && b", ["a", "b"]),
        ("!a || b", ["a"]),
        ("a ? b : n > 1", ["a", "n"]),
        ("n > 1 && n < 9 && n != 5", ["n"]),
        ("l.all(i, i < n)", ["l", "n"]),
        ("[].all(i, i < n)", []),
    ],
)
def test_only_what_is_needed_is_asked_for(way: Evaluate, text: str, asked: list[str]) -> None:
    facts = Lazy(a=False, b=True, n=7, l=[1, 2])

    way(condition(text, BOOL, SCOPE), facts)

    assert facts.asked == asked


@ways
def test_a_signal_that_fails_is_absorbed_as_any_error(way: Evaluate) -> None:
    failing = EvaluationError("no sentiment today")

    assert way(condition("n > 1 || a", BOOL, SCOPE), Lazy(n=failing, a=True)) is True
    assert way(condition("n > 1 && a", BOOL, SCOPE), Lazy(n=failing, a=False)) is False
    with pytest.raises(EvaluationError) as caught:
        way(condition("n > 1 && a", BOOL, SCOPE), Lazy(n=failing, a=True))
    assert caught.value is failing


@ways
def test_a_signal_not_yet_computed_is_no_missing_signal(way: Evaluate) -> None:
    # `d > 0.5` fails, so the interpreter has to read `a` on its own.
    assert way(condition("d > 0.5 || a", BOOL, SCOPE), Lazy(d="text", a=True)) is True


@ways
def test_a_plain_dict_without_the_signal_is_an_error(way: Evaluate) -> None:
    with pytest.raises(EvaluationError) as caught:
        way(condition("n > 1", BOOL, SCOPE), {})

    assert str(caught.value) == "no value for 'n'"


@ways
@pytest.mark.parametrize("fault", [KeyError("inner"), RuntimeError("bug"), Suspend("wait")])
def test_a_fault_of_a_signal_passes_as_it_was_raised(way: Evaluate, fault: Exception) -> None:
    with pytest.raises(type(fault)) as caught:
        way(condition("n > 1 || true", BOOL, SCOPE), Lazy(n=fault))

    assert caught.value is fault


def test_the_table_asks_no_later_rule() -> None:
    texts = ["a", "n > 5", "s == 'x'"]
    table = RuleTable.build([condition(text, BOOL, SCOPE) for text in texts], (FAIL,) * 3)
    facts = Lazy(a=False, n=7, s="x")

    assert table.first(facts) == 1
    assert facts.asked == ["a", "n"]


def test_a_signal_read_by_many_rules_is_computed_once() -> None:
    expressions = [condition(f"n == {number}", BOOL, SCOPE) for number in range(200)]
    table = RuleTable.build(expressions, (FAIL,) * 200)
    facts = Lazy(n=199)

    assert table.first(facts) == 199
    assert facts.asked == ["n"]


def test_a_signal_read_behind_a_condition_is_not_taken_for_read_later() -> None:
    # Where `a` decides, `n` is not read; nothing behind that may rely on it.
    for text in ("(a || n > 100) && n == 3", "(!a && n > 5 || b) && n == 3"):
        expression = condition(text, BOOL, SCOPE)
        table = RuleTable.build([expression], (FAIL,))

        assert table.first(Lazy(a=True, b=True, n=3)) == 0
        assert expression.evaluate(Lazy(a=True, b=True, n=3)) is True


def test_a_signal_read_behind_a_condition_is_not_taken_for_read_by_later_rules() -> None:
    texts = ["b", "a && n > 100", "n == 7"]
    table = RuleTable.build([condition(text, BOOL, SCOPE) for text in texts], (FAIL,) * 3)

    assert table.first(Lazy(a=False, b=False, n=7)) == 2


@ways
def test_a_branch_does_not_keep_what_the_other_read(way: Evaluate) -> None:
    expression = condition("(a ? n > 1 : s == 'x') && n + size(s) == 8", BOOL, SCOPE)

    assert way(expression, Lazy(a=False, n=7, s="x")) is True
    assert way(expression, Lazy(a=True, n=7, s="y")) is True


def test_the_function_is_made_once_and_may_be_made_beforehand() -> None:
    expression = condition("n > 1", BOOL, SCOPE)

    assert expression.prepare() is expression.prepare()
    assert expression.evaluate({"n": 2}) is True
