"""People who decide from outside a graph: what they are shown, and what they may answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph")

from conductor_mw_langchain import ConductorChatModel
from conductor_mw_langchain.gates import GraphApprovals
from langgraph.checkpoint.memory import InMemorySaver

from conductor_mw import Conductor, Failure, Gate, Verdict
from conductor_mw.gates import Gates
from conductor_mw.stores.sqlite import SqliteStore
from conductor_mw.testing import VirtualClock
from tests.langchain.graphs import (
    REFUND,
    START,
    WAYS,
    Graph,
    MessagesState,
    StateGraph,
    Way,
    question,
    refund,
    said,
)
from tests.langchain.oracle import Oracle

DRAFT = "Hello from oracle, nice to see you"
BOARD = """
agents:
  - {id: writer}
  - {id: board, human: {queue: board, quorum: 2}}
  - {id: sender}
flows:
  sale: {sequence: [{id: draft, use: writer}, {use: board, show: "{draft.text}"}]}
routing: {default: sale}
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_graph_waits_for_a_person_and_asks_no_model_twice(way: Way) -> None:
    model, writer, sender = refund()
    graph = Graph(model, way)
    asked = question(graph.ask())
    assert (asked["queue"], asked["show"], asked["text"]) == ("support-leads", DRAFT, DRAFT)
    assert asked["choices"] == ["approve", "reject", "edit"]
    assert (len(writer.asked), len(sender.asked)) == (1, 0)
    assert said(graph.resume(True)) == DRAFT
    assert (len(writer.asked), len(sender.asked)) == (1, 1)


@pytest.mark.parametrize(
    "value",
    [
        True,
        "approve",
        {"choice": "approve", "by": "ana", "comment": "as agreed"},
        {"decision": "approve"},
        {"decision": {"type": "approve"}},
        {"type": "approve"},
        {"decisions": [{"type": "approve"}]},
    ],
)
def test_an_approval_lets_what_was_shown_go_on(value: object) -> None:
    model, _, sender = refund()
    graph = Graph(model)
    graph.ask()
    graph.resume(value)
    (messages, _) = sender.asked[0]
    assert messages[-1].text == DRAFT


@pytest.mark.parametrize(
    "value",
    [False, "reject", {"choice": "reject"}, {"decisions": [{"type": "reject", "message": "no"}]}],
)
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_rejection_is_the_failure_rejected(value: object, way: Way) -> None:
    model, writer, sender = refund()
    graph = Graph(model, way)
    graph.ask()
    with pytest.raises(Failure) as caught:
        graph.resume(value)
    assert caught.value.kind == "rejected"
    assert (len(writer.asked), len(sender.asked)) == (1, 0)


def test_an_edit_goes_on_in_the_place_of_what_was_shown() -> None:
    model, _, sender = refund()
    graph = Graph(model)
    graph.ask()
    graph.resume({"choice": "edit", "text": "We refund $5.", "by": "ana"})
    assert sender.asked[0][0][-1].text == "We refund $5."


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (1, "a int is no verdict"),
        ([True], "a list is no verdict"),
        ("yes", "'yes' is none of the gate's choices"),
        ("APPROVE", "none of the gate's choices"),
        ({"by": "ana"}, "says no choice"),
        ({"choice": 1}, "'1' is none of the gate's choices"),
        ({"chioce": "approve"}, "chioce, which is read by nobody"),
        ({"choice": "approve", "decision": "reject"}, "several choices"),
        ({"choice": "approve", "text": "Send a million."}, "an edit, and nothing else"),
        ({"choice": "edit"}, "an edit, and nothing else"),
        ({"choice": "edit", "text": 5}, "an edit, and nothing else"),
        ({"choice": "approve", "by": 7}, "'by' of the resume value is no text"),
        ({"choice": "approve", "by": "deadline"}, "no person's name"),
        ({"choice": "approve", "gate": "another"}, "is for another gate"),
        ({"decisions": [{"type": "approve"}, {"type": "approve"}]}, "takes one decision"),
        ({"decisions": []}, "takes one decision"),
        ({"type": "edit", "edited_action": {"name": "x"}}, "edited_action"),
        ({"type": "respond", "message": "hm"}, "'respond' is none"),
    ],
)
def test_what_is_no_verdict_is_refused_and_asked_again(value: object, problem: str) -> None:
    model, writer, sender = refund()
    graph = Graph(model)
    graph.ask()
    again = question(graph.resume(value))
    assert problem in again["problem"]
    assert again["show"] == DRAFT
    assert not sender.asked
    assert question(graph.resume(value))["problem"] == again["problem"]
    assert said(graph.resume(True)) == DRAFT
    assert (len(writer.asked), len(sender.asked)) == (1, 1)


