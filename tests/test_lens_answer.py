"""Answers and chunks of OpenAI-style models become parts, and parts become an answer again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw.errors import Failure, PluginError
from conductor_mw.lenses import CHAT
from conductor_mw.parts import Part, ToolCall, Usage


def answer(message: object, finish: object = "stop", **rest: object) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"object": "chat.completion", "choices": [choice], **rest}


def chunk(delta: object, finish: object = None, index: int = 0, **rest: object) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [choice], **rest}


def objects(value: Any) -> Any:
    """Give the same answer as objects with attributes, as SDKs do."""
    return json.loads(json.dumps(value), object_hook=lambda item: SimpleNamespace(**item))


USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
WHOLE = answer(
    {
        "role": "assistant",
        "content": "Hello",
        "reasoning_content": "A greeting.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    },
    "tool_calls",
    usage=USAGE,
    id="a1",
    model="m",
    created=7,
)


def test_a_text_is_an_answer() -> None:
    assert CHAT.read("Hello") == Part("Hello", native="Hello")


def test_a_part_is_passed_on() -> None:
    part = Part("Hello")

    assert CHAT.read(part) is part


@pytest.mark.parametrize("native", [WHOLE, objects(WHOLE)], ids=["mapping", "object"])
def test_a_whole_answer_is_read_from_mappings_and_objects_alike(native: object) -> None:
    assert CHAT.read(native) == Part(
        "Hello",
        "A greeting.",
        (ToolCall(0, "c1", "f", "{}"), ToolCall(1, "c2", "g", "{}")),
        Usage(100, 20, 60, 5),
        "tool_calls",
        native,
    )


def test_a_chunk_says_which_call_it_belongs_to() -> None:
    native = chunk({"tool_calls": [{"index": 2, "function": {"arguments": '"x'}}]})

    assert CHAT.read(native).tool_calls == (ToolCall(2, "", "", '"x'),)


def test_an_sdks_own_objects_are_read() -> None:
    openai = pytest.importorskip("openai.types.chat")
    native = openai.ChatCompletion.model_validate(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "length",
                    "message": {"role": "assistant", "content": "Hi"},
                }
            ],
            "usage": {**USAGE, "total_tokens": 120},
        }
    )

    part = CHAT.read(native)

    assert (part.text, part.finish, part.usage) == ("Hi", "length", Usage(100, 20, 60, 5))
    assert part.native is native


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "refusal"),
        ("end_turn", "stop"),
        ("something_new", "stop"),
        (None, ""),
        ("", ""),
        (3, ""),
    ],
)
def test_every_reason_to_stop_has_its_word(reason: object, finish: str) -> None:
    assert CHAT.read(answer({"content": "Hi"}, reason)).finish == finish


def test_a_refusal_is_a_refusal() -> None:
    part = CHAT.read(answer({"content": None, "refusal": "I cannot."}))

    assert (part.text, part.finish) == ("I cannot.", "refusal")


def test_a_refusal_is_one_also_where_litellm_puts_it_aside() -> None:
    fields = {"refusal": "I cannot."}

    part = CHAT.read(answer({"content": None, "provider_specific_fields": fields}))

    assert (part.text, part.finish) == ("I cannot.", "refusal")


def test_the_last_chunk_may_hold_usage_and_no_choice() -> None:
    native: dict[str, Any] = {"choices": [], "usage": USAGE}

    assert CHAT.read(native) == Part(usage=Usage(100, 20, 60, 5), native=native)


def test_of_several_choices_the_first_is_read() -> None:
    native = chunk({"content": "second"}, index=1)

    assert CHAT.read(native) == Part(native=native)


def test_tokens_that_are_billed_beside_the_ordinary_ones_are_counted() -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 4,
        "input_tokens_details": {"orchestration_input_tokens": 5},
        "output_tokens_details": {"orchestration_output_tokens": 3},
    }

    assert CHAT.read(answer({"content": ""}, usage=usage)).usage == Usage(15, 7)


@pytest.mark.parametrize("count", [-5, 1.5, "12", True, None])
def test_a_count_that_is_none_counts_nothing(count: object) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": 2}

    assert CHAT.read(answer({"content": ""}, usage=usage)).usage == Usage(0, 2)


def test_an_error_in_the_place_of_an_answer_is_a_failure() -> None:
    with pytest.raises(Failure) as caught:
        CHAT.read({"error": {"message": "overloaded " * 100, "code": 503}})

    assert caught.value.kind == "server_error"
    assert str(caught.value).startswith(
        "the provider answered with an error: overloaded overloaded"
    )
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("native", "message"),
    [
        ({"choices": "Hi"}, "choices must be a list, not str"),
        (answer({"content": 3}), "content must be a string, not int"),
    ],
)
def test_an_answer_of_another_shape_is_invalid_output(native: object, message: str) -> None:
    with pytest.raises(Failure) as caught:
        CHAT.read(native)

    assert (caught.value.kind, str(caught.value)) == ("invalid_output", message)


@pytest.mark.parametrize("native", [None, 3, [], {"text": "Hi"}, object()])
def test_what_is_no_answer_is_the_fault_of_who_gave_it(native: object) -> None:
    with pytest.raises(PluginError) as caught:
        CHAT.read(native)

    assert str(caught.value) == (
        f"cannot read an answer of type {type(native).__name__}\n"
        "  answer with a text, an OpenAI-style chat completion, or parts"
    )


def test_parts_join_to_a_chat_completion() -> None:
    natives: list[object] = [
        chunk({"role": "assistant", "reasoning_content": "Hm. "}, id="a1", model="m", created=7),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk(
            {
                "tool_calls": [
                    {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a"'}}
                ]
            }
        ),
        chunk(
            {"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "g", "arguments": "{}"}}]}
        ),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}),
        chunk({}, "tool_calls"),
        {"choices": [], "usage": USAGE},
    ]

    joined = CHAT.join([CHAT.read(native) for native in natives])

    assert joined == {
        "id": "a1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "reasoning_content": "Hm. ",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"a": 1}'},
                        },
                        {
                            "id": "c2",
                            "type": "function",
                            "function": {"name": "g", "arguments": "{}"},
                        },
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {**USAGE, "total_tokens": 120},
    }


def test_nothing_joins_to_an_empty_answer() -> None:
    joined: Any = CHAT.join([])

    assert joined["choices"][0]["message"] == {"role": "assistant", "content": ""}
    assert joined["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", "stop"), ("length", "length"), ("refusal", "content_filter"), ("cut", "length")],
)
def test_every_word_has_its_reason_to_stop(finish: Any, reason: str) -> None:
    joined: Any = CHAT.join([Part("Hi", finish=finish)])

    assert joined["choices"][0]["finish_reason"] == reason


@given(st.lists(st.text(max_size=20), max_size=10))
def test_what_is_joined_reads_as_what_was_said(pieces: list[str]) -> None:
    parts = [CHAT.read(chunk({"content": piece})) for piece in pieces]

    assert CHAT.read(CHAT.join(parts)).text == "".join(pieces)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "tool_calls",
                    "function",
                    "usage",
                    "index",
                    "error",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_read_or_refused_in_one_of_our_errors(native: Any) -> None:
    try:
        part = CHAT.read(native)
    except (Failure, PluginError) as error:
        assert error.problem  # noqa: PT017 - what is refused may be either
    else:
        assert isinstance(part, Part)


def test_calls_without_an_index_stay_apart_by_their_ids() -> None:
    pieces = [
        {"id": "c0", "function": {"name": "f0", "arguments": "{"}},
        {"function": {"arguments": "}"}},
        {"id": "c1", "function": {"name": "f1", "arguments": "[]"}},
    ]

    joined: Any = CHAT.join([CHAT.read(chunk({"tool_calls": [piece]})) for piece in pieces])

    assert joined["choices"][0]["message"]["tool_calls"] == [
        {"id": "c0", "type": "function", "function": {"name": "f0", "arguments": "{}"}},
        {"id": "c1", "type": "function", "function": {"name": "f1", "arguments": "[]"}},
    ]
