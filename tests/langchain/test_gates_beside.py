"""Gates beside each other, and beside other interrupts: no answer is read for another question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph")

from conductor_mw_langchain import ConductorChatModel
from conductor_mw_langchain.gates import GraphApprovals
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from conductor_mw import Conductor
from tests.langchain.graphs import (
    START,
    Graph,
    MessagesState,
    StateGraph,
    Way,
    compiled,
    question,
    said,
)
from tests.langchain.oracle import Oracle

WAYS: tuple[Way, ...] = ("invoke", "ainvoke", "stream", "astream")
TWO = """
agents:
  - {id: a}
  - {id: b}
  - {id: c}
  - {id: law, human: law}
  - {id: press, human: press}
flows:
  legal: {sequence: [{id: draft, use: a}, {use: law, show: "Law: {draft.text}"}]}
  public: {sequence: [{id: draft, use: b}, {use: press, show: "Press: {draft.text}"}]}
routing:
  default: {parallel: [legal, public], take: merge, merge: c, need: 2}
"""


def _children() -> dict[str, Any]:
    return {name: Oracle(model=name) for name in ("a", "b", "c")}


def _calls(children: dict[str, Any]) -> list[int]:
    return [len(one.asked) for one in children.values()]


@pytest.mark.parametrize("way", WAYS)
def test_two_gates_at_once_are_asked_one_after_the_other(way: Way) -> None:
    children = _children()
    graph = Graph(ConductorChatModel(policy=TWO, agents=children), way)
    first = question(graph.ask())
    second = question(graph.resume({"choice": "edit", "text": f"Seen by {first['queue']}"}))
    assert {first["queue"], second["queue"]} == {"law", "press"}
    said(graph.resume({"choice": "edit", "text": f"Seen by {second['queue']}"}))
    asked = str(children["c"].asked[0][0][-1].text)
    assert asked.index("Seen by law") < asked.index("Seen by press")
    assert _calls(children)[2] == 1
    assert max(_calls(children)) <= 2  # who was under way when the other's gate left is asked again


def test_an_answer_that_names_its_gate_counts_for_no_other() -> None:
    children = _children()
    graph = Graph(ConductorChatModel(policy=TWO, agents=children))
    first = question(graph.ask())
    second = question(graph.resume({"choice": "approve", "gate": first["gate"]}))
    assert second["queue"] != first["queue"]
    again = question(graph.resume({"choice": "approve", "gate": first["gate"]}))
    assert again["queue"] == second["queue"]
    assert "is for another gate" in again["problem"]
    said(graph.resume({"choice": "approve", "gate": second["gate"]}))


ASKS = """
agents: [{id: form}, {id: leads, human: leads}, {id: a}]
routing:
  default:
    sequence: [{id: filled, use: form}, {id: ok, use: leads, show: "{filled.text}"}, {use: a}]
"""


def _form(_: Any) -> AIMessage:
    return AIMessage(f"The form says {interrupt('Please fill in the form.')}.")


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_an_agent_may_interrupt_the_graph_itself(way: Way) -> None:
    children = {"form": RunnableLambda(_form), "a": Oracle()}
    graph = Graph(ConductorChatModel(policy=ASKS, agents=children), way)
    assert graph.ask()["__interrupt__"][0].value == "Please fill in the form."
    asked = question(graph.resume("five"))
    assert asked["show"] == "The form says five."
    # Beside other interrupts of the node a plain value could be meant for those.
    again = question(graph.resume(True))
    assert "may be meant for another interrupt" in again["problem"]
    assert said(graph.resume({"gate": asked["gate"], "choice": "approve"}))


def _node_that_asks(model: Any) -> Any:
    def node(state: Any) -> Any:
        before = interrupt("before")
        found = model.invoke(state["messages"])
        after = interrupt("after")
        again = model.invoke([*state["messages"], found, ("user", "And now?")])
        return {"messages": [again, ("ai", f"{before} {after}")]}

    return compiled(node)


def test_a_node_may_ask_people_of_its_own_between() -> None:
    policy = TWO.replace("{parallel: [legal, public], take: merge, merge: c, need: 2}", "legal")
    children = _children()
    graph = Graph(ConductorChatModel(policy=policy, agents=children))
    graph.app = _node_that_asks(ConductorChatModel(policy=policy, agents=children))
    assert graph.ask()["__interrupt__"][0].value == "before"
    assert question(graph.resume("one"))["queue"] == "law"
    assert graph.resume({"choice": "edit", "text": "First."})["__interrupt__"][0].value == "after"
    assert question(graph.resume("two"))["queue"] == "law"
    found = graph.resume({"choice": "edit", "text": "Second."})
    assert [one.text for one in found["messages"][-2:]] == ["Second.", "one two"]
    assert len(children["a"].asked) == 2


def _outer(model: Any, checkpointer: Any) -> Any:
    def answer(state: Any) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    inner: Any = StateGraph(MessagesState)
    inner.add_node("answer", answer)
    inner.add_edge(START, "answer")
    outer: Any = StateGraph(MessagesState)
    outer.add_node("inner", inner.compile(checkpointer=checkpointer))
    outer.add_edge(START, "inner")
    return outer.compile(checkpointer=InMemorySaver())


def test_a_graph_within_a_graph_repeats_nothing() -> None:
    policy = TWO.replace("{parallel: [legal, public], take: merge, merge: c, need: 2}", "legal")
    children = _children()
    model = ConductorChatModel(policy=policy, agents=children)
    graph = Graph(model)
    graph.app = _outer(model, None)
    assert question(graph.ask())["queue"] == "law"
    assert said(graph.resume({"choice": "edit", "text": "Fine."})) == "Fine."
    assert _calls(children) == [1, 0, 0]


PAID = """
agents:
  - {id: a, price: {input: 1000000, output: 1000000}, max_output_tokens: 20}
  - {id: leads, human: leads}
