"""What rules read of a chain's input, and where in it a flow's own words go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from conductor_mw_langchain import ConductorRunnable
from conductor_mw_langchain.input_lens import INPUT_LENS
from conductor_mw_langchain.inputs import Input
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel

from conductor_mw import ChatLens, ConductorError, Request, RequestError, Weight
from tests.langchain.chains import Keeping, Way, ask, each_way

TALK = [SystemMessage("Be kind."), HumanMessage("Hello"), AIMessage("Hi."), HumanMessage("Open?")]
OPENAI = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "Open?"},
]


class State(BaseModel):
    """A graph's state, as some apps have it."""

    question: str
    depth: int = 1


def topic(value: Any) -> Any:
    return value["topic"]


def log(value: Any) -> Any:
    return value["log"]


def question(value: Any) -> Any:
    return value["question"]


def whole(value: Any) -> Any:
    return value


def about(value: Any, text: str) -> Any:
    return {**value, "topic": text}


def read(value: Any, **options: Any) -> Request:
    return Request(Input.of(value, {}, **options), INPUT_LENS)


READABLE: Mapping[str, tuple[Any, str]] = {
    "a text": ("Open?", "Open?"),
    "messages": (TALK, "Open?"),
    "OpenAI's messages": (OPENAI, "Open?"),
    "pairs": ([("human", "Hello"), ("ai", "Hi."), ("human", "Open?")], "Open?"),
    "a message": (HumanMessage("Open?"), "Open?"),
    "a prompt": (ChatPromptValue(messages=TALK), "Open?"),
    "a text prompt": (StringPromptValue(text="Open?"), "Open?"),
    "a question": ({"question": "Open?", "depth": 3}, "Open?"),
    "an input": ({"input": "Open?", "chat_history": TALK[:2]}, "Open?"),
    "a query": ({"query": "Open?"}, "Open?"),
    "a field called text": ({"text": "Open?"}, "Open?"),
    "a graph's state": ({"messages": TALK, "question": "never read"}, "Open?"),
    "an empty conversation": ({"messages": [], "question": "Open?"}, "Open?"),
    "a question that is no text": ({"question": 7, "text": "Open?"}, "Open?"),
    "a pydantic object": (State(question="Open?"), "Open?"),
    "anything else": ({"topic": "bears", "lines": 4}, '{"topic": "bears", "lines": 4}'),
    "a list of texts": (["a", "b"], '["a", "b"]'),
    "a number": (7, "7"),
    "nothing": (None, "null"),
    "an object": (object(), '"<object>"'),
}


@pytest.mark.parametrize(("value", "text"), READABLE.values(), ids=READABLE)
def test_the_text_of_an_input_is_found(value: Any, text: str) -> None:
    assert read(value).text == text


@pytest.mark.parametrize(
    "value", [TALK, OPENAI, ChatPromptValue(messages=TALK), {"messages": TALK}]
)
def test_messages_read_as_the_same_messages_in_every_host(value: Any) -> None:
    chat, plain = ChatLens(), {"messages": OPENAI}

    asked = read(value)

    assert list(asked.messages) == list(chat.messages(plain))
    assert INPUT_LENS.weight(asked.native) == chat.weight(plain)
    assert list(INPUT_LENS.pieces(asked.native)) == list(chat.pieces(plain))
    assert asked.size == chat.size(plain)


def test_everything_that_the_chain_is_given_counts_and_is_searched() -> None:
    value = {
        "question": "Open?",
        "context": [Document("Nine to five."), "naïve"],
        "chat_history": [HumanMessage("Hello")],
        "depth": 3,
    }

    asked = read(value)

    assert set(INPUT_LENS.pieces(asked.native)) >= {"Open?", "Nine to five.", "naïve", "Hello"}
    beside = len("Nine to five.") + len("naïve".encode()) + len("Hello") + len("Document")
    assert INPUT_LENS.weight(asked.native) == Weight(len("Open?") + beside, 1, 0, 1)
    assert asked.size > read({"question": "Open?"}).size + beside


@each_way
def test_the_chain_gets_the_very_object_that_the_app_gave(way: Way) -> None:
    kept = Keeping()
    value = {"question": "why?", "depth": 3, "documents": [Document("x")]}

    ask(one(kept), value, way)

    assert kept.asked[0] is value


