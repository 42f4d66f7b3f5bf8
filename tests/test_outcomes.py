"""What is told of a run afterwards is what happened: calls, finish, errors and cost."""

from __future__ import annotations

import pytest

from conductor_mw import Money, Part, attempts_of
from conductor_mw.parts import ToolCall
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask
from tests.kit import conductor

PRICED = """
agents:
  - {id: a, price: {input: 1, output: 2}, timeout: 2s}
  - {id: b, price: {input: 1, output: 2}}
routing: {default: {fallback: [a, b]}}
"""


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


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_told_no_usage_has_no_known_cost(way: Way) -> None:
    answer = ask(conductor(PRICED, a=Scripted("one", usage=None), b=Scripted()), "hello", way=way)

    assert answer.cost is None
    assert [one.cost for one in answer.attempts] == [None]


@pytest.mark.parametrize("way", WAYS)
def test_what_nobody_waited_for_any_longer_has_no_known_cost(way: Way) -> None:
    c = conductor(PRICED, a=Scripted(9.0, "late", usage=None), b=Scripted("in time"))

    answer = ask(c, "hello", way=way)

    assert answer.text == "in time"
    assert answer.cost is None
    assert [one.cost for one in answer.attempts] == [None, Money(20_000)]


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_broke_off_has_no_known_cost(way: Way) -> None:
    c = conductor(PRICED, a=Scripted("one ", ConnectionError("reset")), b=Scripted())

    with pytest.raises(ConnectionError) as caught:
        ask(c, "hello", way=way)

    assert [one.cost for one in attempts_of(caught.value)] == [None]


@pytest.mark.parametrize("way", WAYS)
def test_an_error_in_the_place_of_an_answer_costs_nothing(way: Way) -> None:
    c = conductor(PRICED, a=Scripted(ConnectionError("reset")), b=Scripted("here"))

    answer = ask(c, "hello", way=way)

    assert [one.cost for one in answer.attempts] == [Money(), Money(20_000)]
    assert answer.cost == Money(20_000)