def test_only_the_choices_of_the_gate_are_taken() -> None:
    policy = REFUND.replace("timeout: 1h", "choices: [approve, reject]")
    model, _, sender = refund(policy=policy)
    graph = Graph(model)
    assert question(graph.ask())["choices"] == ["approve", "reject"]
    again = question(graph.resume({"choice": "edit", "text": "We refund $5."}))
    assert "'edit' is none of the gate's choices" in again["problem"]
    assert not sender.asked


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_two_people_are_asked_one_after_the_other(way: Way) -> None:
    model, writer, _ = refund(policy=BOARD)
    graph = Graph(model, way)
    first = question(graph.ask())
    assert (first["quorum"], first["missing"], first["votes"]) == (2, 2, [])
    second = question(graph.resume({"choice": "approve", "by": "ana", "comment": "fine"}))
    assert second["missing"] == 1
    assert second["votes"] == [{"by": "ana", "choice": "approve", "comment": "fine"}]
    assert first["gate"] != second["gate"]
    assert said(graph.resume({"choice": "approve", "by": "bo"})) == DRAFT
    assert len(writer.asked) == 1


@pytest.mark.parametrize("again", ["ana", " Ana "])
def test_one_person_counts_once_and_is_told_so(again: str) -> None:
    model, _, _ = refund(policy=BOARD)
    graph = Graph(model)
    graph.ask()
    graph.resume({"choice": "approve", "by": "ana"})
    third = question(graph.resume({"choice": "approve", "by": again}))
    assert third["problem"].startswith("ana approved it already at ")
    assert (third["missing"], third["votes"][0]["by"]) == (1, "ana")
    assert said(graph.resume({"choice": "approve", "by": "bo"})) == DRAFT


def test_with_a_quorum_whoever_decides_is_named() -> None:
    model, _, _ = refund(policy=BOARD)
    graph = Graph(model)
    graph.ask()
    again = question(graph.resume(True))
    assert "names nobody" in again["problem"]
    assert again["votes"] == []


def _by_app(gate: Gate) -> Verdict:
    return Verdict(choice="edit", by="app", text=f"App: {gate.show}")


async def _by_async_app(gate: Gate) -> Verdict:
    return Verdict(choice="edit", by="app", text=f"App: {gate.show}")


def test_outside_a_graph_the_app_asks_in_its_own_way() -> None:
    model, _, sender = refund(approvals=_by_app)
    model.invoke("I want a refund.")
    assert sender.asked[0][0][-1].text == f"App: {DRAFT}"


async def test_outside_a_graph_the_app_may_ask_async() -> None:
    model, _, sender = refund(approvals=_by_async_app)
    await model.ainvoke("I want a refund.")
    assert sender.asked[0][0][-1].text == f"App: {DRAFT}"


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_without_a_checkpointer_the_app_asks_in_its_own_way(way: Way) -> None:
    model, _, sender = refund(approvals=_by_app)
    graph = Graph(model, way, saver=False)
    assert said(graph.ask()) == DRAFT
    assert sender.asked[0][0][-1].text == f"App: {DRAFT}"


