"""What is paid is counted: answers that nobody can parse, and answers of which a part was free."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel

from conductor_mw import Failure, attempts_of
from tests.langchain.oracle import Oracle
from tests.langchain.ways import Way, ask, each_way

PRICED = """
agents: [{id: small, price: {input: 1, output: 1}}]
routing: {default: small}
"""


TWICE = """
agents: [{id: small, price: {input: 1, output: 1}}]
flows:
  twice:
    sequence:
      - {id: draft, use: small}
      - {id: final, use: small, prompt: "{draft.text} {input.text}"}
routing: {default: twice}
plugins: {cache: {ttl: 1h, scope: shared}}
"""


class Ticket(BaseModel):
    """What structured output is asked for."""

    team: str


class Rambling(Oracle):
    """Answers in words whatever form it is asked for."""

    def answer(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        told = super().answer(messages, kwargs)
        return told.model_copy(update={"content": "Let me think.", "tool_calls": []})


@each_way
@pytest.mark.parametrize("options", [{}, {"method": "json_mode"}], ids=["tools", "json"])
def test_an_answer_that_cannot_be_parsed_is_paid_all_the_same(
    way: Way, options: dict[str, Any]
) -> None:
    model = ConductorChatModel(policy=PRICED, agents={"small": Rambling()})
    asked = model.with_structured_output(Ticket, **options)
    with pytest.raises(Failure) as caught:
        ask(asked, "My invoice is wrong", way)
    (attempt,) = attempts_of(caught.value)
    assert attempt.kind == "invalid_output"
    assert attempt.usage.input_tokens == 4
    assert attempt.cost is not None
    assert attempt.cost.nano > 0


class Signing(Oracle):
    """Gives answers to what was drafted that no cache can keep."""

    def answer(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        told = super().answer(messages, kwargs)
        drafted = any("Hello from" in message.text for message in messages)
        return told.model_copy(update={"additional_kwargs": {"signature": "x"}} if drafted else {})


def test_an_answer_that_is_paid_is_not_marked_free_because_its_draft_was() -> None:
    model = ConductorChatModel(policy=TWICE, agents={"small": Signing()})
    model.invoke("Who are you?")
    answer = model.invoke("Who are you?")
    told = answer.response_metadata["conductor"]
    assert [one.get("by") for one in told["attempts"]] == ["cache", None]
    assert told["dollars"] > 0
    assert "total_cost" not in (answer.usage_metadata or {})


class Lying(Oracle):
    """Reports tokens that nobody can use."""

    def answer(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        usage: Any = {"input_tokens": -1_000_000, "output_tokens": 3, "total_tokens": 0}
        details = {"input_token_details": {"cache_read": -5}}
        told = super().answer(messages, kwargs)
        return told.model_copy(update={"usage_metadata": {**usage, **details}})


@each_way
def test_no_count_of_a_provider_gives_money_back(way: Way) -> None:
    model = ConductorChatModel(policy=PRICED, agents={"small": Lying()})
    answer = ask(model, "Hello?", way)
    told = answer.response_metadata["conductor"]
    assert (told["dollars"], told["tokens"]) == (3e-06, 3)


class Dating(Oracle):
    """Calls a tool with what is no JSON, as a model of the app's own may."""

    def answer(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        call: Any = {"name": "book", "args": {"on": date(2026, 1, 2)}, "id": "1"}
        return super().answer(messages, kwargs).model_copy(update={"tool_calls": [call]})


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_arguments_that_are_no_json_are_handed_on(way: Way) -> None:
    policy = PRICED.replace("routing:", "plugins: {guard: {pii: [email]}}\nrouting:")
    model = ConductorChatModel(policy=policy, agents={"small": Dating()})
    asked = ask(model, "Book it", way)
    assert asked.tool_calls[0]["args"] == {"on": date(2026, 1, 2)}
    assert ask(model, [asked, ("user", "And now?")], way).tool_calls == asked.tool_calls
