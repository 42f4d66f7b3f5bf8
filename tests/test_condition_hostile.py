"""A hostile condition, value or pattern costs little and gets one exact message."""

from __future__ import annotations

import sys
import threading

import pytest

from conductor_mw.errors import ConditionError, EvaluationError
from conductor_mw.rules import BOOL, DYN, INT, STRING, Scope, list_of, map_of
from conductor_mw.rules import compile as condition
from conductor_mw.rules.limits import MAX_DEPTH

SCOPE = Scope({"n": INT, "s": STRING, "l": list_of(INT), "d": DYN, "m": map_of(STRING, DYN)})
DEEP = (
    f"nested deeper than {MAX_DEPTH} levels\n"
    "  split it into several rules, or into signals of its own"
)
STEPS = "more than 100,000 steps in one evaluation\n  read less inside all, exists, filter and map"


def message(text: str) -> str:
    with pytest.raises(ConditionError) as caught:
        condition(text, BOOL, SCOPE)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 8_000 + "true" + ")" * 8_000,
        "[" * 16_000,
        "{1:" * 5_000,
        "!" * 16_000 + "true",
        "-" * 16_000 + "1",
        "n" + "[0]" * 5_000,
        "m" + ".a" * 8_000,
        "n" + "+n" * 8_000,
        "n==" * 5_000 + "n",
        "true?(" * 2_500 + "1",
        "true?1:" * 2_000 + "2",
        "size(" * 3_000,
        "s.contains(" * 1_400,
        "1||1&&1==1+1*(" * 1_100,
        "[1].map(x," * 1_600,
    ],
    ids=lambda text: text[:14],
)
def test_deep_nesting_is_refused_without_recursion(text: str) -> None:
    assert message(text) == DEEP


def test_deep_nesting_is_refused_also_where_little_stack_is_left() -> None:
    outcome: list[str] = []

    def near_the_limit(frames: int) -> None:
        if frames:
            near_the_limit(frames - 1)
        else:
            outcome.append(message("(" * 8_000))

    thread = threading.Thread(target=near_the_limit, args=(sys.getrecursionlimit() - 500,))
    thread.start()
    thread.join()

    assert outcome == [DEEP]


@pytest.mark.parametrize("operator", ["&&", "||"])
def test_a_chain_as_long_as_the_text_may_be_is_read(operator: str) -> None:
    chain = f" {operator} ".join(["n > 1"] * 1_700)

    assert condition(chain, BOOL, SCOPE).evaluate({"n": 2}) is True


def test_a_text_of_a_megabyte_is_refused() -> None:
    assert message("n > 1 || " * 120_000) == (
        "a condition of 1,080,000 characters; at most 16,384 are read\n"
        "  split it into several rules, or into signals of its own"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n == " + "9" * 16_000, "a number of 16,000 digits\n  an int has at most 19 digits"),
        ("n == 0x" + "f" * 16_000, "a number of 16,002 digits\n  an int has at most 19 digits"),
        ("n < 1." + "9" * 16_000, "a number of 16,002 digits\n  a double keeps at most 17 digits"),
        (
            "n == 1" + "0" * 300,
            "1" + "0" * 39 + " is too large for an int\n  an int lies between"
            " -9223372036854775808 and 9223372036854775807",
        ),
        ('"""' + '"" x ' * 3_000, 'a string is not closed\n  put """ at its end'),
        ("'" + "\\'" * 8_000, "a string is not closed\n  put ' at its end"),
        ("/" * 16_000, "the condition is empty\n  write true for a rule that always matches"),
        (
            "x" * 16_000,
            (
                f"no signal '{'x' * 60}'\n"
                f"  declare it below `signals:`, for example {{from: metadata.{'x' * 60}}}"
            ),
        ),
    ],
    ids=lambda text: text[:12],
)
def test_huge_literals_get_one_message(text: str, said: str) -> None:
    assert message(text) == said