def test_without_an_app_of_its_own_the_queue_of_the_store_decides() -> None:
    clock = VirtualClock()
    approvals = GraphApprovals()
    agents = {"writer": Oracle(), "sender": Oracle()}
    conductor = Conductor.from_text(REFUND, agents=agents, approvals=approvals, clock=clock)
    model = ConductorChatModel(conductor=conductor)
    with pytest.raises(Failure, match="nobody in 'support-leads' decided in time"):
        model.invoke("I want a refund.")


def _clocked(policy: str, clock: VirtualClock) -> tuple[ConductorChatModel, Oracle, Oracle]:
    writer, sender = Oracle(), Oracle()
    conductor = Conductor.from_text(
        policy,
        agents={"writer": writer, "sender": sender},
        approvals=GraphApprovals(),
        clock=clock,
    )
    return ConductorChatModel(conductor=conductor), writer, sender


@pytest.mark.parametrize(
    ("on_timeout", "kind"), [("reject", "rejected"), ("fail", "timeout"), ("approve", None)]
)
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_an_answer_after_the_deadline_counts_for_nothing(
    on_timeout: str, kind: str | None, way: Way
) -> None:
    clock = VirtualClock()
    model, writer, sender = _clocked(
        REFUND.replace("timeout: 1h", f"timeout: 1h, on_timeout: {on_timeout}"), clock
    )
    graph = Graph(model, way)
    first = question(graph.ask())
    clock.advance(3601)
    late: dict[str, Any] = {"choice": "edit", "text": "Send a million.", "by": "eve"}
    if kind is None:
        graph.resume(late)
        assert sender.asked[0][0][-1].text == DRAFT
    else:
        with pytest.raises(Failure) as caught:
            graph.resume(late)
        assert caught.value.kind == kind
        assert not sender.asked
    assert len(writer.asked) == 1
    assert first["deadline"] == pytest.approx(1_780_000_000 + 3600)


def test_every_pass_keeps_the_first_deadline() -> None:
    clock = VirtualClock()
    model, _, sender = _clocked(REFUND, clock)
    graph = Graph(model)
    first = question(graph.ask())
    clock.advance(3000)
    again = question(graph.send(None))
    assert again["deadline"] == first["deadline"]
    clock.advance(1000)
    with pytest.raises(Failure, match="nobody in 'support-leads' decided in time"):
        graph.resume(True)
    assert not sender.asked


def test_nobody_can_decide_in_the_store_what_the_graph_asks(tmp_path: Path) -> None:
    path = tmp_path / "gates.db"
    model, _, _ = refund(policy=f"store: sqlite:{path}\n{REFUND}")
    graph = Graph(model)
    graph.ask()
    gates, now = Gates(SqliteStore(path)), 0.0
    assert gates.list(now).gates == ()
    (gate,) = gates.list(now, decided=True).gates
    verdict = Verdict(choice="approve", by="eve")
    assert str(gates.decide(gate.id, verdict, now)).startswith("it was decided already: the run")
    assert said(graph.resume({"choice": "approve", "by": "ana"})) == DRAFT
    states = {one.state(now) for one in gates.list(now, decided=True).gates}
    assert states == {"withdrawn", "approved"}


def test_a_value_that_came_before_the_question_is_no_verdict() -> None:
    model, _, sender = refund()

    def answer(state: Any) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    def first(state: Any) -> None:
        del state

    graph = StateGraph(MessagesState)
    graph.add_node("first", first)
    graph.add_node("answer", answer)
    graph.add_edge(START, "first")
    graph.add_edge("first", "answer")
    asked = Graph(model)
    asked.app = graph.compile(checkpointer=InMemorySaver(), interrupt_before=["answer"])
    asked.ask()
    again = question(asked.resume(True))
    assert "the graph was resumed before this was asked" in again["problem"]
    assert not sender.asked
    assert said(asked.resume(True)) == DRAFT