routing: {default: {sequence: [{id: draft, use: a}, {use: leads, show: "{draft.text}"}]}}
plugins:
  budget: {dollars: 1000000, every: day}
  limits: {requests: 1/m, agents: [a]}
  breaker: {error_rate: 0.1, min_calls: 1, open_for: 10s}
"""


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_charged_or_counted_twice(way: Way, tmp_path: Path) -> None:
    policy = f"{PAID}  audit: {{path: {tmp_path / 'audit.db'}}}\n"
    a = Oracle()
    conductor = Conductor.from_text(policy, agents={"a": a}, approvals=GraphApprovals())
    budget: Any = conductor.layer("budget")
    graph = Graph(ConductorChatModel(conductor=conductor), way)
    graph.ask()
    (before,) = budget.status()
    assert before.spent.nano > 0
    assert before.held.nano == 0
    graph.resume(True)
    (after,) = budget.status()
    assert (after.spent, after.held.nano) == (before.spent, 0)
    assert len(a.asked) == 1
    conductor.close()


def test_tokens_of_a_replayed_answer_are_streamed_to_nobody() -> None:
    policy = TWO.replace("{parallel: [legal, public], take: merge, merge: c, need: 2}", "legal")
    graph = Graph(ConductorChatModel(policy=policy, agents=_children()), "stream")
    first = list(graph.app.stream({"messages": ["Hi"]}, graph.config, stream_mode="messages"))
    resumed: Any = Command(resume={"choice": "edit", "text": "Fine."})
    second = list(graph.app.stream(resumed, graph.config, stream_mode="messages"))
    assert "from a" not in "".join(chunk.text for chunk, _ in [*first, *second])


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("aio", [False, True])
def test_runs_beside_each_other_in_one_node_get_their_own_answers(aio: bool, named: bool) -> None:
    policy = "agents: [{id: leads, human: leads}]\nrouting: {default: leads}"
    model = ConductorChatModel(policy=policy)
    prompts: list[Any] = [f"May number {number} go?" for number in range(4)]

    async def abatch(state: Any) -> Any:
        del state
        return {"messages": [(one.type, one.text) for one in await model.abatch(prompts)]}

    def batch(state: Any) -> Any:
        del state
        return {"messages": [(one.type, one.text) for one in model.batch(prompts)]}

    graph = Graph(model, "ainvoke" if aio else "invoke")
    graph.app = compiled(abatch if aio else batch)
    found = graph.ask()
    for _ in range(40):
        if "__interrupt__" not in found:
            break
        asked = question(found)
        said_of_it = {"choice": "edit", "text": f"Seen: {asked['show']}"}
        found = graph.resume(said_of_it | ({"gate": asked["gate"]} if named else {}))
    assert [one.text for one in found["messages"][1:]] == [f"Seen: {one}" for one in prompts]


def test_what_a_node_asked_itself_is_no_verdict_where_its_order_changed() -> None:
    policy = "agents: [{id: leads, human: leads}]\nrouting: {default: leads}"
    model = ConductorChatModel(policy=policy)
    first = ["May it go?"]

    def node(state: Any) -> Any:
        del state
        model.invoke(first[0])
        interrupt("Do you like tea?")
        return {"messages": [("ai", model.invoke("May all of it go?").text)]}

    graph = Graph(model)
    graph.app = compiled(node)
    assert question(graph.ask())["show"] == "May it go?"
    assert graph.resume(True)["__interrupt__"][0].value == "Do you like tea?"
    assert question(graph.resume(True))["show"] == "May all of it go?"
    first[0] = "May another go?"  # the node asks otherwise than it did, which it should not
    assert "before this was asked" in question(graph.resume(False))["problem"]
    assert graph.resume(True)["__interrupt__"][0].value == "Do you like tea?"
    asked = question(graph.resume(True))
    assert asked["show"] == "May all of it go?"
    assert "may be meant for another interrupt" in asked["problem"]
