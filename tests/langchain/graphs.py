"""Graphs for the tests of gates: one node, called in every way that LangGraph has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal

from conductor_mw_langchain import ConductorChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from tests.langchain.oracle import Oracle

Way = Literal["invoke", "ainvoke", "stream", "astream", "entrypoint", "task"]
WAYS: tuple[Way, ...] = ("invoke", "ainvoke", "stream", "astream", "entrypoint", "task")
REFUND = """
agents:
  - {id: writer}
  - {id: leads, human: {queue: support-leads, timeout: 1h}}
  - {id: sender}
flows:
  refund:
    sequence:
      - {id: draft, use: writer}
      - {id: approve, use: leads, show: "{draft.text}"}
      - {id: sent, use: sender, prompt: "{approve.text}"}
routing: {default: refund}
"""


class Graph:
    """A graph whose only node asks a model; every pass is another call of it.

    Attributes:
        way: how node and graph are called.
        app: the compiled graph.
    """

    def __init__(self, model: Any, way: Way = "invoke", saver: Any = None) -> None:
        self.way = way
        self.app = _compiled(model, way, InMemorySaver() if saver is None else saver)
        self.config: Any = {"configurable": {"thread_id": "one"}}

    def ask(self, text: str = "I want a refund.") -> Any:
        """Begin; give what came back."""
        return self.send({"messages": [("user", text)]})

    def resume(self, value: object) -> Any:
        """Go on with what a person said."""
        return self.send(Command(resume=value))

    def send(self, value: Any) -> Any:
        if self.way in ("ainvoke", "astream"):
            return asyncio.run(self.app.ainvoke(value, self.config))
        return self.app.invoke(value, self.config)


def question(found: Any) -> Mapping[str, Any]:
    """Give the value of the interrupt that a graph waits at."""
    (interrupt,) = found["__interrupt__"]
    value: Mapping[str, Any] = interrupt.value
    return value


def said(found: Any) -> str:
    """Give the text of a graph's last message."""
    assert "__interrupt__" not in found
    return str(found["messages"][-1].text)


def refund(
    writer: Any = None, sender: Any = None, **options: Any
) -> tuple[ConductorChatModel, Oracle, Oracle]:
    """Give a model that drafts, asks people, and sends; with those who draft and send."""
    writer, sender = writer or Oracle(), sender or Oracle()
    policy = options.pop("policy", REFUND)
    agents = {"writer": writer, "sender": sender}
    return ConductorChatModel(policy=policy, agents=agents, **options), writer, sender


def _compiled(model: Any, way: Way, saver: Any) -> Any:
    if way in ("entrypoint", "task"):
        return _functional(model, saver, in_task=way == "task")
    graph: Any = StateGraph(MessagesState)
    graph.add_node("answer", _node(model, way))
    graph.add_edge(START, "answer")
    return graph.compile(checkpointer=saver)


def _node(model: Any, way: Way) -> Callable[[MessagesState], Any]:
    def invoke(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    async def ainvoke(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def stream(state: MessagesState) -> Any:
        text = "".join(chunk.text for chunk in model.stream(state["messages"]))
        return {"messages": [("ai", text)]}

    async def astream(state: MessagesState) -> Any:
        text = "".join([chunk.text async for chunk in model.astream(state["messages"])])
        return {"messages": [("ai", text)]}

    nodes: Any = {"invoke": invoke, "ainvoke": ainvoke, "stream": stream, "astream": astream}
    node: Callable[[MessagesState], Any] = nodes[way]
    return node


def _functional(model: Any, saver: Any, *, in_task: bool) -> Any:
    @task
    def asked(messages: Any) -> Any:
        return model.invoke(messages)

    @entrypoint(checkpointer=saver)
    def answer(value: Any) -> Any:
        messages = value["messages"]
        found = asked(messages).result() if in_task else model.invoke(messages)
        return {"messages": [found]}

    return answer
