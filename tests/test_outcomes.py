"""What is told of a run afterwards is what happened: calls, finish, errors and cost."""

from __future__ import annotations

import pytest

from conductor_mw import Part
from conductor_mw.parts import ToolCall
from conductor_mw.testing import STREAMS, Scripted, Way, ask
from tests.kit import conductor


@pytest.mark.parametrize("way", STREAMS)
def test_a_tool_calls_name_counts_once_however_often_it_is_repeated(way: Way) -> None:
    agent = Scripted(
        Part(tool_calls=(ToolCall(0, "c1", "search", '{"q": '),)),
        Part(tool_calls=(ToolCall(0, "c1", "search", '"x"}'),)),
    )

    answer = ask(conductor(a=agent), "hello", way=way)

    assert answer.tool_calls == (ToolCall(0, "c1", "search", '{"q": "x"}'),)


@pytest.mark.parametrize("way", STREAMS)
def test_another_id_under_the_same_index_opens_another_call(way: Way) -> None:
    agent = Scripted(
        Part(tool_calls=(ToolCall(0, "c1", "search", "{}"),)),
        Part(tool_calls=(ToolCall(0, "c2", "open", "{"),)),
        Part(tool_calls=(ToolCall(0, "", "", "}"),)),
    )

    answer = ask(conductor(a=agent), "hello", way=way)

    assert answer.tool_calls == (ToolCall(0, "c1", "search", "{}"), ToolCall(0, "c2", "open", "{}"))
