"""Undo: what was done is undone, last first, when a later step fails; and what is left is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_mw import (
    Attempt,
    Conductor,
    EvaluationError,
    Event,
    Failure,
    Gate,
    Part,
    PolicyError,
    Request,
    Suspend,
    Verdict,
    attempts_of,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from tests.kit import conductor

AGENTS = "agents: [{id: a}, {id: b}, {id: c}, {id: bad}, {id: ua}, {id: ub}, {id: uc}]\n"
THREE = """
  default:
    sequence:
      - {id: one, use: a, undo: ua}
      - {id: two, use: b, undo: ub}
      - {id: three, use: c, undo: uc}
      - bad
"""


class Told:
    """Agents that say their id, in the order in which they were asked."""

    def __init__(self, **failing: BaseException) -> None:
        self.asked: list[str] = []
        self.texts: dict[str, str] = {}
        self._failing = failing

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        self.asked.append(attempt.agent)
        self.texts[attempt.agent] = attempt.request.text
        if attempt.agent in self._failing:
            raise self._failing[attempt.agent]
        yield Part(f"said by {attempt.agent}", finish="stop")


def desk(routing: str, told: Told, **options: Any) -> Conductor:
    names = ("a", "b", "c", "bad", "ua", "ub", "uc")
    agents: dict[str, Any] = {**dict.fromkeys(names, told), **options}
    return conductor(f"{AGENTS}routing:{routing}", **agents)


@pytest.mark.parametrize("way", WAYS)
def test_what_was_done_is_undone_last_first(way: Way) -> None:
    told = Told(bad=ConnectionError("reset"))

    with pytest.raises(ConnectionError) as caught:
        ask(desk(THREE, told), "x", way=way)

    assert told.asked == ["a", "b", "c", "bad", "uc", "ub", "ua"]
    undone = [one for one in attempts_of(caught.value) if one.purpose == "undo"]
    assert [one.path for one in undone] == ["undo/three/uc", "undo/two/ub", "undo/one/ua"]
    assert not any(one.visible for one in undone)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_undone_where_all_went_well(way: Way) -> None:
    told = Told()

    assert ask(desk(THREE, told), "x", way=way).text == "said by bad"
    assert told.asked == ["a", "b", "c", "bad"]


def test_only_steps_that_are_done_are_undone() -> None:
    told = Told(b=TimeoutError("slow"), bad=ConnectionError("reset"))
    routing = """
  default:
    sequence:
      - {id: one, use: a, undo: ua, when: "false"}
      - {id: two, use: b, undo: ub, on_failure: continue}
      - {id: three, use: c, undo: uc}
      - bad
"""
    with pytest.raises(TimeoutError):  # the first error of the run is what reaches the caller
        desk(routing, told).call("x")

    assert told.asked == ["b", "c", "bad", "uc"]


@pytest.mark.parametrize("way", WAYS)
def test_an_undo_that_fails_is_told_and_the_others_still_run(way: Way) -> None:
    events: list[Event] = []
    told = Told(bad=ConnectionError("reset"), ub=ValueError("cannot recall"))

    with pytest.raises(ConnectionError) as caught:
        ask(desk(THREE, told, observers=[events.append]), "x", way=way)

    assert told.asked[-3:] == ["uc", "ub", "ua"]
    assert caught.value.__notes__ == ["not undone: undo/two: cannot recall"]
    failed = [one for one in attempts_of(caught.value) if one.agent == "ub"]
    assert [type(one.error) for one in failed] == [ValueError]
    assert [one.path for one in events if one.name == "undo_failed"] == ["undo/two"]


def test_an_undo_reads_what_its_step_gave() -> None:
    told = Told(bad=ConnectionError("reset"))
    routing = """
  default:
    sequence:
      - {id: one, use: a, undo: {use: ua, prompt: "Take back: {one.text}"}}
      - bad
"""
    with pytest.raises(ConnectionError):
        desk(routing, told).call("x")

    assert told.texts["ua"] == "Take back: said by a"


@pytest.mark.parametrize("way", WAYS)
def test_undoing_has_its_own_time_when_the_runs_is_over(way: Way) -> None:
    clock = VirtualClock()
    undo = Scripted(20.0, "undone")

    with pytest.raises(TimeoutError):
        ask(
            desk(THREE, Told(), bad=Scripted(9.0, "late"), ua=undo, clock=clock),
            "x", way=way, deadline=5,
        )  # fmt: skip

    assert undo.closed == 1
    assert clock.monotonic() == pytest.approx(25)


@pytest.mark.parametrize(("undo", "seconds"), [("ua", 30), ("{use: ua, timeout: 2m}", 120)])
def test_an_undo_that_hangs_ends(undo: str, seconds: float) -> None:
    clock = VirtualClock()
    routing = f"\n  default: {{sequence: [{{use: a, undo: {undo}}}, bad]}}\n"
    c = desk(routing, Told(bad=ConnectionError("x")), ua=Scripted(900.0, "never"), clock=clock)

    with pytest.raises(ConnectionError) as caught:
        c.call("x")

    assert clock.monotonic() == pytest.approx(seconds)
    assert "not undone: undo/1" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("last", "error"),
    [
        ('{use: c, when: "one.confidence > 0.5"}', EvaluationError),
        ('{use: c, accept: "answer.chars > 500"}', Failure),
        ("{use: private}", Failure),
    ],
)
def test_whatever_fails_a_step_undoes_the_others(last: str, error: type[Exception]) -> None:
    told = Told()
    text = f"""
