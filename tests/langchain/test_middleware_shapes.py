"""Structured output of an agent under a policy: each child's own way, and everybody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents.structured_output import (
    ProviderStrategy,
    StructuredOutputValidationError,
    ToolStrategy,
)
from langchain_core.messages import AIMessage, ToolMessage
from pydantic import BaseModel

from conductor_mw import Part, Request, ToolCall, attempts_of
from tests.langchain.agent_kit import WAYS, Way, agent, answered, crew
from tests.langchain.oracle import Oracle

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class Weather(BaseModel):
    """What the weather is like."""

    city: str


class Place(BaseModel):
    """Somewhere."""

    river: str


class Says(Oracle):
    """Says one text, whatever it is asked."""

    words: str = ""

    def answer(self, messages: Any, kwargs: Any) -> AIMessage:
        return (
            super()
            .answer(messages, kwargs)
            .model_copy(update={"content": self.words, "tool_calls": []})
        )


def native(name: str, **given: Any) -> Oracle:
    """A child whose provider has structured output of its own."""
    return Oracle(model=name, profile={"structured_output": True}, **given)


@ways
async def test_each_child_answers_in_its_own_way(way: Way) -> None:
    children = {"small": Oracle(model="small-1"), "large": native("large-1")}

    for name in ("small", "large"):
        made = agent(f"{{default: {name}}}", children, tools=(), response_format=Weather)
        state = await way(made)
        assert state["structured_response"] == Weather(city="Paris")
        assert answered(state)[-1] == name
    assert children["small"].asked[0][1]["tools"][0]["function"]["name"] == "Weather"
    assert children["large"].asked[0][1]["response_format"]["type"] == "json_schema"


@ways
@pytest.mark.parametrize("form", [ToolStrategy(Weather), ProviderStrategy(Weather)])
async def test_a_form_that_the_app_chose_holds_for_every_child(way: Way, form: Any) -> None:
    children = crew(fails=TimeoutError("slow"))
    made = agent("{default: {fallback: [small, large]}}", children, tools=(), response_format=form)
    state = await way(made)

    assert state["structured_response"] == Weather(city="Paris")
    assert answered(state) == ["large"]


@ways
async def test_what_cannot_be_parsed_is_a_failure_that_a_policy_can_name(way: Way) -> None:
    children = {"small": Says(model="small-1", words="no JSON"), "large": native("large-1")}
    flow = "{fallback: [small, large], on: [invalid_output]}"
    made = agent(
        f"{{default: {flow}}}", children, tools=(), response_format=ProviderStrategy(Weather)
    )
    state = await way(made)

    assert state["structured_response"] == Weather(city="Paris")
    first = state["conductor"][0]
    assert first["attempts"][0]["failed"] == "invalid_output"
    assert first["tokens"] > state["messages"][-1].usage_metadata["total_tokens"]


@ways
async def test_where_nobody_is_left_the_parser_s_own_error_is_raised(way: Way) -> None:
    children = {**crew(), "small": Says(model="small-1", words="no JSON")}
    made = agent("{default: small}", children, tools=(), response_format=ProviderStrategy(Weather))

    with pytest.raises(StructuredOutputValidationError) as caught:
        await way(made)
    assert [one.kind for one in attempts_of(caught.value)] == ["invalid_output"]


@ways
async def test_an_answer_of_no_model_is_parsed_as_well(way: Way) -> None:
    policy = 'agents: [{id: fake, simulated: \'{"city": "Rome"}\'}]\n'
    forms: list[Any] = [Weather, ToolStrategy(Weather), ToolStrategy(Place | Weather)]
    for form in forms:
        made = agent("{default: fake}", {}, policy=policy, tools=(), response_format=form)
        state = await way(made)
        assert state["structured_response"] == Weather(city="Rome")


@ways
async def test_an_answer_of_no_model_that_is_not_of_the_form_does_not_go_round(way: Way) -> None:
    policy = "agents: [{id: fake, simulated: Rome.}]\n"
    made = agent("{default: fake}", {}, policy=policy, tools=(), response_format=Weather)

    with pytest.raises(StructuredOutputValidationError):
        await way(made)


@ways
async def test_the_best_of_several_structured_answers_is_given(way: Way) -> None:
    children = {"small": native("small-1"), "large": native("large-1")}
    flow = "{parallel: [small, large], take: best, score: {regex: Paris}}"
    made = agent(f"{{default: {flow}}}", children, tools=(), response_format=Weather)

    assert (await way(made))["structured_response"] == Weather(city="Paris")


@ways
async def test_a_tool_call_that_was_put_together_is_parsed(way: Way) -> None:
    def calls(request: Request) -> Part:
        del request
        arguments = json.dumps({"city": "Oslo"})
        return Part(tool_calls=(ToolCall(0, "c1", "Weather", arguments),), finish="tool_calls")

    made = agent("{default: small}", {**crew(), "small": calls}, tools=(), response_format=Weather)
    state = await way(made)

    assert state["structured_response"] == Weather(city="Oslo")
    assert isinstance(state["messages"][-1], ToolMessage)