THREE_LEVELS = "[{0}].map(a, [{0}].map(b, [{0}].map(c, a * b * c))).size() > 0".format(
    ", ".join(map(str, range(200)))
)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (THREE_LEVELS, {}),
        ("l.exists(a, l.exists(b, a + b < 0))", {"l": list(range(1_000))}),
        ("l.all(a, l.all(b, s + s != 'x'))", {"l": list(range(100)), "s": "x" * 10_000}),
        ("l.map(a, s + string(a)).size() > 0", {"l": list(range(1_000)), "s": "x" * 100_000}),
        (
            "l.all(a, s.contains('needle') || a >= 0)",
            {"l": list(range(1_000)), "s": "x" * 1_000_000},
        ),
        ("l.all(a, s.matches('n.*e') || a >= 0)", {"l": list(range(1_000)), "s": "x" * 1_000_000}),
        (
            "l.exists(a, d == m.d)",
            {"l": list(range(1_000)), "d": "x" * 1_000_000, "m": {"d": "x" * 999_999 + "y"}},
        ),
        ("l.map(a, l + l).size() > 0", {"l": list(range(10_000))}),
        ("l.all(a, " + " && ".join(["a >= 0"] * 1_000) + ")", {"l": list(range(10_000))}),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_macros_stop_at_their_budget(text: str, facts: dict[str, object]) -> None:
    expression = condition(text, BOOL, SCOPE)

    for way in (expression.evaluate, expression.interpret):
        with pytest.raises(EvaluationError) as caught:
            way(facts)
        assert str(caught.value).endswith(STEPS)


def test_joining_texts_stops_at_its_budget() -> None:
    expression = condition("size(" + " + ".join(["s"] * 60) + ") > 0", BOOL, SCOPE)

    for way in (expression.evaluate, expression.interpret):
        with pytest.raises(EvaluationError) as caught:
            way({"s": "x" * 1_000_000})
        assert str(caught.value).endswith(STEPS)


def test_both_ways_stop_at_the_same_step() -> None:
    # One element costs two steps, because its condition has more than ten parts.
    expression = condition("l.all(a, a >= 0 && a >= 0 && a >= 0 && a >= 0)", BOOL, SCOPE)

    for length, fine in ((50_000, True), (50_001, False)):
        facts = {"l": [0] * length}
        for way in (expression.evaluate, expression.interpret):
            if fine:
                assert way(facts) is True
            else:
                with pytest.raises(EvaluationError, match="more than 100,000 steps"):
                    way(facts)


def test_macros_inside_macros_end_somewhere() -> None:
    text = "true"
    for level in range(9):
        text = f"[1].all(v{level}, {text})"

    assert message(text) == "macros are nested deeper than 8 levels"


def test_a_value_nested_without_end_is_an_error() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    expression = condition("d == m.d", BOOL, SCOPE)

    for way in (expression.evaluate, expression.interpret):
        with pytest.raises(EvaluationError) as caught:
            way({"d": deep, "m": {"d": deep}})
        assert str(caught.value) == "d == m.d: a value is nested deeper than 64 levels"

    while isinstance(deep, list):  # a list this deep must not be freed by recursion
        deep = deep.pop()


def test_an_int_of_any_length_in_a_value_is_an_error_at_most() -> None:
    expression = condition("d < 0.5 || d + 1 > 0", BOOL, SCOPE)

    for way in (expression.evaluate, expression.interpret):
        with pytest.raises(EvaluationError) as caught:
            way({"d": 10**5_000})
        assert str(caught.value) == "d < 0.5: an int overflows 64 bits"


def test_no_text_of_a_condition_becomes_code() -> None:
    text = "'__import__(\"os\")' == s || m['__class__'] == 1 || has(m.__globals__)"
    function = condition(text, BOOL, SCOPE).prepare()

    code = function.__code__
    reachable = function.__globals__

    assert set(code.co_names) == {"equal"}
    assert reachable["__builtins__"] == {}
    assert "__import__" not in reachable


@pytest.mark.parametrize(
    "text", ["__import__('os')", "().__class__", "s.__class__", "l.append(1)", "eval('1')"]
)
def test_python_is_no_condition(text: str) -> None:
    with pytest.raises(ConditionError):
        condition(text, DYN, SCOPE)