agents: [{{id: a}}, {{id: c}}, {{id: private}}, {{id: ua}}]
routing: {{default: {{sequence: [{{id: one, use: a, undo: ua}}, {last}]}}}}
guarantees: [{{never: {{when: "input.chars > 0", agents: [private]}}}}]
"""
    with pytest.raises(error):
        conductor(text, a=told, c=told, private=told, ua=told).call("x")

    assert told.asked[-1] == "ua"


def test_a_fault_that_no_flow_routes_on_undoes_as_well() -> None:
    told = Told(bad=LookupError("a mistake in the app"))

    with pytest.raises(LookupError):
        desk(THREE, told).call("x")

    assert told.asked[-3:] == ["uc", "ub", "ua"]


def test_a_run_that_waits_for_something_outside_undoes_nothing() -> None:
    told = Told(bad=Suspend("until tomorrow"))

    with pytest.raises(Suspend):
        desk(THREE, told).call("x")

    assert told.asked == ["a", "b", "c", "bad"]


@pytest.mark.parametrize("way", STREAMS)
def test_a_caller_who_stops_reading_is_told_what_was_left(way: Way) -> None:
    events: list[Event] = []
    told = Told()
    bad = Scripted("one ", "two")

    part = read_one(desk(THREE, told, bad=bad, observers=[events.append]), "x", way=way)

    assert part.text == "one "
    assert told.asked == ["a", "b", "c"]
    left = [one.path for one in events if one.name == "undo_left"]
    assert left == ["undo/three", "undo/two", "undo/one"]


def test_a_cancelled_task_ends_at_once_and_tells_what_was_left() -> None:
    events: list[Event] = []
    told = Told()

    async def cancelled() -> None:
        begun = asyncio.Event()

        async def slow(request: Request) -> str:
            begun.set()
            await asyncio.Event().wait()
            return request.text

        c = desk(THREE, told, bad=slow, observers=[events.append])
        task = asyncio.create_task(c.acall("x"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)

    asyncio.run(cancelled())

    assert told.asked == ["a", "b", "c"]
    assert [one.name for one in events].count("undo_left") == 3


@pytest.mark.parametrize("way", WAYS)
def test_an_inner_sequence_leaves_its_undoing_to_the_outer_one(way: Way) -> None:
    told = Told(bad=ConnectionError("reset"))
    routing = """
  default:
    sequence:
      - {id: one, use: a, undo: ua}
      - {id: inner, use: {sequence: [{use: b, undo: ub}, {use: c, undo: uc}]}}
      - bad
"""
    with pytest.raises(ConnectionError):
        ask(desk(routing, told), "x", way=way)

    assert told.asked == ["a", "b", "c", "bad", "uc", "ub", "ua"]


@pytest.mark.parametrize("way", WAYS)
def test_a_rescue_inside_undoes_only_what_failed(way: Way) -> None:
    told = Told(bad=ConnectionError("reset"))
    routing = """
  default:
    sequence:
      - {id: one, use: a, undo: ua}
      - use: {fallback: [{sequence: [{use: b, undo: ub}, bad]}, c]}
"""
    assert ask(desk(routing, told), "x", way=way).text == "said by c"
    assert told.asked == ["a", "b", "bad", "ub", "c"]


@pytest.mark.parametrize("way", WAYS)
def test_every_time_of_a_loop_is_undone(way: Way) -> None:
    told = Told(bad=ConnectionError("reset"))
    routing = """
  default:
    sequence:
      - use:
          repeat: {sequence: [{use: a, undo: ua}, {use: b, undo: ub}]}
          until: "false"
          max: 2
      - bad
"""
    with pytest.raises(ConnectionError):
        ask(desk(routing, told), "x", way=way)

    assert told.asked[-4:] == ["ub", "ua", "ub", "ua"]


@pytest.mark.parametrize("way", WAYS)
def test_what_was_done_for_every_item_is_undone_last_first(way: Way) -> None:
    undone: list[str] = []

    class Undoer:
        async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
            undone.append(attempt.request.text)
            yield Part("done", finish="stop")

    routing = """
  default:
    sequence:
      - {id: plan, use: a, output: {type: object, properties: {items: {type: array}}}}
      - for_each: "{plan.items}"
        max: 3
        at_once: 1
        use: {sequence: [{id: book, use: b, undo: {use: ub, prompt: "{item}"}}]}
      - bad
