"""Regular expressions are google-re2's, compiled when the policy loads, or they are refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from conductor_mw.errors import ConditionError, EvaluationError
from conductor_mw.rules import BOOL, DYN, STRING, Scope, regex
from conductor_mw.rules import compile as condition

SCOPE = Scope({"s": STRING, "d": DYN})


@pytest.fixture
def without_re2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    regex.pattern.cache_clear()
    regex.engine.cache_clear()
    monkeypatch.setitem(sys.modules, "re2", None)
    yield
    regex.engine.cache_clear()


def refusal(pattern: str) -> str:
    with pytest.raises(ConditionError) as caught:
        # A scope of its own: one keeps the patterns that it has compiled.
        condition(f"s.matches({pattern!r})", BOOL, Scope({"s": STRING}))
    assert caught.value.offset == 10
    return str(caught.value)


@pytest.mark.usefixtures("without_re2")
def test_without_google_re2_matches_is_refused_with_the_pip_line() -> None:
    assert refusal("a") == (
        "matches needs google-re2, which is not installed\n  pip install 'conductor-mw[regex]'"
    )


@pytest.mark.usefixtures("without_re2")
def test_without_google_re2_everything_else_works() -> None:
    assert condition("s.contains('a')", BOOL, SCOPE).evaluate({"s": "abc"}) is True


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^pro$", "pro", True),
        ("ubb", "hubba", True),
        ("(?i)urgent|asap", "please, ASAP!", True),
        ("^.$", "é", True),
        ("^.{2}$", "🐱😀", True),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("", "", True),
        ("^$", "a", False),
        ("x\x00y", "x\x00y", True),
    ],
)
def test_a_pattern_is_looked_for_anywhere(pattern: str, text: str, found: bool) -> None:
    pytest.importorskip("re2")
    for source in (
        f"s.matches({pattern!r})",
        f"d.matches({pattern!r})",
        f"matches(s, {pattern!r})",
    ):
        expression = condition(source.replace("\\x00", "\\000"), BOOL, SCOPE)
        for way in (expression.evaluate, expression.interpret):
            assert way({"s": text, "d": text}) is found


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "the pattern is wrong: missing ): ("),
        ("a**", "the pattern is wrong: bad repetition operator: **"),
        ("(?=a)", "the pattern is wrong: invalid perl operator: (?="),
        ("(a)\\1", "the pattern is wrong: invalid escape sequence: \\1"),
        ("((a{100}){100}){100}", "the pattern is wrong: invalid repetition size: {100}"),
        ("\\pL{300}", "the pattern is too large\n  repeat less, or split it"),
        ("(\\pL\\pN?){60}x", "the pattern is too large\n  repeat less, or split it"),
        (
            "a" * 1_001,
            (
                "a pattern of 1,001 characters; at most 1,000 are read\n"
                "  split it into several conditions"
            ),
        ),
    ],
)
def test_a_wrong_or_huge_pattern_is_refused_at_load(pattern: str, said: str) -> None:
    pytest.importorskip("re2")
    assert refusal(pattern) == said


def test_many_patterns_must_be_small_enough_together() -> None:
    pytest.importorskip("re2")
    scope = Scope({"s": STRING})
    said: list[str] = []

    for number in range(700):
        try:
            condition(f"s.matches('\\\\pL\\\\pN?{number}')", BOOL, scope)
        except ConditionError as error:
            said.append(str(error))

    assert 0 < len(said) < 700
    assert {line for text in said for line in text.splitlines()} == {
        "the patterns of the policy are too large together",
        "  write fewer or shorter ones, or derive a signal in the app",
    }


def test_a_pattern_that_backtracking_would_choke_on_is_quick() -> None:
    pytest.importorskip("re2")
    expression = condition("s.matches('(x+x+)+y') || s.matches('\\\\w{50}$')", BOOL, SCOPE)

    assert expression.evaluate({"s": "x" * 100_000 + "!"}) is False


def test_half_a_character_in_a_text_does_not_fail_the_rule() -> None:
    pytest.importorskip("re2")
    expression = condition("s.matches('card')", BOOL, SCOPE)

    for way in (expression.evaluate, expression.interpret):
        assert way({"s": "my \ud800 card"}) is True
        assert way({"s": "my \ud800 cat"}) is False


def test_what_is_no_text_is_an_error() -> None:
    pytest.importorskip("re2")
    expression = condition("d.matches('a')", BOOL, SCOPE)

    for way in (expression.evaluate, expression.interpret):
        with pytest.raises(EvaluationError) as caught:
            way({"d": 5})
        assert str(caught.value) == "d.matches('a'): 'matches' does not take int"
