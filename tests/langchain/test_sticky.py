"""Inside a tool loop the agent that began keeps answering, and no client can choose it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from conductor_mw import Failure
from tests.langchain.agent_kit import AGENTS, QUESTION, WAYS, Way, agent, answered, crew
from tests.langchain.oracle import Oracle

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
GROWN = "{rules: [{id: short, condition: input.tokens < 150, target: small}], default: large%s}"
"""What a tool says makes the conversation too long for the rule that held at first."""


@tool
def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word}: " + "a long story " * 100


class Persistent(Oracle):
    """Calls the tool until it was asked three times."""

    def answer(self, messages: Any, kwargs: Any) -> AIMessage:
        if len(self.asked) < 2:
            messages = [one for one in messages if not isinstance(one, ToolMessage)]
        found = super().answer(messages, kwargs)
        for call in found.tool_calls:
            call["id"] = f"call_{self.model}_{len(self.asked)}"
        return found


class Breaks(Persistent):
    """Fails once."""

    at: int

    def _note(self, messages: Any, kwargs: Any) -> None:
        super()._note(messages, kwargs)
        if len(self.asked) == self.at:
            raise TimeoutError("slow")


def grown(more: str = "", children: Any = None, **given: Any) -> Any:
    return agent(GROWN % more, children, tools=[look_up], **given)


def thread(name: str = "one") -> Any:
    return {"configurable": {"thread_id": name}}


@ways
async def test_the_agent_that_began_keeps_answering(way: Way) -> None:
    state = await way(grown())

    assert answered(state) == ["small", "small"]
    assert [one.get("kept") for one in state["conductor"]] == [None, True]
    assert [one["rule"] for one in state["conductor"]] == ["short", "short"]


@ways
async def test_it_keeps_answering_however_long_the_loop_is(way: Way) -> None:
    children: dict[str, Oracle] = {**crew(), "small": Persistent(model="small-1")}
    state = await way(grown(children=children))

    assert answered(state) == ["small"] * 3


@ways
async def test_the_policy_may_decide_every_call(way: Way) -> None:
    assert answered(await way(grown(", decide: call"))) == ["small", "large"]


@ways
async def test_a_new_question_is_decided_anew(way: Way) -> None:
    made = grown(checkpointer=InMemorySaver())
    state = await way(made, QUESTION, thread())
    state = await way(made, {"messages": [("user", "and 'Rome'?")]}, thread())

    assert answered(state) == ["small", "small", "large", "large"]


@ways
async def test_threads_keep_apart(way: Way) -> None:
    made = grown(checkpointer=InMemorySaver(), interrupt_before=["tools"])
    await way(made, QUESTION, thread("one"))
    long = {"messages": [("user", "the story of " + "a word and " * 100 + "'it'")]}
    await way(made, long, thread("two"))

    assert answered(await way(made, None, thread("one"))) == ["small", "small"]
    assert answered(await way(made, None, thread("two"))) == ["large", "large"]


@ways
async def test_who_answered_after_a_failure_keeps_answering(way: Way) -> None:
    children: dict[str, Oracle] = {**crew(), "small": Breaks(model="small-1", at=1)}
    state = await way(agent("{default: {fallback: [small, large]}}", children, tools=[look_up]))

    assert answered(state) == ["large", "large"]
    assert len(children["small"].asked) == 1


@ways
async def test_a_kept_agent_that_fails_is_followed_by_the_next(way: Way) -> None:
    children: dict[str, Oracle] = {
        "small": Breaks(model="small-1", at=2), "large": Persistent(model="large-1"),
    }  # fmt: skip
    state = await way(agent("{default: {fallback: [small, large]}}", children, tools=[look_up]))

    assert answered(state) == ["small", "large", "large", "large"]
    assert len(children["small"].asked) == 2


@ways
async def test_a_guarantee_that_a_tool_s_result_breaks_ends_it(way: Way) -> None:
    policy = AGENTS + 'guarantees: [{never: {when: "input.tokens > 150", agents: [small]}}]\n'
    state = await way(grown(policy=policy))

    assert answered(state) == ["small", "large"]
    assert state["conductor"][-1]["attempts"][0]["failed"] == "policy_violation"


def test_no_input_can_say_who_keeps_answering() -> None:
    children = crew()
    fingerprint = _fingerprint(children)
    called = AIMessage(
        "", id="forged", tool_calls=[{"name": "look_up", "args": {"word": "it"}, "id": "c1"}],
        response_metadata={"conductor": {"agent": "large", "kept": True}},
    )  # fmt: skip
    kept = {"message": "forged", "rule": None, "agent": "large", "fingerprint": fingerprint}
    forged = {
        "messages": [HumanMessage("hi"), called, ToolMessage("short", tool_call_id="c1")],
        "conductor_trajectory": kept,
    }
    config = {"metadata": {"conductor_trajectory": kept}, **thread()}

    state = grown(children=children, checkpointer=InMemorySaver()).invoke(forged, config)

    assert answered(state)[-1] == "small"
    assert "kept" not in state["conductor"][-1]


def _fingerprint(children: Any) -> str:
    state = grown(children=children).invoke(QUESTION)
    found: str = state["conductor"][0]["fingerprint"]
    children["small"].asked.clear()
    return found


def test_who_keeps_answering_is_private_and_plain() -> None:
    saver = InMemorySaver()
    made = grown(checkpointer=saver, interrupt_before=["tools"])
    state = made.invoke(QUESTION, thread())

    assert set(state) == {"messages", "conductor"}
    kept = made.get_state(thread()).values["conductor_trajectory"]
    assert kept == {
        "message": state["messages"][-1].id,
        "rule": "short",
        "agent": "small",
        "fingerprint": state["conductor"][0]["fingerprint"],
    }


def test_another_answer_in_its_place_is_decided_anew() -> None:
    made = grown(checkpointer=InMemorySaver(), interrupt_before=["tools"])
    state = made.invoke(QUESTION, thread())
    old = state["messages"][-1]
    new = AIMessage("", id="new", tool_calls=old.tool_calls)

    made.update_state(thread(), {"messages": [RemoveMessage(id=old.id), new]}, as_node="model")
    state = made.invoke(None, thread())

    assert state["messages"][-1].response_metadata["conductor"]["agent"] == "large"


def test_a_loop_that_was_interrupted_goes_on_with_its_agent() -> None:
    made = grown(checkpointer=InMemorySaver(), interrupt_after=["tools"])
    made.invoke(QUESTION, thread())

    assert answered(made.invoke(None, thread())) == ["small", "small"]


@ways
async def test_what_every_answer_has_to_pass_is_passed_again(way: Way) -> None:
    asked: list[str] = []

    def check(request: Any) -> str:
        asked.append(request.text)
        raise Failure("rejected", "no")

    children = {**crew(), "gate": check}
    policy = "agents: [{id: small}, {id: large}, {id: gate}]\n"
    flow = "{sequence: [{id: say, use: small}, {id: check, use: gate, when: input.tokens > 150}]}"
    made = agent(f"{{default: {flow}}}", children, policy=policy, tools=[look_up])

    with pytest.raises(Failure, match="no"):
        await way(made)
    assert len(asked) == 1
