"""Graphs for the tests of gates: one node, called in every way that LangGraph has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal

from conductor_mw_langchain import ConductorChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from tests.langchain.oracle import Oracle

_GRAPHS: Any = import_module("langgraph.graph")  # they have no stubs
_FUNCTIONS: Any = import_module("langgraph.func")
START, StateGraph, MessagesState = _GRAPHS.START, _GRAPHS.StateGraph, _GRAPHS.MessagesState
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


def compiled(node: Any, saver: Any = None) -> Any:
    """Give a graph of one node."""
    graph = StateGraph(MessagesState)
    graph.add_node("answer", node)
    graph.add_edge(START, "answer")
    return graph.compile(checkpointer=InMemorySaver() if saver is None else saver)


def _compiled(model: Any, way: Way, saver: Any) -> Any:
    if way in ("entrypoint", "task"):
        return _functional(model, saver, in_task=way == "task")
    return compiled(_node(model, way), saver)


def _node(model: Any, way: Way) -> Callable[[Any], Any]:
    def invoke(state: Any) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    async def ainvoke(state: Any) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def stream(state: Any) -> Any:
        text = "".join(chunk.text for chunk in model.stream(state["messages"]))
        return {"messages": [("ai", text)]}

    async def astream(state: Any) -> Any:
        text = "".join([chunk.text async for chunk in model.astream(state["messages"])])
        return {"messages": [("ai", text)]}

    nodes: Any = {"invoke": invoke, "ainvoke": ainvoke, "stream": stream, "astream": astream}
    node: Callable[[Any], Any] = nodes[way]
    return node


def _functional(model: Any, saver: Any, *, in_task: bool) -> Any:
    def asked(messages: Any) -> Any:
        return model.invoke(messages)

    as_task = _FUNCTIONS.task(asked)

    def answer(value: Any) -> Any:
        messages = value["messages"]
        return {"messages": [as_task(messages).result() if in_task else asked(messages)]}

    return _FUNCTIONS.entrypoint(checkpointer=saver)(answer)
