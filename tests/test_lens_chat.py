"""The chat lens reads OpenAI-style payloads as they are, and says where one cannot be read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from conductor_mw.errors import RequestError
from conductor_mw.lenses import CHAT, to_request
from conductor_mw.request import Message

PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PAPER = {"type": "file", "file": {"file_id": "f1"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q": "x"}'}}
SEARCH: dict[str, Any] = {
    "type": "function",
    "function": {"name": "search", "description": "Mail a@b.c", "parameters": {"type": "object"}},
}


def payload(*messages: object, **rest: object) -> dict[str, Any]:
    return {"messages": list(messages), **rest}


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def test_the_apps_own_list_of_messages_is_passed_on_and_never_copied() -> None:
    messages = [user("Hello")]

    request = to_request(messages, metadata={"tier": "pro"}, parameters={"temperature": 0})

    native: Any = request.native
    assert native["messages"] is messages
    changed: Any = CHAT.with_parameters(native, {"model": "x"})
    assert changed["messages"] is messages


def test_a_text_becomes_one_user_message() -> None:
    request = to_request("Hello", tools=[SEARCH], stream=True, parameters={"temperature": 0.5})

    assert request.native == payload(user("Hello"), tools=[SEARCH], temperature=0.5)
    assert (request.text, request.stream, request.metadata) == ("Hello", True, {})


def test_messages_are_read_in_every_form_they_have() -> None:
    native = payload(
        {"role": "developer", "content": "Be kind."},
        user([{"type": "text", "text": "Look:"}, PICTURE, SOUND, PAPER, {"type": "new_thing"}]),
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "found"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "assistant", "content": "", "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "function", "name": "old", "content": "1"},
        user("And now?"),
    )

    assert CHAT.messages(native) == [
        Message("system", "Be kind."),
        Message("user", "Look:", ("image", "audio", "file", "other")),
        Message("assistant", "", (), ("search",)),
        Message("tool", "found"),
        Message("assistant", "No."),
        Message("assistant", "", (), ("old",)),
        Message("tool", "1"),
        Message("user", "And now?"),
    ]
    assert CHAT.text(native) == "And now?"


class Function(BaseModel):
    name: str
    arguments: str


class Call(BaseModel):
    id: str
    function: Function
    type: str = "function"


class Reply(BaseModel):
    role: str = "assistant"
    content: str | None = None
    tool_calls: list[Call] | None = None


def test_an_answers_message_object_may_stand_in_the_conversation() -> None:
    reply = Reply(tool_calls=[Call(id="c1", function=Function(name="search", arguments="{}"))])
    native = payload(user("Hi"), reply)

    assert CHAT.messages(native)[1] == Message("assistant", "", (), ("search",))
    assert CHAT.text(native) == "Hi"
    assert CHAT.size(native) > CHAT.size(payload(user("Hi")))


def test_tools_are_told_by_name() -> None:
    native = payload(
        user("Hi"),
        tools=[SEARCH, {"type": "web_search"}, {"name": "flat", "parameters": {"type": "object"}}],
        functions=[{"name": "old"}],
    )

    assert CHAT.tools(native) == ["search", "web_search", "flat", "old"]
    assert CHAT.tools(payload(user("Hi"), tools=None)) == []


def test_parameters_are_what_is_neither_message_nor_tool() -> None:
    native = payload(user("Hi"), tools=[SEARCH], functions=[], model="m", tool_choice="auto")

    assert CHAT.parameters(native) == {"model": "m", "tool_choice": "auto"}


def test_a_prompt_leads_and_the_apps_own_system_message_stays() -> None:
    native = payload({"role": "system", "content": "Own."}, user("Hi"), model="m")
    before = copy.deepcopy(native)

    led = CHAT.with_system(native, "Lead.")

    assert led == payload(
        {"role": "system", "content": "Lead."},
        {"role": "system", "content": "Own."},
        user("Hi"),
        model="m",
    )
    assert native == before
    assert CHAT.with_system(native, "") is native


def test_parameters_are_set_and_the_others_kept() -> None:
    native = payload(user("Hi"), temperature=1, seed=3)

    changed = CHAT.with_parameters(native, {"temperature": 0})

    assert changed == payload(user("Hi"), temperature=0, seed=3)
    assert native["temperature"] == 1
    assert CHAT.with_parameters(native, {}) is native


def test_every_text_is_redacted_and_nothing_that_steers_the_payload() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,secret"}}
    call = {
        "id": "secret",
        "type": "function",
        "function": {"name": "secret", "arguments": '{"a":"secret"}'},
    }
    native = payload(
        {"role": "system", "content": "secret"},
        user([{"type": "text", "text": "my secret"}, picture]),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "secret", "content": "secret"},
        Reply(content="secret"),
        tools=[SEARCH],
        model="secret",
    )
    before = copy.deepcopy(native)

    redacted = CHAT.redacted(native, lambda text: text.replace("secret", "*").replace("a@b.c", "*"))

    assert native == before
    assert redacted == payload(
        {"role": "system", "content": "*"},
        user([{"type": "text", "text": "my *"}, picture]),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "secret",
                    "type": "function",
                    "function": {"name": "secret", "arguments": '{"a":"*"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "secret", "content": "*"},
        {"role": "assistant", "content": "*"},
        tools=[
            {
                "type": "function",
                "function": {
                    "name": "search",
                    "description": "Mail *",
                    "parameters": {"type": "object"},
                },
            }
        ],
        model="secret",
    )


def test_a_fresh_payload_has_one_message_and_no_tools() -> None:
    native = payload(
        user("old"),
        tools=[SEARCH],
        tool_choice="auto",
        response_format={},
        max_tokens=5,
        model="m",
        user="u1",
    )

    assert CHAT.fresh(native, "new") == payload(user("new"), model="m", user="u1")


def test_the_size_counts_the_bytes_of_every_text() -> None:
    assert CHAT.size(payload(user("a" * 1_000))) - CHAT.size(payload(user(""))) == 1_000
    assert CHAT.size(payload(user("ä" * 1_000))) - CHAT.size(payload(user(""))) == 2_000
    assert 5_000 < CHAT.size(payload(user("Hi"), seed=10**5_000)) < 6_000


def test_pieces_are_every_text_and_no_data_of_media() -> None:
    native = payload(
        user([{"type": "text", "text": "Look"}, PICTURE]),
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        tools=[SEARCH],
    )

    text = " ".join(CHAT.pieces(native))

    assert all(word in text for word in ("Look", "search", "Mail a@b.c", '{"q": "x"}'))
    assert "example.com" not in text


def told(native: object) -> str:
    """Give what every reading method says of a payload that cannot be read; all say the same."""
    said = set[str]()
    readers: list[Callable[[Any], object]] = [
        CHAT.text,
        CHAT.messages,
        CHAT.tools,
        CHAT.size,
        pieces,
    ]
    for read in readers:
        try:
            read(native)
        except RequestError as error:
            said.add(str(error))
    assert len(said) == 1, said
    return said.pop()


@pytest.mark.parametrize(
    ("native", "message"),
    [
        (3, "request: a chat payload must be a mapping with messages, not int"),
        ({}, "messages: is missing\n  pass a list of messages"),
        ({"messages": "Hi"}, "messages: must be a list of messages, not str"),
        ({"messages": {}}, "messages: must be a list of messages, not dict"),
        (
            payload("Hi"),
            "messages.0: a message must be a mapping with role and content, not str",
        ),
        (
            payload(user("a"), None),
            "messages.1: a message must be a mapping with role and content, not null",
        ),
        (
            payload({"content": "a"}),
            "messages.0.role: is missing\n  write system, user, assistant or tool",
        ),
        (
            payload({"role": 3, "content": "a"}),
            "messages.0.role: must be a string, not int\n  write system, user, assistant or tool",
        ),
        (
            payload(user("a"), user("b"), user("c"), user(3)),
            "messages.3.content: must be a string, a list of pieces or null, not int",
        ),
        (
            payload(user([{"text": "a"}])),
            (
                "messages.0.content.0: a piece of content must be a mapping with a type\n"
                '  for example {"type": "text", "text": "..."}'
            ),
        ),
        (
            payload(user(["fine", {"type": "text", "text": None}])),
            "messages.0.content.1.text: must be a string, not null",
        ),
        (
            payload({"role": "assistant", "content": "", "tool_calls": "f"}, user("a")),
            "messages.0.tool_calls: must be a list, not str",
        ),
        (
            payload({"role": "assistant", "content": "", "tool_calls": [{"id": 1}]}, user("a")),
            (
                "messages.0.tool_calls.0: a tool call must name its function\n"
                '  for example {"type": "function", "function": {"name": "f", "arguments": "{}"}}'
            ),
        ),
        (payload(user("a"), tools={"name": "f"}), "tools: must be a list, not dict"),
        (
            payload(user("a"), tools=[{"type": "function", "function": {"strict": True}}]),
            (
                "tools.0: a tool must have a name\n"
                '  for example {"type": "function", "function": {"name": "f", "parameters": {}}}'
            ),
        ),
        (
            payload(user("a"), functions=["f"]),
            (
                "functions.0: a tool must have a name\n"
                '  for example {"type": "function", "function": {"name": "f", "parameters": {}}}'
            ),
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(native: object, message: str) -> None:
    assert told(native) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": []}, "messages: there is no message\n  pass a text or at least one message"),
        ({"prompt": 3}, "messages: must be a list of messages, not int"),
        ({"prompt": None}, "messages: is missing\n  pass a list of messages"),
        ({"prompt": "a", "metadata": "pro"}, "metadata: must be a mapping, not str"),
        (
            {"prompt": "a", "parameters": {"messages": []}},
            (
                "parameters: messages and tools are no parameters\n"
                "  pass messages as the prompt, and tools as tools=[...]"
            ),
        ),
    ],
)
def test_a_call_that_makes_no_request_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        to_request(**arguments)

    assert str(caught.value) == message


def nested(depth: int) -> object:
    value: object = "end"
    for _ in range(depth):
        value = [value]
    return value


def endless() -> list[object]:
    own: list[object] = []
    own.append(own)
    own.append(own)
    return own


@pytest.mark.parametrize("value", [nested(100_000), endless()])
def test_what_is_nested_without_end_is_refused(value: object) -> None:
    native = payload(user("Hi"), deep=value)

    with pytest.raises(RequestError) as caught:
        CHAT.size(native)

    assert str(caught.value) == "request: is nested deeper than 64"


def test_what_holds_itself_everywhere_is_refused_when_it_is_masked() -> None:
    wide: object = "end"
    for _ in range(60):
        wide = [wide, wide]
    native = payload({"role": "user", "content": "Hi", "extra": wide})

    with pytest.raises(RequestError) as caught:
        CHAT.redacted(native, str.upper)

    assert str(caught.value) == "messages.0: holds more than 200,000 values"


def test_a_tool_that_is_nested_too_deep_is_told_with_its_place() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": nested(100)}}

    with pytest.raises(RequestError) as caught:
        list(CHAT.pieces(payload(user("Hi"), tools=[SEARCH, tool])))

    assert str(caught.value) == "tools.1: is nested deeper than 64"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "image_url",
                    "x",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=4) | JSON, JSON)
def test_any_json_is_read_or_refused_and_read_alike_twice(messages: Any, tools: Any) -> None:
    native = {"messages": messages, "tools": tools}

    said = outcomes(native)

    assert said == outcomes(copy.deepcopy(native))
    assert not any(line.startswith(": ") for line in said)


def outcomes(native: object) -> Sequence[str]:
    readers: list[Callable[[Any], object]] = [
        CHAT.text,
        CHAT.messages,
        CHAT.tools,
        CHAT.parameters,
        CHAT.size,
        pieces,
        lambda given: CHAT.with_system(given, "Lead."),
        lambda given: CHAT.redacted(given, str.upper),
        lambda given: CHAT.fresh(given, "new"),
    ]
    said: list[str] = []
    for read in readers:
        try:
            said.append(repr(read(native)))
        except RequestError as error:
            said.append(f"{error.where}: {error.problem}")
    return said


def pieces(native: object) -> list[str]:
    return list(CHAT.pieces(native))
