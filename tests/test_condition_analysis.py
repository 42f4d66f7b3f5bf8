"""Conditions that cannot hold and rules that cannot be reached are found, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import rules
from conductor_mw.errors import EvaluationError
from conductor_mw.rules import BOOL, DOUBLE, DYN, INT, STRING, Expression, Scope
from conductor_mw.rules.analyse import always_true, never_true, shadowed

SCOPE = Scope(
    {"n": INT, "x": DOUBLE, "s": STRING, "t": STRING, "b": BOOL, "d": DYN},
    eager=frozenset({"s", "t", "b"}),
)


def condition(text: str) -> Expression:
    return rules.compile(text, BOOL, SCOPE)


@pytest.mark.parametrize(
    "text",
    [
        "false",
        "1 > 2",
        "n < 5 && n > 8",
        "n < 5 && n > 4",
        "n > 3 && n < 5 && n != 4",
        "n > 3 && n < 6 && n != 4 && n != 5",
        "n in [1, 2] && n > 2",
        "5 < n && n <= 5",
        "!(n < 5) && n < 5",
        "x > 3.0 && x < 3.0",
        "x >= 3.0 && x <= 3.0 && x != 3.0",
        "s == 'a' && s == 'b'",
        "s in ['a', 'b'] && !(s in ['a', 'b', 'c'])",
        "(s == 'a' || s == 'b') && s == 'c'",
        "b && !b",
        "b && (!b || n < 5 && n > 5)",
        "s.contains('x') && !s.contains('x')",
        "d.tier == 'a' && d.tier == 'b'",
        "d == 1 && d == true",
        "size(s) > 5 && size(s) < 3",
        "n < 1 && n > 1 || s == 'a' && s == 'b'",
        "n / 0 > 1 && false",
    ],
)
def test_what_can_never_hold_is_found(text: str) -> None:
    assert never_true(condition(text))


@pytest.mark.parametrize(
    "text",
    [
        "n > 3 && n < 5",
        "n > 3 && n < 6 && n != 4",
        "x > 3.0 && x < 3.5",
        "x >= 3.0 && x <= 3.0",
        "!(x < 5.0) && x != 5.0",
        "s != 'a' && s != 'b'",
        "s in ['a', 'b'] && s != 'a'",
        "n < 0 || n > 5",
        "d == 1 && d == 1.0",
        "n == 9007199254740993 && n == 9007199254740992.0",
        "b || !b",
        "d > 1 || d == 'a'",
    ],
)
def test_what_can_hold_is_left_alone(text: str) -> None:
    assert not never_true(condition(text))


@pytest.mark.parametrize(
    ("text", "always"),
    [
        ("true", True),
        ("1 < 2", True),
        ("true || n / 0 > 1", True),
        ("n > 1 || true", True),
        ("true && 1 < 2", True),
        # A signal may fail, and then neither side is true.
        ("b || !b", False),
        ("n < 5 || n >= 5", False),
        ("n > 1 && true", False),
        ("1 / 0 > 1 || false", False),
    ],
)
def test_what_always_holds_is_found(text: str, always: bool) -> None:
    assert always_true(condition(text)) is always


@pytest.mark.parametrize(
    ("texts", "pairs"),
    [
        (["n < 10", "n < 5"], [(0, 1)]),
        (["n < 5", "n < 10", "n < 7"], [(1, 2)]),
        (["n <= 4", "n < 5"], [(0, 1)]),
        (["true", "n < 5", "b"], [(0, 1), (0, 2)]),
        (["s == 'a'", "s == 'a' && n < 5", "s == 'b' && n < 5"], [(0, 1)]),
        (
            ["s in ['a', 'b']", "s == 'a'", "s in ['a', 'b', 'c']", "s == 'b' && b"],
            [(0, 1), (2, 3)],
        ),
        (["s != 'a'", "s == 'b'"], [(0, 1)]),
        (["s == 'a' || s == 'b'", "s == 'b'"], [(0, 1)]),
        (["s.contains('x')", "n < 3 && s.contains('x')"], [(0, 1)]),
        (["d.k > 3", "d.k > 5", "d.k == 'q'", "d.k == 4"], [(0, 1), (0, 3)]),
        (["b", "b && n < 5", "!b"], [(0, 1)]),
        (["n != 5", "n < 5", "n <= 5"], [(0, 1)]),
        (["n > 0", "n in [1, 2]"], [(0, 1)]),
        (["n in [1, 2, 3]", "n > 0 && n < 4"], []),
        (["!(x < 5.0)", "x > 6.0"], []),
        (["s == 'a' && n < 5", "s == 'a'"], []),
        (["n < 5 && n > 8", "n < 5"], []),
        (["n < 5", "n < 5 && n > 8"], []),
    ],
)
def test_what_an_earlier_rule_covers_is_found(
    texts: list[str], pairs: list[tuple[int, int]]
) -> None:
    assert list(shadowed([condition(text) for text in texts])) == pairs


COMPARISONS = st.builds(
    "{} {} {}".format,
    st.just("n"),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.integers(0, 4),
)
ATOMS = st.one_of(
    COMPARISONS,
    st.builds(
        "x {} {}.5".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 2)
    ),
    st.sampled_from(
        ["b", "s == 'a'", "s != 'a'", "s in ['a', 'b']", "d == 1", "d > 1", "d == 'a'"]
    ),
)
TESTS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=5,
)
WORLDS: list[dict[str, object]] = [
    {"n": n, "x": x, "s": s, "b": b, "d": d}
    for n, x, s, b, d in product(
        range(-1, 6),
        (-1.0, 0.5, 1.0, 2.5, float("nan")),
        "abc",
        (True, False),
        (1, 1.0, 2, "a", True),
    )
]


def holds(expression: Expression) -> Callable[[dict[str, object]], bool]:
    def one(world: dict[str, object]) -> bool:
        try:
            return expression.evaluate(world) is True
        except EvaluationError:
            return False

    return one


@given(st.lists(TESTS, min_size=1, max_size=5))
def test_no_finding_is_ever_false(texts: list[str]) -> None:
    expressions = [condition(text) for text in texts]

    for expression in expressions:
        if never_true(expression):
            assert not any(map(holds(expression), WORLDS))
        if always_true(expression):
            assert all(map(holds(expression), WORLDS))
    for earlier, later in shadowed(expressions):
        assert earlier < later
        for world in filter(holds(expressions[later]), WORLDS):
            assert holds(expressions[earlier])(world)
