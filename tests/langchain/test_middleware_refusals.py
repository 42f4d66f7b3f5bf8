"""Where the policy refuses a model call: the failure is raised, or the agent ends and says so."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents.middleware.types import AgentMiddleware
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from conductor_mw import Failure, Request
from tests.langchain.agent_kit import AGENTS, QUESTION, WAYS, Way, agent, crew

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
ENDS = {"on_refusal": "end"}
FORBIDDEN = AGENTS + "guarantees: [{never: {when: 'true', agents: [small]}}]\n"
SPENT = """
agents: [{id: small, price: {input: 1, output: 1}, max_output_tokens: 10}, {id: large}]
plugins: {budget: {dollars: 0.000001, every: day}}
"""


class Weather(BaseModel):
    """What the weather is like."""

    city: str


class Looks(AgentMiddleware[Any, Any, Any]):
    """Stands between the model and the end."""

    def after_model(self, state: Any, runtime: Any) -> None:
        del state, runtime

    async def aafter_model(self, state: Any, runtime: Any) -> None:
        del state, runtime


@ways
@pytest.mark.parametrize(("policy", "kind"), [(FORBIDDEN, "policy_violation"), (SPENT, "budget")])
async def test_the_agent_ends_and_says_so(way: Way, policy: str, kind: str) -> None:
    children = crew()
    state = await way(agent("{default: small}", children, policy=policy, options=ENDS))

    message = state["messages"][-1]
    assert message.text.startswith("I cannot answer")
    assert message.response_metadata["conductor"]["refused"] == kind
    assert [one["refused"] for one in state["conductor"]] == [kind]
    assert not children["small"].asked


@ways
async def test_a_person_s_no_ends_it_too(way: Way) -> None:
    def says_no(request: Request) -> str:
        del request
        raise Failure("rejected", "a private reason")

    made = agent("{default: small}", {**crew(), "small": says_no}, options=ENDS)
    state = await way(made)

    assert "the person who was asked" in state["messages"][-1].text
    assert "private" not in str(state["messages"][-1])


@ways
async def test_without_a_word_the_failure_is_raised(way: Way) -> None:
    with pytest.raises(Failure) as caught:
        await way(agent("{default: small}", policy=FORBIDDEN))

    assert caught.value.kind == "policy_violation"


@ways
async def test_what_is_no_refusal_is_raised_all_the_same(way: Way) -> None:
    def breaks(request: Request) -> str:
        del request
        raise Failure("server_error", "down")

    with pytest.raises(TimeoutError):
        await way(agent("{default: small}", crew(fails=TimeoutError("slow")), options=ENDS))
    with pytest.raises(Failure, match="down"):
        await way(agent("{default: small}", {**crew(), "small": breaks}, options=ENDS))


@ways
async def test_a_refusal_in_the_middle_of_a_loop_leaves_what_was_done(way: Way) -> None:
    guarantee = 'guarantees: [{never: {when: "input.tokens > 75", agents: [small, large]}}]\n'
    made = agent("{default: small}", policy=AGENTS + guarantee, options=ENDS)
    state = await way(made)

    assert [one.get("agent", one.get("refused")) for one in state["conductor"]] == [
        "small", "policy_violation",
    ]  # fmt: skip
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]


@ways
async def test_structured_output_that_is_refused_does_not_go_round(way: Way) -> None:
    made = agent(
        "{default: small}", policy=FORBIDDEN, options=ENDS, tools=(), response_format=Weather
    )
    state = await way(made)

    assert "structured_response" not in state or state["structured_response"] is None
    assert len(state["conductor"]) == 1


@ways
async def test_where_something_stands_before_the_end_the_second_refusal_is_raised(way: Way) -> None:
    made = agent(
        "{default: small}", policy=FORBIDDEN, options=ENDS, tools=(), response_format=Weather,
        before=[Looks()],
    )  # fmt: skip

    with pytest.raises(Failure):
        await way(made)


@ways
async def test_the_next_question_is_asked_again(way: Way) -> None:
    guarantee = "guarantees: [{never: {when: \"input.text.contains('Paris')\", agents: [small]}}]\n"
    made = agent(
        "{default: small}", policy=AGENTS + guarantee, options=ENDS, tools=(),
        checkpointer=InMemorySaver(),
    )  # fmt: skip
    config = {"configurable": {"thread_id": "one"}}
    await way(made, QUESTION, config)
    state = await way(made, {"messages": [("user", "and Rome?")]}, config)

    assert state["messages"][-1].response_metadata["conductor"]["agent"] == "small"
