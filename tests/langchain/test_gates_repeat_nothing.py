"""A graph that is resumed repeats no call that an earlier pass made, whatever the flow."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph")

from conductor_mw_langchain import ConductorChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command, Send

from conductor_mw import Failure
from tests.langchain.graphs import (
    START,
    Graph,
    MessagesState,
    StateGraph,
    Way,
    compiled,
    question,
    refund,
    said,
)
from tests.langchain.oracle import Oracle

WAYS: tuple[Way, ...] = ("invoke", "ainvoke", "stream", "astream")
FLOWS = {
    "fallback": "{fallback: [down, a]}",
    "failures that are retried": "{fallback: [flaky, a]}",
    "cascade": "{cascade: [a, b], accept: 'answer.text.contains(\"from b\")'}",
    "consensus": "{consensus: [a, b], otherwise: c}",
    "majority": "{parallel: [a, b, c], take: majority, otherwise: a}",
    "best": "{parallel: [a, b], take: best, judge: judge}",
    "merge": "{parallel: [a, b], take: merge, merge: c}",
    "pick": "{pick: [b, a], minimise: cost}",
    "repeat": "{repeat: a, until: 'answer.chars > 999', max: 2}",
    "choose": "{choose: [{when: 'input.tokens > 0', use: a}], else: b}",
    "steps that fail": "{sequence: [{use: down, on_failure: continue}, {use: b}]}",
}


def _gated(flow: str) -> str:
    return f"""
agents:
  - {{id: a, price: {{input: 1, output: 1}}, max_output_tokens: 50}}
  - {{id: b, price: {{input: 2, output: 2}}, max_output_tokens: 50}}
  - {{id: c}}
  - {{id: down}}
  - {{id: judge}}
  - {{id: flaky, retry: {{times: 1, wait: 1ms}}}}
  - {{id: leads, human: leads}}
flows:
  before: {flow}
routing:
  default: {{sequence: [{{id: draft, use: before}}, {{use: leads, show: "{{draft.text}}"}}]}}
