"""Equal meaning is an equal key, different meaning a different one."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, cast

import pytest
from conductor_mw_cache.canonical import DEEPEST, NotPlainError, canonical
from conductor_mw_cache.question import NOT_IN_KEY
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.cache_kit import T1, conductor, policy

TEXTS = st.text(st.characters(), max_size=8)  # lone surrogates too
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.binary(max_size=8)
)
DATA = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


def meaning(value: Any) -> object:
    """Say what plain data means, in another way than the cache does."""
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, int | float):
        return ("number", value)  # 1 == 1.0
    if isinstance(value, str | bytes):
        return (type(value).__name__, value)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return ("mapping", frozenset((key, meaning(one)) for key, one in pairs.items()))
    return ("list", tuple(meaning(one) for one in value))


def rewritten(value: Any) -> Any:
    """Write the same in another way: keys the other way round, 1.0 for 1, tuples for lists."""
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {key: rewritten(pairs[key]) for key in reversed(list(pairs))}
    if isinstance(value, list):
        return tuple(rewritten(one) for one in cast("list[Any]", value))
    if isinstance(value, int) and not isinstance(value, bool):
        fits = abs(value) < 2**53
        return float(value) if fits else value
    return value


@given(DATA)
def test_the_way_data_is_written_does_not_count(value: Any) -> None:
    assert canonical(rewritten(value)) == canonical(value)


@given(DATA, DATA)
@example(True, 1)
@example([False], [0])
@example(b"x", "x")
@example("\ud800", "\ud801")
@example("\ud83d\ude00", "\U0001f600")
@example([1], [[1]])
@example({}, [])
@example("", None)
def test_different_data_is_different_bytes(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (meaning(one) == meaning(other))


@given(st.text("ab:1s", max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_no_text_reaches_into_its_neighbour(text: str, cut: int, other: int) -> None:
    one, two = [text[:cut], text[cut:]], [text[:other], text[other:]]

    assert (canonical(one) == canonical(two)) == (one == two)


@given(st.floats())
def test_numbers_that_are_not_finite_are_no_plain_data(number: float) -> None:
    if isfinite(number):
        canonical(number)
    else:
        with pytest.raises(NotPlainError):
            canonical(number)


class Shape(BaseModel):
    """A message object as SDKs answer with them."""

    role: str
    content: str


class Loud(str):
    """A text that may mean more than its letters."""

    __slots__ = ()


def test_a_message_object_counts_as_its_content() -> None:
    assert canonical(Shape(role="user", content="x")) == canonical({"role": "user", "content": "x"})


def endless() -> list[object]:
    found: list[object] = []
    found.append(found)
    return found


def wide() -> list[object]:
    found: list[object] = ["x"]
    for _ in range(DEEPEST - 2):
        found = [found, found]
    return found


@pytest.mark.parametrize(
    "value",
    [object(), {1: "x"}, {1: "x", "y": 2}, Loud("x"), {"a": {"b": Shape}}, endless(), wide()],
    ids=["object", "number as key", "mixed keys", "subclass", "class", "endless", "wide"],
)
def test_what_is_not_plain_has_no_key(value: object) -> None:
    with pytest.raises(NotPlainError):
        canonical(value)


# The same through a conductor.

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]


def calls(*asked: tuple[Any, Mapping[str, Any]], way: Way = "call") -> int:
    """Give how often the agent was called for these messages and parameters."""
    agent = Scripted("x")
    c = conductor(policy("ttl: 1h, temperature: true"), a=agent)
    for messages, parameters in asked:
        ask(c, messages, way=way, metadata=T1, **parameters)
    return len(agent.asked)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "parameters",
    [
        {"temperature": 1, "top_p": 0.5},
        {"top_p": 0.5, "temperature": 1.0},
        {"temperature": 1, "top_p": 0.5, "seed": None},
        *(
            {"temperature": 1, "top_p": 0.5, name: "anything"}
            for name in sorted(NOT_IN_KEY - {"stream", "metadata"})
        ),
    ],
    ids=str,
)
def test_what_does_not_shape_an_answer_does_not_count(parameters: dict[str, Any], way: Way) -> None:
    plain = {"temperature": 1, "top_p": 0.5}
    reordered = [dict(reversed(message.items())) for message in MESSAGES]

    assert calls((MESSAGES, plain), (reordered, parameters), way=way) == 1


def test_a_message_field_that_says_nothing_does_not_count() -> None:
    named = [{**message, "name": None} for message in MESSAGES]

    assert calls((MESSAGES, {}), (named, {})) == 1


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    "other",
    [
        (MESSAGES[1:], {}),
        (MESSAGES[::-1], {}),
        ([*MESSAGES, {"role": "assistant", "content": "hello"}], {}),
        ([MESSAGES[0], {"role": "user", "content": "Hello"}], {}),
        ([MESSAGES[0], {"role": "user", "content": "hello "}], {}),
        ([MESSAGES[0], {"role": "developer", "content": "hello"}], {}),
        ([MESSAGES[0], {**MESSAGES[1], "name": "ann"}], {}),
        (MESSAGES, {"temperature": 0.5}),
        (MESSAGES, {"seed": 1}),
        (MESSAGES, {"stop": ["."]}),
        (MESSAGES, {"max_tokens": 10}),
        (MESSAGES, {"max_completion_tokens": 10}),
        (MESSAGES, {"reasoning_effort": "low"}),
        (MESSAGES, {"tools": [TOOL]}),
        (MESSAGES, {"tools": [TOOL], "tool_choice": "required"}),
        (MESSAGES, {"response_format": {"type": "json_object"}}),
        (MESSAGES, {"model": "another"}),
        (MESSAGES, {"anything_new": True}),
        (MESSAGES, {"anything_new": 1}),
    ],
    ids=str,
)
def test_whatever_shapes_an_answer_counts(other: tuple[Any, Any]) -> None:
    assert calls((MESSAGES, {}), other) == 2


def test_a_null_deep_in_a_schema_means_something() -> None:
    schemas = [
        {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
        for schema in ({"const": None}, {})
    ]

    assert calls(*((MESSAGES, {"response_format": one}) for one in schemas)) == 2


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_pictures_and_sounds_count(kind: str) -> None:
    def asked(data: str) -> tuple[Any, dict[str, Any]]:
        pieces: dict[str, Any] = {
            "image": {"type": "image_url", "image_url": {"url": f"data:;base64,{data}"}},
            "audio": {"type": "input_audio", "input_audio": {"data": data}},
        }
        content = [{"type": "text", "text": "what is it?"}, pieces[kind]]
        return [{"role": "user", "content": content}], {}

    assert calls(asked("AAAA"), asked("AAAB"), asked("AAAA")) == 2


@given(st.lists(st.sampled_from("ab\0\n:0123456789slid"), max_size=6), st.integers(0, 6))
def test_no_split_of_a_conversation_is_another(letters: list[str], cut: int) -> None:
    text = "".join(letters)
    whole = [{"role": "user", "content": text}]
    split = [{"role": "user", "content": text[:cut]}, {"role": "user", "content": text[cut:]}]

    assert calls((whole, {}), (split, {})) == 2
