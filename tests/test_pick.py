"""Pick: the best agent by a formula over declared and observed figures, always the same one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Conductor, Failure, Outcome, PolicyError, Usage
from conductor_mw.figures import CALLS, SECONDS, Figures, Window
from conductor_mw.live import Board
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from tests.kit import Diary, conductor

AGENTS = """
signals: {tier: {from: metadata.tier, type: string, default: free}}
agents:
  - {id: a, price: {input: 1, output: 1}, quality: 0.9, capabilities: {vision: true},
     context_window: 1000000}
  - {id: b, price: {input: 0.1, output: 0.1}, quality: 0.5, context_window: 1000}
  - {id: c, price: {input: 0.5, output: 0.5}, quality: 0.8, context_window: 1000000}
  - {id: unknown}
"""


def picking(body: str, **agents: Any) -> Conductor:
    """Give a conductor over a pick; every agent says its own name."""
    observers = agents.pop("observers", ())
    clock = agents.pop("clock", None)
    bound: dict[str, Any] = {name: Scripted(name) for name in ("a", "b", "c", "unknown")} | agents
    text = f"{AGENTS}routing: {{default: {{{body}}}}}\n"
    return conductor(text, observers=observers, clock=clock, **bound)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("body", "picked"),
    [
        ("pick: [a, b, c], minimise: cost", "b"),
        ("pick: [a, b, c], minimise: -cost", "a"),
        ("pick: [a, b, c], minimise: cost, subject_to: quality >= 0.8", "c"),
        ("pick: [a, b, c], minimise: cost, subject_to: capabilities.vision", "a"),
        ("pick: [a, b, c], minimise: cost, subject_to: context > 5000", "c"),
        ("pick: [a, b, c], minimise: 1.0 - quality", "a"),
        ("pick: [a, b, c], minimise: latency, latency: {a: 2s, b: 3s, c: 1s}", "c"),
        ("pick: [a, b, c], minimise: p95_ms + 1e7 * cost, latency: {a: 1ms, b: 9s, c: 1s}", "c"),
        ("pick: [c, b], minimise: '0'", "c"),
    ],
)
def test_the_lowest_value_is_picked_and_the_order_settles_ties(
    body: str, picked: str, way: Way
) -> None:
    answer = ask(picking(body), "hello", way=way)

    assert (answer.text, len(answer.attempts)) == (picked, 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("tier", "picked"), [("free", "b"), ("pro", "a")])
def test_the_class_of_a_request_may_say_what_counts(tier: str, picked: str, way: Way) -> None:
    c = picking(
        "pick: [a, b, c], minimise: \"tier == 'pro' ? p95_ms : 1000.0 * cost\", "
        "latency: {b: 2s, c: 1s}"
    )

    assert ask(c, "hello", way=way, metadata={"tier": tier}).text == picked


@pytest.mark.parametrize("way", WAYS)
def test_where_the_best_fails_the_next_best_is_asked(way: Way) -> None:
    c = picking("pick: [a, b, c], minimise: cost", b=Scripted(ConnectionError("reset")))

    answer = ask(c, "hello", way=way)

    assert answer.text == "c"
    assert [(one.path, one.kind) for one in answer.attempts] == [
        ("pick/1/b", "connection"),
        ("pick/2/c", None),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_no_more_are_tried_than_the_policy_says(way: Way) -> None:
    c = picking(
        "pick: [a, b, c], minimise: cost, tries: 2",
        b=Scripted(ConnectionError("reset")), c=Scripted(ConnectionError("reset")),
    )  # fmt: skip

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_other_failures_are_told(way: Way) -> None:
    c = picking("pick: [a, b], minimise: cost", b=Scripted(Failure("auth")))

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way)

    assert caught.value.kind == "auth"


@pytest.mark.parametrize("way", STREAMS)
def test_the_answer_streams(way: Way) -> None:
    c = picking("pick: [a], minimise: cost", a=Scripted("one ", RuntimeError("after the first")))

    assert read_one(c, "hello", way=way).text == "one "


@pytest.mark.parametrize("way", WAYS)
def test_where_nobody_is_left_it_is_incapable(way: Way) -> None:
    c = picking("pick: [a, b], minimise: cost, subject_to: quality > 0.95")

    with pytest.raises(
        Failure, match=r"a: it does not meet `subject_to`; b: it does not"
    ) as caught:
        ask(c, "hello", way=way)

    assert caught.value.kind == "incapable"


@pytest.mark.parametrize("way", WAYS)
def test_a_pick_tells_what_it_knew(way: Way) -> None:
    diary = Diary()
    c = picking(
        "pick: [a, b], minimise: cost, subject_to: quality > 0.8", observers=[diary.events.append]
    )

    ask(c, "a secret", way=way)

    (told,) = [event.data for event in diary.events if event.name == "picked"]
    candidates: Any = told["candidates"]
    assert told["agent"] == "a"
    assert candidates["a"]["value"] == candidates["a"]["cost"] > 0
    assert (candidates["a"]["quality"], candidates["a"]["because"]) == (0.9, "")
    assert (candidates["b"]["value"], candidates["b"]["because"]) == (
        None,
        "it does not meet `subject_to`",
    )
    assert "secret" not in repr(diary.events)


@pytest.mark.parametrize("way", WAYS)
def test_what_was_observed_goes_before_what_was_declared(way: Way) -> None:
    slow = Scripted(5.0, "slow")
    c = picking("pick: [a, b], minimise: latency, latency: {a: 1s, b: 3s}", a=slow)

    texts = [ask(c, "hello", way=way).text for _ in range(3)]

    assert texts == ["slow", "b", "b"]


def test_a_figure_is_forgotten_so_that_a_slow_agent_gets_another_chance() -> None:
    clock = VirtualClock()
    slow = Scripted(5.0, "slow")
    c = picking("pick: [a, b], minimise: latency, latency: {a: 1s, b: 3s}", a=slow, clock=clock)

    assert [c.call("hello").text, c.call("hello").text] == ["slow", "b"]
    clock.advance(SECONDS + 10)
    assert c.call("hello").text == "slow"


def test_the_length_of_answers_is_learned_from_whoever_was_asked() -> None:
    diary = Diary()
    c = picking("pick: [b, a], minimise: cost", observers=[diary.events.append])

    for _ in range(2):
        c.call("hello")

    first, second = (event.data for event in diary.events if event.name == "picked")
    before: Any = first["candidates"]
    after: Any = second["candidates"]
    assert before["a"]["cost"] == pytest.approx(10 * before["b"]["cost"])
    assert after["a"]["cost"] == pytest.approx(10 * after["b"]["cost"])
    assert after["a"]["cost"] < before["a"]["cost"] / 2  # 5 tokens each, and not 256


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("pick: [a, unknown], minimise: cost", "`cost` has no value for agent 'unknown'"),
        (
            "pick: [a, unknown], minimise: latency, subject_to: quality > 0.5",
            "`quality` has no value for agent 'unknown'",
        ),
        ("pick: [unknown], minimise: context", "context_window"),
        ("pick: [a, b], minimise: price", "price"),
        ("pick: [a, b], minimise: capabilities.vision", "double is needed here"),
        ("pick: [a, b], minimise: cost, subject_to: capabilities.telepathy", "telepathy"),
        ("pick: [a, a], minimise: cost", "'a' stands there twice"),
        ("pick: [a, nobody], minimise: cost", "no agent or flow 'nobody'"),
        ("pick: [{fallback: [a, b]}], minimise: cost", "string|text"),
        ("pick: [a], minimise: cost, latency: {b: 1s}", "'b' is none of the candidates"),
        ("pick: [a]", "minimise"),
        ("pick: [], minimise: cost", "at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(body: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        picking(body)


def test_a_flow_is_no_candidate() -> None:
    flows = "flows: {f: {fallback: [a]}}\n"
    text = f"{AGENTS}{flows}routing: {{default: {{pick: [f], minimise: latency}}}}\n"

    with pytest.raises(PolicyError, match="'f' is no agent"):
        conductor(text)


def test_the_bound_is_that_of_the_dearest_who_may_be_tried() -> None:
    text = """
