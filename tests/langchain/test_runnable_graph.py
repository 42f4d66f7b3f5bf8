"""A policy between chains inside LangGraph's graphs, and graphs as chains of it."""

from __future__ import annotations

from typing import Any

import pytest
from conductor_mw_langchain import ConductorRunnable
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from typing_extensions import TypedDict

from tests.langchain.chains import TWO, Keeping, Runs, says, streams, template
from tests.langchain.oracle import Oracle

pytest.importorskip("langgraph")

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph  # pyright: ignore[reportMissingTypeStubs]
from langgraph.types import Command, interrupt

ONE = "agents: [{id: a}]\nrouting: {default: a}\n"


def one(chain: Any) -> Any:
    return ConductorRunnable(policy=ONE, agents={"a": chain})


class State(TypedDict):
    """What the graph of these tests keeps."""

    messages: list[Any]


def answered(state: Any, config: RunnableConfig) -> dict[str, Any]:
    return {"messages": [Oracle(model="node").invoke(state["messages"], config)]}


def graph_of(node: Any, checkpointer: Any = None) -> Any:
    builder: Any = StateGraph(State)
    builder.add_node("desk", node)
    builder.add_edge("__start__", "desk")
    return builder.compile(checkpointer)


def test_a_graph_is_a_chain_of_it() -> None:
    chain = one(graph_of(answered))
    asked: Any = {"messages": [HumanMessage("Hello")]}

    assert chain.invoke(asked)["messages"][0].text == "Hello from node, nice to see you"
    updates = list(chain.stream(asked))
    assert list(updates[0]) == ["desk"]
    chunks = [chunk for chunk, _ in chain.stream(asked, stream_mode="messages")]
    assert "".join(chunk.text for chunk in chunks) == "Hello from node, nice to see you"
    assert (
        "a\\3adesk" in chain.get_graph().draw_mermaid()
        or "a(a)" in chain.get_graph().draw_mermaid()
    )


def test_what_a_graph_says_while_it_streams_is_read() -> None:
    policy = ONE.replace(
        "default: a", "default: {cascade: [a, b], accept: \"answer.text == 'Hi.'\"}"
    )
    said = {"desk": {"messages": [HumanMessage("Hello"), AIMessage("Hi.")]}}
    chain: Any = ConductorRunnable(
        policy=policy.replace("{id: a}", "{id: a}, {id: b}"),
        agents={"a": streams(said), "b": says("never")},
    )

    assert next(chain.stream("Hello")) is said


def test_it_is_a_node_of_a_graph_whose_tokens_come_once() -> None:
    chain = one(RunnableLambda(answered))
    callback = UsageMetadataCallbackHandler()

    graph = graph_of(chain)
    asked: Any = {"messages": [HumanMessage("Hello")]}
    chunks = [
        chunk
        for chunk, _ in graph.stream(asked, {"callbacks": [callback]}, stream_mode="messages")
        if isinstance(chunk, AIMessageChunk)
    ]

    assert "".join(chunk.text for chunk in chunks) == "Hello from node, nice to see you"
    assert callback.usage_metadata["node"]["total_tokens"] == 8


def test_a_candidates_tokens_are_no_part_of_a_graphs_stream() -> None:
    policy = """
agents: [{id: a}, {id: b}]
routing: {default: {cascade: [a, b], accept: "answer.text.contains('from b')"}}
"""
    chain: Any = ConductorRunnable(
        policy=policy, agents={"a": template(Oracle(model="a")), "b": template(Oracle(model="b"))}
    )

    def node(state: Any, config: RunnableConfig) -> dict[str, Any]:
        text = chain.invoke({"question": state["messages"][0].text}, config)
        return {"messages": [AIMessage(text)]}

    asked: Any = {"messages": [HumanMessage("Hello")]}
    chunks = [chunk for chunk, _ in graph_of(node).stream(asked, stream_mode="messages")]

    assert [chunk.text for chunk in chunks] == ["Hello from b, nice to see you"]


def test_an_interrupt_inside_a_chain_stops_the_graph_and_asks_no_other_chain() -> None:
    spare = Keeping()

    def approve(asked: Any) -> str:
        return f"Sent: {interrupt(asked['question'])}"

    chain: Any = ConductorRunnable(
        policy=TWO, agents={"faq": RunnableLambda(approve), "research": spare.chain}
    )

    def node(state: Any, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [chain.invoke({"question": state["messages"][0]}, config)]}

    compiled = graph_of(node, InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}

    stopped = compiled.invoke({"messages": ["Send it?"]}, config)
    done = compiled.invoke(Command(resume="yes"), config)

    assert stopped["__interrupt__"][0].value == "Send it?"
    assert done["messages"] == ["Sent: yes"]
    assert not spare.asked


def test_a_run_inside_a_graph_lies_below_its_node() -> None:
    runs = Runs()
    chain = one(says({"messages": []}))

    graph_of(chain).invoke({"messages": []}, {"callbacks": [runs]})

    assert runs.path("ConductorRunnable") == ["LangGraph", "desk", "ConductorRunnable"]


@pytest.mark.parametrize(
    "given", ["Nine.", {"answer": "Nine.", "sources": ["§4"]}, AIMessage("Nine.")]
)
def test_a_gate_between_chains_interrupts_the_graph_and_repeats_no_chain(given: Any) -> None:
    draft, send = Keeping(given), Keeping()
    chain = ConductorRunnable(
        policy="""
agents: [{id: draft}, {id: leads, human: {queue: leads}}, {id: send}]
routing:
  default:
    sequence:
      - {id: first, use: draft}
      - {use: leads, show: "{first.text}"}
      - {use: send, prompt: "Send {first.text}"}
    answer: first
""",
        agents={"draft": draft.chain, "send": send.chain},
    )

    def node(state: Any, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [chain.invoke({"question": state["messages"][0]}, config)]}

    graph, config = graph_of(node, InMemorySaver()), {"configurable": {"thread_id": "1"}}
    stopped = graph.invoke({"messages": ["When?"]}, config)
    done = graph.invoke(Command(resume=True), config)

    assert stopped["__interrupt__"][0].value["show"] == "Nine."
    assert done["messages"] == [given]
    assert draft.asked == [{"question": "When?"}]
    assert send.asked == [{"question": "Send Nine."}]
