"""Signals that a policy declares: what they read, what they refuse, and what they say then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw.effects import Instant
from conductor_mw.errors import ConditionError, EvaluationError
from conductor_mw.lenses import to_request
from conductor_mw.request import Request
from conductor_mw.rules import compile as compile_expression
from conductor_mw.rules.scope import Scope
from conductor_mw.rules.types import BOOL, DOUBLE, DYN, INT, STRING, Type, list_of, map_of
from conductor_mw.signals import Facts, Signal, builtin_signals
from conductor_mw.signals.declared import Declaration, declare, from_function, from_metadata
from conductor_mw.signals.reading import chains, in_order
from conductor_mw.signals.shapes import MISSING, fitting, of_type, shown

TIERS = ("free", "pro", "enterprise")
Faults = list[tuple[str, str, str, str]]


def declared(
    entries: Mapping[str, Declaration], **functions: Callable[..., object]
) -> tuple[dict[str, Signal], Faults]:
    """Give the signals of these entries and the faults that were found."""
    faults: Faults = []
    built = {signal.name: signal.type for signal in builtin_signals()}

    def compiled(
        name: str, text: str, wanted: Type | None, known: Mapping[str, Type]
    ) -> tuple[Type, Callable[[Facts], object]] | None:
        try:
            expression = compile_expression(text, wanted or DYN, Scope({**built, **known}))
        except ConditionError as error:
            faults.append((name, "expr", error.problem, error.mend))
            return None
        return wanted or expression.node.type, expression.evaluate

    def refuse(*fault: str) -> None:
        name, key, problem, mend = fault
        faults.append((name, key, problem, mend))

    signals = declare(
        entries,
        functions=functions,
        taken={"input", "metadata"},
        compile_expression=compiled,
        refuse=refuse,
    )
    return signals, faults


def read(
    signals: Mapping[str, Signal], name: str, text: str = "Hello", **metadata: object
) -> object:
    known = {signal.name: signal for signal in builtin_signals()}
    facts = Facts(to_request(text, metadata=metadata), {**known, **signals}, Instant(0, 0))
    return facts[name]


def problem_of(
    signals: Mapping[str, Signal], name: str, text: str = "Hello", **metadata: object
) -> str:
    with pytest.raises(EvaluationError) as caught:
        read(signals, name, text, **metadata)
    return str(caught.value)


TIER = Declaration(source="metadata.tier", type="string", one_of=TIERS, default="free")


def test_a_signal_from_metadata_gives_what_the_app_said() -> None:
    signals, faults = declared({"tier": TIER})

    assert faults == []
    assert read(signals, "tier", tier="pro") == "pro"
    assert signals["tier"].eager


@pytest.mark.parametrize("metadata", [{}, {"tier": None}])
def test_what_is_missing_or_null_takes_the_default(metadata: dict[str, Any]) -> None:
    signals, _ = declared({"tier": TIER})

    assert read(signals, "tier", **metadata) == "free"


def test_what_is_missing_without_a_default_cannot_be_read() -> None:
    signals, _ = declared({"tier": Declaration(source="metadata.tier")})

    assert problem_of(signals, "tier") == (
        "signal 'tier': metadata.tier is missing\n"
        "  pass metadata={'tier': ...} or declare a default"
    )


def test_a_value_that_is_not_allowed_is_told_with_those_that_are() -> None:
    signals, _ = declared({"tier": TIER})

    assert problem_of(signals, "tier", tier="gold") == (
        "signal 'tier': metadata.tier is 'gold', not one of 'free', 'pro', 'enterprise'\n"
        "  add the value to one_of, or correct where it comes from"
    )


def test_a_value_of_another_type_is_told_with_its_type() -> None:
    signals, _ = declared({"seats": Declaration(source="metadata.seats", type="int")})

    assert read(signals, "seats", seats=4) == 4
    assert problem_of(signals, "seats", seats="4") == (
        "signal 'seats': metadata.seats is '4', not int"
    )
    assert problem_of(signals, "seats", seats=True) == (
        "signal 'seats': metadata.seats is true, not int"
    )


def test_a_long_value_is_shown_by_its_beginning_only() -> None:
    signals, _ = declared({"seats": Declaration(source="metadata.seats", type="int")})

    assert problem_of(signals, "seats", seats="x" * 1_000_000) == (
        f"signal 'seats': metadata.seats is '{'x' * 40}'..., not int"
    )


def test_metadata_may_be_nested() -> None:
    signals, _ = declared({"plan": Declaration(source="metadata.user.plan")})

    assert read(signals, "plan", user={"plan": "pro"}) == "pro"
    assert problem_of(signals, "plan", user="nobody") == (
        "signal 'plan': metadata.user.plan is missing\n"
        "  pass metadata={'user': {'plan': ...}} or declare a default"
    )


def test_an_expression_makes_a_signal_of_others() -> None:
    signals, faults = declared(
        {
            "vip": Declaration(expr="tier == 'enterprise' || seats > 100"),
            "tier": TIER,
            "seats": Declaration(source="metadata.seats", type="int", default=1),
        }
    )

    assert faults == []
    assert signals["vip"].type == BOOL
    assert read(signals, "vip", seats=101) is True
    assert read(signals, "vip", tier="pro") is False


def test_expressions_may_read_each_other_in_any_order() -> None:
    signals, faults = declared(
        {
            "a": Declaration(expr="b + 1"),
            "b": Declaration(expr="c + 1"),
            "c": Declaration(expr="input.turns"),
        }
    )

    assert faults == []
    assert read(signals, "a") == 3


def test_expressions_in_a_circle_are_refused() -> None:
    _, faults = declared(
        {
            "a": Declaration(expr="b > 1"),
            "b": Declaration(expr="a ? 1 : 2"),
            "c": Declaration(expr="1 > 2"),
        }
    )

    assert faults == [
        ("a", "expr", "is in a circle: a, b", "let one of them read no other"),
        ("b", "expr", "is in a circle: a, b", "let one of them read no other"),
    ]


def test_a_word_inside_a_text_is_not_read() -> None:
    signals, faults = declared({"urgent": Declaration(expr="input.text.contains('urgent')")})

    assert faults == []
    assert read(signals, "urgent", "this is urgent") is True


def test_a_chain_of_ten_thousand_expressions_is_ordered() -> None:
    texts = {f"s{number}": f"s{number + 1}" for number in range(10_000)}

    order, circle = in_order(texts)

    assert (order[0], order[-1], circle) == ("s9999", "s0", [])


def test_an_expression_outside_its_list_fails_without_telling_content() -> None:
    signals, _ = declared(
        {"word": Declaration(expr="input.text", type="string", one_of=["a", "b"])}
    )

    assert read(signals, "word", "a") == "a"
    assert problem_of(signals, "word", "secret") == (
        "signal 'word': its expression gave a string of 6 characters, not one of 'a', 'b'\n"
        "  add the value to one_of, or correct where it comes from"
    )


def test_a_function_annotated_with_str_gets_the_text() -> None:
    def mood(text: str) -> str:
        return "angry" if "!" in text else "calm"

    signals, faults = declared({"mood": Declaration(function="mood")}, mood=mood)

    assert faults == []
    assert read(signals, "mood", "Now!") == "angry"


def test_any_other_function_gets_the_request() -> None:
    def turns(request: Request) -> int:
        return len(request.messages)

    def more(request: Any) -> int:
        return len(request.messages) + 1

    signals, _ = declared(
        {
            "turns": Declaration(function="turns", type="int"),
            "two": Declaration(function="two", type="int"),
        },
        turns=turns,
        two=more,
    )

    assert read(signals, "turns") == 1
    assert read(signals, "two") == 2


def test_a_function_that_gives_another_type_is_told_without_its_value() -> None:
    def secret(_: Request) -> str:
        return "secret"

    signals, _ = declared({"mood": Declaration(function="mood", type="int")}, mood=secret)

    assert problem_of(signals, "mood") == (
        "signal 'mood': its function gave a string of 6 characters, not int"
    )


def test_what_a_function_raises_reaches_the_caller_as_it_was_raised() -> None:
    def mood(_: Request) -> str:
        raise LookupError("no model loaded")

    signals, _ = declared({"mood": Declaration(function="mood")}, mood=mood)

    with pytest.raises(LookupError, match="no model loaded"):
        read(signals, "mood")


def test_a_function_is_called_once_for_a_request() -> None:
    calls: list[str] = []

    def mood(text: str) -> str:
        calls.append(text)
        return "calm"

    signal = from_function("mood", mood, STRING)
    known = {found.name: found for found in builtin_signals()}
    facts = Facts(to_request("Hi"), {**known, "mood": signal}, Instant(0, 0))

    assert (facts["mood"], facts["mood"], calls) == ("calm", "calm", ["Hi"])


def test_an_async_function_is_refused() -> None:
    async def mood(text: str) -> str:
        return text

    _, faults = declared({"mood": Declaration(function="mood")}, mood=mood)

    assert faults == [
        ("mood", "function", "'mood' is async", "signals are read at once: bind a plain one")
    ]


class Hidden:
    """Calls an async function, which nobody can see from outside."""

    def __call__(self, request: Request) -> object:
        return self.later(request)

    async def later(self, request: Request) -> str:
        return request.text


def test_a_function_that_gives_a_coroutine_fails_when_it_is_read() -> None:
    signals, _ = declared({"mood": Declaration(function="mood")}, mood=Hidden())

    assert problem_of(signals, "mood") == "signal 'mood': its function gave a coroutine, not string"


@pytest.mark.parametrize(
    ("entry", "key", "problem", "mend"),
    [
        (
            Declaration(),
            "",
            "says not where the signal comes from",
            "write from:, expr:, function:, ask: or worker:",
        ),
        (
            Declaration(source="metadata.x", expr="1 > 2"),
            "expr",
            "stands beside from",
            "a signal has one source: keep one of them",
        ),
        (Declaration(source="tier"), "from", "'tier' is no source", "write metadata.<key>"),
        (
            Declaration(source="metadata."),
            "from",
            "'metadata.' is no source",
            "write metadata.<key>",
        ),
        (
            Declaration(source="metadata.x", type="strng"),
            "type",
            "no type 'strng'",
            "did you mean 'string'?",
        ),
        (
            Declaration(source="metadata.x", type="int", default="many"),
            "default",
            "is 'many', not int",
            "",
        ),
        (
            Declaration(source="metadata.x", one_of=["a"], default="b"),
            "default",
            "is 'b', not one of 'a'",
            "add it to one_of or choose one of them",
        ),
        (
            Declaration(source="metadata.x", type="int", one_of=[1, "2"]),
            "one_of",
            "value 2 is '2', not int",
            "",
        ),
        (
            Declaration(expr="1 > 2", default=True),
            "default",
            "is only for signals from metadata and for paid ones",
            "remove it",
        ),
        (
            Declaration(function="moood"),
            "function",
            "no function 'moood' is bound",
            "pass Conductor(..., signals={'moood': function}); did you mean 'mood'?",
        ),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(
    entry: Declaration, key: str, problem: str, mend: str
) -> None:
    signals, faults = declared({"it": entry}, mood=len)

    assert faults == [("it", key, problem, mend)]
    assert signals == {}


def test_a_built_in_name_cannot_be_declared() -> None:
    _, faults = declared({"input": TIER})

    assert faults == [("input", "", "'input' is a built-in name", "choose another name")]


def test_texts_made_from_the_users_text_count_as_content() -> None:
    signals, _ = declared(
        {
            "copy": Declaration(expr="input.text"),
            "again": Declaration(expr="copy + '!'"),
            "long": Declaration(expr="size(input.text) > 10"),
            "listed": Declaration(expr="input.text", one_of=["a"]),
            "keyed": Declaration(expr="input['text']"),
            "kind": Declaration(expr="input.type"),
            "mood": Declaration(function="mood"),
            "tier": TIER,
        },
        mood=len,
    )

    assert {name for name, signal in signals.items() if signal.content} == {
        "copy",
        "keyed",
        "again",
        "mood",
    }


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        ("a", STRING, "a"),
        (3, DOUBLE, 3.0),
        (3, INT, 3),
        (True, INT, MISSING),
        (True, DOUBLE, MISSING),
        (2**63, INT, MISSING),
        (2**70, DOUBLE, MISSING),
        (1.5, INT, MISSING),
        (["a"], list_of(STRING), ["a"]),
        (("a",), list_of(STRING), ["a"]),
        (["a", 1], list_of(STRING), MISSING),
        ({"a": 1}, map_of(STRING, INT), {"a": 1}),
        ({1: 1}, map_of(STRING, INT), MISSING),
        (object, STRING, MISSING),
    ],
)
def test_a_value_fits_a_type_or_does_not(value: object, type_: Type, expected: object) -> None:
    found = fitting(value, type_)

    assert found is expected if expected is MISSING else found == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_whatever_the_app_says_is_read_or_refused_in_one_short_line(value: Any) -> None:
    signal = from_metadata("tier", ["tier"], STRING, one_of=TIERS)
    facts = Facts(to_request("Hi", metadata={"tier": value}), {"tier": signal}, Instant(0, 0))

    if value in TIERS:
        assert facts["tier"] == value
    else:
        with pytest.raises(EvaluationError) as caught:
            facts["tier"]
        assert len(str(caught.value)) < 300


@given(JSON)
def test_any_value_is_shown_in_a_few_words(value: Any) -> None:
    assert len(shown(value)) < 250
    assert len(of_type(value)) < 60


@given(st.text(max_size=40))
def test_the_names_of_any_text_can_be_asked_for(text: str) -> None:
    assert all(isinstance(name, str) for name in chains(text))