agents: [{id: a, retry: 4}, {id: b}, {id: c, retry: 2}]
routing: {default: {pick: [a, b, c], minimise: latency, tries: 2}}
"""
    flow = conductor(text).policy.default_flow

    assert flow is not None
    assert flow.worst_calls == 5 + 3


# What the board sees


def outcome(seconds: float = 1.0, *, started: float = 0.0, tokens: int = 5, **how: Any) -> Outcome:
    usage = Usage(10, tokens)
    return Outcome(path="a", agent="a", started=started, seconds=seconds, usage=usage, **how)


def test_conditions_read_what_was_observed() -> None:
    text = """
agents: [{id: a}, {id: b}]
routing: {rules: [{condition: agents.a.error_rate > 0.4, target: b}], default: a}
"""
    c = conductor(text, a=Scripted(ConnectionError("reset")), b=Scripted("b"))

    with pytest.raises(ConnectionError):
        c.call("hello")
    assert c.call("hello").text == "b"


def test_only_what_says_something_of_the_agent_counts() -> None:
    window = Window()
    fault = Failure("policy_violation")
    window.add(outcome(finish="cut"))
    window.add(outcome(by="cache"))
    window.add(outcome(kind="policy_violation", error=fault))
    window.add(outcome(kind="refusal", error=fault))
    window.add(outcome(error=TypeError("a bug")))

    assert window.figures(1.0) == Figures()


def test_a_quick_error_says_nothing_of_how_long_answers_take() -> None:
    window = Window()
    window.add(outcome(4.0))
    window.add(outcome(0.01, kind="connection", error=ConnectionError("reset")))
    window.add(outcome(8.0, kind="timeout", error=TimeoutError("slow")))

    assert window.figures(1.0) == Figures(2 / 3, 8000.0, 6.0, 5.0)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=3 * CALLS))
def test_the_window_is_bounded_and_its_percentile_is_the_nearest_rank(times: list[float]) -> None:
    window = Window()
    for seconds in times:
        window.add(outcome(seconds))
    kept = sorted(times[-CALLS:])

    found = window.figures(0.0)

    assert found.p95_ms == pytest.approx(1000 * kept[-(-95 * len(kept) // 100) - 1])
    assert found.error_rate == 0


def test_a_new_policy_keeps_the_figures() -> None:
    now = [1.0]
    board = Board(lambda: now[0])
    board.saw(outcome(2.0))
    after = board.successor()
    after.saw(outcome(4.0))

    assert board.figures("a") == after.figures("a") == Figures(0.0, 4000.0, 3.0, 5.0)
    now[0] = 1000.0
    assert after.figures("a") == Figures()
