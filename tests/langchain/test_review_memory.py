"""Nothing of a call is kept when it is over: passes of graphs, what was bound for a child."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

pytest.importorskip("langgraph")

from conductor_mw_langchain import graph as passes

from tests.langchain.graphs import WAYS, Graph, Way, refund


@pytest.mark.parametrize("way", WAYS)
def test_a_pass_that_asks_people_is_forgotten_when_the_graph_is_left(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: Any = weakref.WeakKeyDictionary()
    monkeypatch.setattr(passes, "_passes", known)
    model, _, _ = refund()
    graph = Graph(model, way)
    for thread in range(3):
        graph.config = {"configurable": {"thread_id": str(thread)}}
        graph.ask()
    gc.collect()
    assert len(known) == 0