"""


class _Judge(Oracle):
    def answer(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        super().answer(messages, kwargs)
        return AIMessage('{"because": "it says more", "best": 1}')


def _children() -> dict[str, Oracle]:
    down = {name: Oracle(fails=ConnectionError(f"{name} is away")) for name in ("down", "flaky")}
    return {name: Oracle(model=name) for name in ("a", "b", "c")} | down | {"judge": _Judge()}


def _calls(children: dict[str, Oracle]) -> Counter[str]:
    return Counter({name: len(child.asked) for name, child in children.items()})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS.keys())
def test_answers_and_failures_before_a_gate_are_given_again(flow: str, way: Way) -> None:
    children = _children()
    graph = Graph(ConductorChatModel(policy=_gated(flow), agents=children), way)
    shown = question(graph.ask())["show"]
    before = _calls(children)
    assert before.total() > 0
    assert said(graph.resume(True)) == shown
    assert _calls(children) == before


@pytest.mark.parametrize("way", WAYS)
def test_who_lost_a_race_before_the_gate_is_not_asked_again(way: Way) -> None:
    children = _children()
    policy = _gated("{parallel: [a, b], take: first}")
    graph = Graph(ConductorChatModel(policy=policy, agents=children), way)
    shown = question(graph.ask())["show"]
    before = _calls(children)
    assert said(graph.resume(True)) == shown
    assert _calls(children) == before


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_what_chance_chose_before_a_gate_it_chooses_again(way: Way) -> None:
    children = _children()
    model = ConductorChatModel(policy=_gated("{balance: {a: 50, b: 50}}"), agents=children)
    for number in range(12):
        graph = Graph(model, way)
        shown = question(graph.ask())["show"]
        assert said(graph.resume(True)) == shown
        assert _calls(children).total() == number + 1
    assert min(_calls(children)[name] for name in ("a", "b")) > 0


@pytest.mark.parametrize("way", WAYS)
def test_every_gate_of_a_flow_repeats_nothing(way: Way) -> None:
    children = _children()
    policy = _gated("{use: a}").replace(
        '{use: leads, show: "{draft.text}"}]',
        '{use: leads, show: "{draft.text}"}, {id: two, use: b},'
        ' {use: leads, show: "{two.text}"}, {use: c}]',
    )
    graph = Graph(ConductorChatModel(policy=policy, agents=children), way)
    assert "from a" in question(graph.ask())["show"]
    assert "from b" in question(graph.resume(True))["show"]
    assert "from c" in said(graph.resume(True))
    assert _calls(children) == Counter(a=1, b=1, c=1)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_message_comes_back_as_it_was(way: Way) -> None:
    children = _children()
    policy = _gated("{use: a}").replace(
        '[{id: draft, use: before}, {use: leads, show: "{draft.text}"}]',
        "[{id: draft, use: before}, {use: leads}], answer: draft",
    )
    graph = Graph(ConductorChatModel(policy=policy, agents=children), way)
    graph.ask()
    message = graph.resume(True)["messages"][-1]
    assert message.usage_metadata["total_tokens"] > 0
    assert message.response_metadata["model_name"] == "a"
    told = message.response_metadata["conductor"]
    assert (told["agent"], told["tokens"]) == ("a", 0)
    assert [one.get("by") for one in told["attempts"]] == ["journal", None]


def test_what_was_asked_otherwise_is_asked_anew() -> None:
    model, writer, _ = refund()
    graph = Graph(model)
    graph.ask()
    writer.model = "another"  # the same agent, and the journal does not look at how it answers
    changed = ConductorChatModel(
        policy=str(model.policy).replace("{id: writer}", "{id: writer, prompt: Be brief.}"),
        agents=dict(model.agents),
    )
    again = Graph(changed, saver=graph.app.checkpointer)
    asked = question(again.resume(True))
    assert asked["show"] == "Hello from another, nice to see you"
    assert said(again.resume(True)) == "Hello from oracle, nice to see you"
    assert len(writer.asked) == 2


def test_two_calls_that_ask_the_same_keep_their_own_answers() -> None:
    model, writer, _ = refund()

    def node(state: Any) -> Any:
        for number in (1, 2):
            writer.model = f"writer {number}"
            model.invoke(state["messages"])
        return {"messages": []}

    graph = Graph(model)
    graph.app = compiled(node)
    assert "writer 1" in question(graph.ask())["show"]
    assert "writer 2" in question(graph.resume(True))["show"]
    graph.resume(True)
    assert len(writer.asked) == 2


def _many(model: Any) -> Any:
    async def aanswer(state: Any) -> Any:
        return {"messages": [await model.ainvoke(state["ask"])]}

    def answer(state: Any) -> Any:
        return {"messages": [model.invoke(state["ask"])]}

    graph: Any = StateGraph(MessagesState)
    graph.add_node("answer", RunnableLambda(answer, aanswer))

    def numbered(state: Any) -> list[Send]:
        del state
        return [Send("answer", {"ask": f"Number {at}"}) for at in range(20)]

    graph.add_conditional_edges(START, numbered)
    return graph.compile(checkpointer=InMemorySaver())


@pytest.mark.parametrize("most", [None, 1])
@pytest.mark.parametrize("aio", [False, True])
def test_many_nodes_wait_at_once(most: int | None, aio: bool) -> None:
    model, writer, sender = refund()
    app = _many(model)
    config: Any = {"configurable": {"thread_id": "one"}}
    if most is not None:
        config["max_concurrency"] = most

    def send(value: Any) -> Any:
        return asyncio.run(app.ainvoke(value, config)) if aio else app.invoke(value, config)

    found = send({"messages": []})
    assert len(found["__interrupt__"]) == 20
    found = send(Command(resume={one.id: True for one in found["__interrupt__"]}))
    assert len(found["messages"]) == 20
    assert (len(writer.asked), len(sender.asked)) == (20, 20)


def test_the_graphs_own_streams_show_nothing_of_it() -> None:
    model, _, _ = refund()
    graph = Graph(model)
    asked = list(graph.app.stream({"messages": ["Hi"]}, graph.config, stream_mode="updates"))
    assert [list(one) for one in asked] == [["__interrupt__"]]
    resumed = graph.app.stream(Command(resume=True), graph.config, stream_mode="updates")
    assert [list(one) for one in resumed] == [["answer"]]
    assert graph.app.get_state(graph.config).next == ()


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("aio", [False, True])
def test_every_durability_keeps_what_was_said(durability: Any, aio: bool, tmp_path: Path) -> None:
    model, writer, _ = refund()
    path = str(tmp_path / "checkpoints.db")
    graph = Graph(model, "ainvoke" if aio else "invoke")

    async def run() -> Any:
        async with AsyncSqliteSaver.from_conn_string(path) as saver:
            app = Graph(model, "ainvoke", saver).app
            await app.ainvoke({"messages": ["Hi"]}, graph.config, durability=durability)
        async with AsyncSqliteSaver.from_conn_string(path) as saver:
            app = Graph(model, "ainvoke", saver).app
            return await app.ainvoke(Command(resume=True), graph.config, durability=durability)

    if aio:
        found = asyncio.run(run())
    else:
        with SqliteSaver.from_conn_string(path) as saver:
            app = Graph(model, "invoke", saver).app
            app.invoke({"messages": ["Hi"]}, graph.config, durability=durability)
        with SqliteSaver.from_conn_string(path) as saver:
            app = Graph(model, "invoke", saver).app
            found = app.invoke(Command(resume=True), graph.config, durability=durability)
    assert said(found)
    assert len(writer.asked) == 1


_PROCESS = """
import sys
from langgraph.checkpoint.sqlite import SqliteSaver
from tests.langchain.graphs import Graph, question, refund, said
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    model, writer, sender = refund()
    graph = Graph(model, saver=saver)
    found = graph.ask() if sys.argv[2] == "ask" else graph.resume(True)
    text = question(found)["show"] if sys.argv[2] == "ask" else said(found)
    print(len(writer.asked), len(sender.asked), text)
"""


def test_another_process_takes_a_graph_up_again(tmp_path: Path) -> None:
    def run(what: str) -> str:
        words = [sys.executable, "-c", _PROCESS, str(tmp_path / "checkpoints.db"), what]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert run("ask") == "1 0 Hello from oracle, nice to see you"
    assert run("resume") == "0 1 Hello from oracle, nice to see you"


def test_bounds_of_the_policy_hold_for_all_passes_together() -> None:
    policy = _gated("{use: a}").replace('{draft.text}"}]', '{draft.text}"}, {use: b}]')
    policy += "guarantees: [{at_most: {calls: 2}}]"  # a person is one of them
    graph = Graph(ConductorChatModel(policy=policy, agents=_children()))
    graph.ask()
    with pytest.raises(Failure, match="the policy allows at most 2 calls"):
        graph.resume(True)
