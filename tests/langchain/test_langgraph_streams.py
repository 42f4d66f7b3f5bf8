"""What a graph streams: one message of one answer, whatever the policy asked to get it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import reduce
from importlib import import_module
from operator import add
from typing import Any, Literal

import pytest

pytest.importorskip("langgraph")

from conductor_mw_langchain import ConductorChatModel, ConductorMiddleware

from tests.langchain.agent_kit import create
from tests.langchain.oracle import Oracle

_GRAPHS: Any = import_module("langgraph.graph")

How = Literal["invoke", "ainvoke", "stream", "astream"]
HOWS: tuple[How, ...] = ("invoke", "ainvoke", "stream", "astream")
each_how = pytest.mark.parametrize("how", HOWS)

AGENTS = "agents: [{id: one}, {id: two}, {id: three}, {id: judge}, {id: down}]\n"
ONE = "Hello from one, nice to see you"
TWO = "Hello from two, nice to see you"
THREE = "Hello from three, nice to see you"

STREAMED: dict[str, tuple[str, str]] = {
    "one agent": ("one", ONE),
    "a fallback": ("{fallback: [down, one]}", ONE),
    "a shadow": ("{use: one, shadow: two}", ONE),
    "a sequence": ("{sequence: [{id: first, use: one}, {id: second, use: two}]}", TWO),
    "a merge": ("{parallel: [one, two], take: merge, merge: three}", THREE),
    "a branch": ("{choose: [{when: 'input.turns > 9', use: two}], else: one}", ONE),
}
"""Strategies whose answer is shown as it comes."""
WHOLE: dict[str, tuple[str, str]] = {
    "a cascade": ("{cascade: [one, two], accept: \"answer.text.contains('two')\"}", TWO),
    "a judged cascade": (
        '{cascade: [one, two], accept: "answer.score > 0.5", score: {judge: judge, rubric: x}}', ""
    ),
    "the first of several": ("{parallel: [one, two], take: first}", ""),
    "a hedge": ("{fallback: [one, two], hedge_after: 0.001s}", ""),
    "the best of several": (
        "{parallel: [one, two], take: best, score: {judge: judge, rubric: Good.}}", ""
    ),
    "a repeat": ("{repeat: one, until: \"answer.text != ''\", max: 2}", ONE),
}  # fmt: skip
"""Strategies that show nothing before they know which answer it is."""


class Judge(Oracle):
    """Thinks well of every answer."""

    def answer(self, messages: Any, kwargs: Any) -> Any:
        answer = super().answer(messages, kwargs)
        return answer.model_copy(update={"content": '{"score": 0.9}', "tool_calls": []})


def routed(target: str, plugins: str = "") -> ConductorChatModel:
    children: dict[str, Any] = {name: Oracle(model=name) for name in ("one", "two", "three")}
    children["judge"] = Judge()
    children["down"] = Oracle(fails=ConnectionError("down"))
    policy = f"{AGENTS}flows: {{answer: {target}}}\nrouting: {{default: answer}}\n{plugins}"
    if target == "one":
        policy = f"{AGENTS}routing: {{default: one}}\n{plugins}"
    return ConductorChatModel(policy=policy, agents=children)


def graph(model: Any, how: How) -> Any:
    """A graph of one node that asks in this way and keeps the message."""

    def invoke(state: Any) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    async def ainvoke(state: Any) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def stream(state: Any) -> Any:
        return {"messages": [reduce(add, model.stream(state["messages"]))]}

    async def astream(state: Any) -> Any:
        return {"messages": [reduce(add, [c async for c in model.astream(state["messages"])])]}

    made: Any = _GRAPHS.StateGraph(_GRAPHS.MessagesState)
    nodes: dict[How, Callable[..., Any]] = {
        "invoke": invoke, "ainvoke": ainvoke, "stream": stream, "astream": astream
    }  # fmt: skip
    made.add_node("answer", nodes[how])
    made.add_edge(_GRAPHS.START, "answer")
    made.add_edge("answer", _GRAPHS.END)
    return made.compile()


def streamed(graph: Any, how: How, mode: Any = "messages", **kwargs: Any) -> list[Any]:
    """Give what the graph streams for a question."""
    asked = {"messages": [("user", "Hello")]}
    if not how.startswith("a"):
        return list(graph.stream(asked, stream_mode=mode, **kwargs))

    async def read() -> list[Any]:
        return [one async for one in graph.astream(asked, stream_mode=mode, **kwargs)]

    return asyncio.run(read())


def texts(said: list[Any]) -> list[str]:
    return [chunk.text for chunk, _ in said if chunk.text]


@pytest.mark.parametrize("name", STREAMED)
@each_how
def test_an_answer_is_streamed_once_word_by_word(name: str, how: How) -> None:
    target, answer = STREAMED[name]

    said = streamed(graph(routed(target), how), how)

    assert len(texts(said)) > 3
    assert "".join(texts(said)) == answer
    assert len({chunk.id for chunk, _ in said}) == 1


@pytest.mark.parametrize("name", WHOLE)
@each_how
def test_of_several_answers_one_is_seen_and_seen_once(name: str, how: How) -> None:
    target, answer = WHOLE[name]

    said = texts(streamed(graph(routed(target), how), how))

    assert len(said) == 1
    assert said[0] == answer if answer else said[0] in (ONE, TWO)


@each_how
def test_an_answer_of_the_cache_is_one_message(how: How) -> None:
    model = routed("one", "plugins: {cache: {ttl: 1h, scope: shared}}\n")
    made = graph(model, how)

    first, hit = streamed(made, how), streamed(made, how)

    assert "".join(texts(first)) == "".join(texts(hit)) == ONE
    assert len(texts(hit)) == 1
    child: Any = model.agents["one"]
    assert len(child.asked) == 1


@each_how
def test_a_simulated_agent_says_one_message(how: How) -> None:
    model = ConductorChatModel(
        policy="agents: [{id: a, simulated: We are on it.}]\nrouting: {default: a}\n"
    )

    assert texts(streamed(graph(model, how), how)) == ["We are on it."]


@each_how
def test_several_modes_at_once_tell_the_same(how: How) -> None:
    said = streamed(graph(routed("one"), how), how, ["updates", "messages", "custom"])

    words = [chunk for mode, chunk in said if mode == "messages"]
    (update,) = [chunk for mode, chunk in said if mode == "updates"]
    (message,) = update["answer"]["messages"]
    assert "".join(texts(words)) == message.text == ONE
    assert message.response_metadata["conductor"]["agent"] == "one"
    assert {chunk.id for chunk, _ in words} == {message.id}


@each_how
def test_a_message_says_which_node_and_which_agent_it_is_of(how: How) -> None:
    for _, told in streamed(graph(routed("one"), how), how):
        assert told["langgraph_node"] == "answer"
        assert told["tags"] == ["conductor:one"]
        assert told["ls_model_name"] == "one"


@pytest.mark.parametrize("name", ["one agent", "a cascade"])
@each_how
def test_a_graph_inside_a_graph_streams_once(name: str, how: How) -> None:
    target, answer = {**STREAMED, **WHOLE}[name]
    outer: Any = _GRAPHS.StateGraph(_GRAPHS.MessagesState)
    outer.add_node("inner", graph(routed(target), how))
    outer.add_edge(_GRAPHS.START, "inner")
    made = outer.compile()

    below = streamed(made, how, subgraphs=True)

    assert "".join(texts([said for _, said in below])) == answer
    assert {namespace[0].partition(":")[0] for namespace, _ in below if namespace} == {"inner"}


@pytest.mark.parametrize("name", [*STREAMED, *WHOLE])
@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
def test_an_agent_with_the_middleware_streams_one_answer(name: str, how: How) -> None:
    target, answer = {**STREAMED, **WHOLE}[name]
    middleware = ConductorMiddleware(conductor=routed(target).conductor)
    made = create(Oracle(model="own"), middleware=[middleware])

    said = texts(streamed(made, how))

    assert "".join(said) == answer if answer else "".join(said) in (ONE, TWO)


@pytest.mark.parametrize("name", [*STREAMED, *WHOLE])
@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
def test_an_agent_of_a_routed_model_streams_one_answer(name: str, how: How) -> None:
    target, answer = {**STREAMED, **WHOLE}[name]

    said = texts(streamed(create(routed(target)), how))

    assert "".join(said) == answer if answer else "".join(said) in (ONE, TWO)
