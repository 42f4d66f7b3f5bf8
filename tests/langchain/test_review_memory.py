"""Nothing of a call is kept when it is over: passes of graphs, what was bound for a child."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

pytest.importorskip("langgraph")

from conductor_mw_langchain import graph as passes
from conductor_mw_langchain.payload import Shape
from conductor_mw_langchain.structured import structured

from tests.langchain.graphs import WAYS, Graph, Way, refund
from tests.langchain.oracle import Oracle


@pytest.mark.parametrize("way", WAYS)
def test_a_pass_that_asks_people_is_forgotten_when_the_graph_is_left(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = weakref.WeakKeyDictionary[Any, Any]()
    monkeypatch.setattr(passes, "_passes", known)
    model, _, _ = refund()
    graph = Graph(model, way)
    for thread in range(3):
        graph.config = {"configurable": {"thread_id": str(thread)}}
        graph.ask()
    gc.collect()
    assert len(known) == 0


def test_a_schema_forgets_children_that_reloads_have_replaced() -> None:
    shape = Shape(
        {"title": "Joke", "type": "object", "properties": {}}, include_raw=False, options={}
    )
    for _ in range(200):
        structured(Oracle(), shape, {})
    assert len(shape.built) <= 64