@each_way
def test_the_apps_own_reading_counts(way: Way) -> None:
    kept, rest = Keeping("topical"), Keeping("other")
    chain = ConductorRunnable(
        policy="""
agents: [{id: a}, {id: b}]
routing: {rules: [{condition: "input.text == 'bears'", target: a}], default: b}
""",
        agents={"a": kept.chain, "b": rest.chain},
        read=topic,
    )

    assert ask(chain, {"topic": "bears"}, way) in ("topical", ["topical"])
    assert ask(chain, {"topic": "birds"}, way) in ("other", ["other"])


def test_a_reading_may_give_messages() -> None:
    asked = read({"log": TALK}, read=log)

    assert [message.role for message in asked.messages] == ["system", "user", "assistant", "user"]


def test_a_reading_that_gives_neither_text_nor_messages_is_refused() -> None:
    with pytest.raises(RequestError, match="neither a text nor messages"):
        read({"topic": 7}, read=topic)


def test_short_plain_fields_are_facts_that_rules_read() -> None:
    chain = ConductorRunnable(
        policy="""
agents: [{id: a, simulated: deep}, {id: b, simulated: plain}]
signals: {depth: {from: metadata.input.depth, type: int, default: 0}}
routing: {rules: [{condition: "depth > 2", target: a}], default: b}
"""
    )

    assert chain.invoke({"question": "Open?", "depth": 3}) == "deep"
    assert chain.invoke({"question": "Open?", "depth": "3" * 2_000}) == "plain"
    assert chain.invoke({"question": "Open?"}) == "plain"
    config: Any = {"metadata": {"input": {"depth": 9}}}
    assert chain.invoke({"question": "Open?", "depth": 0}, config) == "deep"


def test_the_text_itself_is_no_fact() -> None:
    value: Any = {"question": "Open?", "tier": "pro", 7: "x", "documents": []}

    assert Input.of(value, {}).facts() == {"tier": "pro"}
    assert Input.of("Open?", {}).facts() == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Open?", "Draft it."),
        (HumanMessage("Open?"), HumanMessage("Draft it.")),
        (TALK, [HumanMessage("Draft it.")]),
        (ChatPromptValue(messages=TALK), ChatPromptValue(messages=[HumanMessage("Draft it.")])),
        (StringPromptValue(text="Open?"), StringPromptValue(text="Draft it.")),
        ({"question": "Open?", "depth": 3}, {"question": "Draft it.", "depth": 3}),
        ({"messages": TALK, "k": 1}, {"messages": [HumanMessage("Draft it.")], "k": 1}),
        (State(question="Open?", depth=3), State(question="Draft it.", depth=3)),
    ],
    ids=["text", "message", "messages", "prompt", "text prompt", "question", "state", "pydantic"],
)
def test_a_steps_own_prompt_goes_where_the_text_stood(value: Any, expected: Any) -> None:
    kept = Keeping()

    stepped(kept).invoke(value)

    assert kept.asked == [expected]


def test_a_step_cannot_say_a_text_where_nobody_knows_its_place() -> None:
    with pytest.raises(ConductorError, match="nobody knows where") as caught:
        stepped(Keeping()).invoke({"topic": "bears"})

    assert "write=" in caught.value.mend
    assert "agent 'a'" in caught.value.where


def test_the_apps_own_writing_says_where_a_text_goes() -> None:
    kept = Keeping()

    stepped(kept, write=about).invoke({"topic": "bears"})

    assert kept.asked == [{"topic": "Draft it."}]


def test_a_system_message_needs_a_list_of_messages() -> None:
    policy = "agents: [{id: a}]\nrouting: {default: {sequence: [{use: a, system: Be brief.}]}}\n"
    kept = Keeping()
    chain = ConductorRunnable(policy=policy, agents={"a": kept.chain})

    chain.invoke([HumanMessage("Open?")])
    with pytest.raises(ConductorError, match="a place for one text"):
        chain.invoke("Open?")

    assert kept.asked == [[SystemMessage("Be brief."), HumanMessage("Open?")]]