"""
    c = desk(
        routing,
        Told(bad=ConnectionError("reset")),
        a=Scripted('{"items": [1, 2, 3]}'),
        ub=Undoer(),
    )

    with pytest.raises(ConnectionError):
        ask(c, "x", way=way)

    assert undone == ["3", "2", "1"]


def test_who_undoes_must_exist() -> None:
    with pytest.raises(PolicyError, match="no agent or flow 'nobody'"):
        desk("\n  default: {sequence: [{use: a, undo: nobody}, b]}\n", Told())


# Sequences in sequences, with agents that fail by chance: the model of what must happen is a walk
# over the same tree, written without a conductor.

Leaf: TypeAlias = tuple[str, bool, bool]
Tree: TypeAlias = "Leaf | list[Tree]"
STEP = st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans())
TREES: st.SearchStrategy[Tree] = st.recursive(
    STEP, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=8
).filter(lambda tree: isinstance(tree, list))


def written(tree: Tree) -> Any:
    if isinstance(tree, list):
        return {"sequence": [written(one) for one in tree]}
    agent, fails, has_undo = tree
    step: dict[str, Any] = {"use": f"bad-{agent}" if fails else agent}
    return step | ({"undo": f"u{agent}"} if has_undo else {})


def walked(tree: Tree, log: list[str], done: list[str]) -> bool:
    """Write down who must be asked, in order; False where it fails."""
    if not isinstance(tree, list):
        agent, fails, has_undo = tree
        log.append(f"bad-{agent}" if fails else agent)
        if has_undo and not fails:
            done.append(f"u{agent}")
        return not fails
    inner: list[str] = []
    for one in tree:
        if not walked(one, log, inner):
            log.extend(reversed(inner))
            return False
    done.extend(inner)
    return True


@settings(max_examples=60, deadline=None)
@given(tree=TREES)
def test_nested_sequences_undo_what_a_plain_walk_says(tree: Tree) -> None:
    names = [f"{kind}{agent}" for agent in "abc" for kind in ("", "bad-", "u")]
    told = Told(**{name: ConnectionError(name) for name in names if name.startswith("bad")})
    text = json.dumps(
        {"agents": [{"id": name} for name in names], "routing": {"default": written(tree)}}
    )
    c = Conductor.from_text(text, agents=dict.fromkeys(names, told), clock=VirtualClock())
    expected: list[str] = []
    well = walked(tree, expected, [])

    if well:
        c.call("x")
    else:
        with pytest.raises(ConnectionError):
            c.call("x")

    assert told.asked == expected
    assert len(told.asked) <= c.decide("x").flow.worst_calls


def test_what_a_shadow_did_is_its_own_affair() -> None:
    events: list[Event] = []
    told = Told()
    routing = """
  default: {use: a, shadow: {use: {sequence: [{use: b, undo: ub}, c]}}}
"""
    desk(routing, told, observers=[events.append]).call("x")

    assert told.asked == ["a", "b", "c"]
    assert "undo_left" not in {one.name for one in events}


REFUND = """
agents: [{id: deep-think}, {id: leads, human: support-leads}, {id: mailer}, {id: recall}, {id: bad}]
flows:
  refund:
    sequence:
      - {id: draft, use: deep-think}
      - {id: approve, use: leads, show: "{draft.text}", timeout: 2d, on_timeout: fail}
      - {id: send, use: mailer, prompt: "{approve.text}", undo: recall}
      - bad
routing: {default: refund}
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("approved", [True, False])
def test_a_refund_is_drafted_approved_and_sent_or_taken_back(way: Way, *, approved: bool) -> None:
    shown: list[str] = []

    def leads(gate: Gate) -> Verdict:
        shown.append(gate.show)
        if not approved:
            return Verdict(choice="reject", by="ann")
        return Verdict(choice="edit", by="ann", text="Here is your money.")

    told = Told(bad=ConnectionError("reset"))
    agents: dict[str, object] = dict.fromkeys(("mailer", "recall", "bad"), told)
    agents["deep-think"] = Scripted("Dear customer")
    c = Conductor.from_text(REFUND, agents=agents, approvals=leads, clock=VirtualClock())

    with pytest.raises(ConnectionError if approved else Failure) as caught:
        ask(c, "Money back!", way=way)

    assert shown == ["Dear customer"]
    if approved:
        assert told.asked == ["mailer", "bad", "recall"]
        assert told.texts["mailer"] == "Here is your money."
    else:
        assert told.asked == []
        assert isinstance(caught.value, Failure)
        assert caught.value.kind == "rejected"
