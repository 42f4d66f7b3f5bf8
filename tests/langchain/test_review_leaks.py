"""Nobody is given what belongs to another call: answers of another model, texts that are masked."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from conductor_mw_langchain import ConductorChatModel, ConductorRunnable
from conductor_mw_langchain.masking import masked
from langchain_core.messages import AIMessage
from langchain_core.runnables import ConfigurableField, RunnableLambda

from tests.langchain.oracle import Oracle
from tests.langchain.ways import Way, ask, each_way

CACHED = """
agents: [{id: small}]
routing: {default: small}
plugins: {cache: {ttl: 1h, scope: shared}}
"""
GUARDED = """
agents: [{id: chain}]
routing: {default: chain}
plugins: {guard: {pii: [email], redact: true}}
"""
SECRET = "ana@example.com"


class Who(NamedTuple):
    """What an app may put beside a question."""

    name: str
    mail: str


@each_way
def test_the_cache_keeps_models_apart_that_a_config_chooses(way: Way) -> None:
    child = Oracle(model="first").configurable_fields(model=ConfigurableField("which"))
    model = ConductorChatModel(policy=CACHED, agents={"small": child})
    other = {"configurable": {"which": "second"}}
    assert "first" in ask(model, "Hello?", way).text
    assert "second" in ask(model, "Hello?", way, other).text


@each_way
def test_the_cache_answers_in_whatever_thread_the_same_is_asked(way: Way) -> None:
    child = Oracle()
    model = ConductorChatModel(policy=CACHED, agents={"small": child})
    for thread in ("one", "two"):
        ask(model, "Hello?", way, {"configurable": {"thread_id": thread, "__own": object()}})
    assert len(child.asked) == 1


@pytest.mark.parametrize(
    "value",
    [{SECRET}, frozenset({SECRET}), Who("Ana", SECRET), (SECRET,), [[{SECRET}]]],
    ids=["set", "frozenset", "named tuple", "tuple", "nested"],
)
def test_a_chain_is_given_no_collection_with_what_is_masked(value: Any) -> None:
    given: list[Any] = []
    chain: Any = RunnableLambda(given.append)
    ConductorRunnable(policy=GUARDED, agents={"chain": chain}).invoke(
        {"question": "Who is it?", "known": value}
    )
    (asked,) = given
    assert SECRET not in repr(asked)
    assert type(asked["known"]) is type(value)


@pytest.mark.parametrize("kind", ["tool_call", "server_tool_call", "invalid_tool_call"])
def test_arguments_in_content_are_masked_whatever_they_are_called(kind: str) -> None:
    block = {"type": kind, "name": "find", "id": "1", "args": {"id": SECRET, "url": SECRET}}
    found = masked(AIMessage([block]), lambda text: text.replace(SECRET, "[mail]"))
    assert SECRET not in repr(found)
    assert found.content == [{**block, "args": {"id": "[mail]", "url": "[mail]"}}]
