"""People who approve inside an agent of `create_agent`, and before a structured output goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("langchain")

from conductor_mw_langchain import ConductorChatModel, ConductorMiddleware, ConductorRunnable
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel

from tests.langchain.agent_kit import create
from tests.langchain.graphs import Graph, Way, compiled, question, said
from tests.langchain.oracle import Oracle

POLICY = """
agents: [{id: writer}, {id: leads, human: leads}]
routing:
  default: {sequence: [{id: draft, use: writer}, {use: leads, show: "{draft.text}"}]}
"""
THEN = POLICY.replace('"{draft.text}"}]', '"{draft.text}"}], answer: draft')


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"Sunny in {city}"


def _agent(middleware: Any, **options: Any) -> Any:
    unused = FakeListChatModel(responses=["never asked"])
    return create(unused, middleware=[middleware], checkpointer=InMemorySaver(), **options)


def _send(agent: Any, value: Any, *, aio: bool) -> Any:
    config = {"configurable": {"thread_id": "one"}}
    if aio:
        return asyncio.run(agent.ainvoke(value, config))
    return agent.invoke(value, config)


@pytest.mark.parametrize("aio", [False, True])
def test_an_agents_model_call_waits_for_a_person(aio: bool) -> None:
    writer = Oracle()
    agent = _agent(ConductorMiddleware(POLICY, agents={"writer": writer}))
    asked = question(_send(agent, {"messages": [("user", "Hi")]}, aio=aio))
    assert asked["show"] == "Hello from oracle, nice to see you"
    found = _send(agent, Command(resume={"choice": "edit", "text": "Good day."}), aio=aio)
    assert found["messages"][-1].text == "Good day."
    assert len(writer.asked) == 1


@pytest.mark.parametrize("aio", [False, True])
def test_every_call_of_a_tool_loop_has_its_own_gate(aio: bool) -> None:
    writer = Oracle()
    middleware = ConductorMiddleware(THEN, agents={"writer": writer})
    agent = _agent(middleware, tools=[weather])
    question(_send(agent, {"messages": [("user", "Hi")]}, aio=aio))
    asked = question(_send(agent, Command(resume=True), aio=aio))
    assert asked["show"] == "Hello from oracle, nice to see you"
    found = _send(agent, Command(resume=True), aio=aio)
    assert [one.type for one in found["messages"]] == ["human", "ai", "tool", "ai"]
    assert len(writer.asked) == 2


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


@pytest.mark.parametrize("schema", [Joke, Joke.model_json_schema()], ids=["class", "json"])
def test_a_structured_output_before_a_gate_is_given_again(schema: Any) -> None:
    writer = Oracle()
    model = ConductorChatModel(policy=THEN, agents={"writer": writer})
    structured = model.with_structured_output(schema)
    given: list[Any] = []

    def node(state: Any) -> Any:
        given.append(structured.invoke(state["messages"]))
        return {"messages": []}

    graph = Graph(model)
    graph.app = compiled(node)
    question(graph.ask())
    graph.resume(True)
    (found,) = given
    assert isinstance(found, Joke if schema is Joke else dict)
    assert len(writer.asked) == 1


@pytest.mark.parametrize("aio", [False, True])
def test_an_agents_structured_output_before_a_gate_is_given_again(aio: bool) -> None:
    writer = Oracle()
    agent = _agent(ConductorMiddleware(THEN, agents={"writer": writer}), response_format=Joke)
    question(_send(agent, {"messages": [("user", "Hi")]}, aio=aio))
    found = _send(agent, Command(resume=True), aio=aio)
    assert isinstance(found["structured_response"], Joke)
    assert len(writer.asked) == 1


@pytest.mark.parametrize("aio", [False, True])
def test_chains_before_a_gate_are_not_run_again(aio: bool) -> None:
    runs: list[str] = []

    def chain(value: dict[str, str]) -> str:
        runs.append(value["question"])
        return f"An answer to {value['question']}"

    runnable = ConductorRunnable(policy=THEN, agents={"writer": RunnableLambda(chain)})

    async def aanswer(_: Any) -> Any:
        return {"messages": [("ai", await runnable.ainvoke({"question": "this"}))]}

    def answer(_: Any) -> Any:
        return {"messages": [("ai", runnable.invoke({"question": "this"}))]}

    graph = Graph(None, "ainvoke" if aio else "invoke")
    graph.app = compiled(aanswer if aio else answer)
    assert question(graph.ask())["show"] == "An answer to this"
    assert said(graph.resume(True)) == "An answer to this"
    assert runs == ["this"]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_a_signal_that_somebody_was_asked_for_is_not_asked_again(way: Way) -> None:
    policy = f"""
signals: {{mood: {{ask: mood, one_of: [good, bad], default: bad}}}}
{POLICY.replace("agents: [", "agents: [{id: mood}, ")}
  rules: [{{condition: "mood == 'good'", target: writer}}]
"""
    writer, mood = Oracle(), Oracle()
    model = ConductorChatModel(policy=policy, agents={"writer": writer, "mood": mood})
    graph = Graph(model, way)
    question(graph.ask())
    assert said(graph.resume(True))
    assert (len(mood.asked), len(writer.asked)) == (1, 1)
