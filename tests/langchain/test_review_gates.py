"""Gates inside graphs, where what a chain is given is no JSON."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("langgraph")

from conductor_mw_langchain import ConductorRunnable
from langchain_core.runnables import RunnableLambda
from langgraph.types import Command

from tests.langchain.graphs import compiled, question, said

DRAFTED = """
agents:
  - {id: writer}
  - {id: leads, human: {queue: support-leads, timeout: 1h}}
flows:
  draft:
    sequence:
      - {id: draft, use: writer}
      - {id: approve, use: leads, show: "{draft.text}"}
routing: {default: draft}
"""


def test_an_input_whose_keys_are_no_texts_is_asked_once() -> None:
    asked: list[Any] = []

    def write(value: Any) -> str:
        asked.append(value)
        return "A refund."

    agents: dict[str, Any] = {"writer": RunnableLambda(write)}
    chain: Any = ConductorRunnable(policy=DRAFTED, agents=agents)

    def node(state: Any) -> Any:
        del state
        return {"messages": [("ai", str(chain.invoke({"text": "Refund?", 1: 2, ("a",): 3})))]}

    app, config = compiled(node), {"configurable": {"thread_id": "one"}}
    found = app.invoke({"messages": [("user", "Refund?")]}, config)
    assert question(found)["show"] == "A refund."
    assert said(app.invoke(Command(resume=True), config)) == "A refund."
    assert len(asked) == 1