@each_way
def test_personal_data_is_masked_in_every_field(way: Way) -> None:
    kept = Keeping(question)
    value = {
        "question": "Write to ana@example.com",
        "chat_history": [HumanMessage("I am bob@example.com")],
        "documents": [Document("carl@example.com"), ("dora@example.com", 3)],
        "depth": 3,
    }

    found = ask(one(kept, "plugins: {guard: {redact: [email]}}\n"), value, way)

    assert "@" not in str(kept.asked[0])
    assert kept.asked[0]["depth"] == 3
    assert isinstance(kept.asked[0]["chat_history"][0], HumanMessage)
    assert isinstance(kept.asked[0]["documents"][0], Document)
    assert "".join(found) == "Write to ana@example.com"  # what was masked is put back
    assert value["question"] == "Write to ana@example.com"


def test_personal_data_is_masked_where_nobody_knows_the_texts_place() -> None:
    kept = Keeping("Kept.")

    one(kept, "plugins: {guard: {redact: [email]}}\n").invoke({"topic": ["ana@example.com"]})

    (asked,) = kept.asked
    assert "@" not in asked["topic"][0]


def test_a_masked_prompt_stays_a_prompt() -> None:
    kept = Keeping(whole)
    prompt = ChatPromptTemplate.from_template("Write to {question}")

    chain: Any = prompt | one(kept, "plugins: {guard: {redact: [email]}}\n")
    chain.invoke({"question": "ana@example.com"})

    (asked,) = kept.asked
    assert isinstance(asked, ChatPromptValue)
    assert "@" not in asked.to_string()


@pytest.mark.parametrize("depth", [100, 5_000])
@pytest.mark.parametrize("key", ["deep", "question"])
def test_a_value_nested_too_deep_is_refused(depth: int, key: str) -> None:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    policy = "plugins: {guard: {redact: [email]}}\n"

    with pytest.raises(RequestError, match="nested"):
        one(Keeping(), policy).invoke({"text": "Open?", key: value} if key == "deep" else value)


@pytest.mark.parametrize("field", [[0] * 200_001, [[0] * 1_000] * 201, {0: set(range(200_001))}])
def test_a_value_of_too_many_values_is_refused(field: Any) -> None:
    with pytest.raises(RequestError, match="more than 200,000 values"):
        _ = read({"question": "Open?", "field": field}).size


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {"topic": "bears"}
    loop["self"] = loop

    with pytest.raises(RequestError, match="holds itself"):
        one(Keeping()).invoke(loop)


def test_a_value_without_a_text_is_read_up_to_a_bound() -> None:
    with pytest.raises(RequestError, match="read=") as caught:
        one(Keeping()).invoke({"topic": "x" * 1_000_001})

    assert caught.value.where == "input"


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "nobody", "content": "x"}],
        [{"role": "user", "content": 7}],
        [{"role": "tool", "content": "x"}],
        [{"role": "assistant", "content": "x", "tool_calls": [{"function": {"arguments": "{"}}]}],
    ],
)
def test_messages_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(RequestError, match="cannot be read as messages"):
        one(Keeping()).invoke(value)


def test_what_a_user_types_names_no_agent() -> None:
    kept, secret = Keeping("open"), Keeping("secret")
    chain = ConductorRunnable(
        policy="agents: [{id: a}, {id: secret}]\nrouting: {default: a}\n",
        agents={"a": kept.chain, "secret": secret.chain},
    )

    for value in ({"question": "secret", "model": "secret", "target": "secret"}, "secret"):
        assert chain.invoke(value) == "open"


def test_a_message_that_a_chain_before_gave_is_read_as_what_it_is() -> None:
    asked = read(AIMessage("Hi."))

    assert asked.text == ""
    assert [message.role for message in asked.messages] == ["assistant"]


def one(kept: Keeping, more: str = "") -> ConductorRunnable:
    policy = "agents: [{id: a}]\nrouting: {default: a}\n" + more
    return ConductorRunnable(policy=policy, agents={"a": kept.chain})


def stepped(kept: Keeping, **options: Any) -> ConductorRunnable:
    policy = "agents: [{id: a}]\nrouting: {default: {sequence: [{use: a, prompt: Draft it.}]}}\n"
    return ConductorRunnable(policy=policy, agents={"a": kept.chain}, **options)
