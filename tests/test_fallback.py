"""Retries and fallbacks: what goes on to the next, what does not, and which error is told."""

from __future__ import annotations

import asyncio

import pytest

from conductor_mw import (
    Answer,
    Failure,
    Fenced,
    Part,
    Request,
    Suspend,
    attempts_of,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask
from tests.kit import Diary, conductor

PAIR = "agents: [{id: a}, {id: b}]\nrouting: {default: {fallback: [a, b]}}\n"
RETRIED = "agents: [{{id: a, retry: {retry}}}]\nrouting: {{default: a}}\n"


def tried(answer: Answer) -> list[tuple[str, str, int, str | None]]:
    return [(one.path, one.agent, one.number, one.kind) for one in answer.attempts]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("slow"), "timeout"),
        (ConnectionResetError("reset"), "connection"),
        (Failure("rate_limit"), "rate_limit"),
        (Failure("server_error"), "server_error"),
        (Failure("circuit_open"), "circuit_open"),
    ],
)
def test_the_next_one_answers_after_a_failure_that_may_pass(
    error: Exception, kind: str, way: Way
) -> None:
    c = conductor(PAIR, a=Scripted(error), b=Scripted("b answers"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent) == ("b answers", "b")
    assert tried(answer) == [("fallback/0/a", "a", 1, kind), ("fallback/1/b", "b", 1, None)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["auth", "invalid_request", "policy_violation", "budget"])
def test_a_failure_that_another_agent_would_not_mend_is_told(kind: str, way: Way) -> None:
    failure = Failure(kind)  # type: ignore[arg-type]  # parametrised
    b = Scripted("b answers")
    c = conductor(PAIR, a=Scripted(failure), b=b)

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way)

    assert caught.value is failure
    assert b.asked == []


class GraphBubbleUp(Exception):
    """As langgraph raises it for a person's approval."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "error", [GraphBubbleUp("gate"), Suspend("gate"), Fenced("taken"), TypeError("a bug")]
)
def test_what_is_no_failure_passes_through_every_flow(error: Exception, way: Way) -> None:
    b = Scripted("b answers")
    c = conductor(PAIR, a=Scripted(error), b=b)

    with pytest.raises(type(error)) as caught:
        ask(c, "hello", way=way)

    assert caught.value is error
    assert b.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_cancellation_is_no_failure(way: Way) -> None:
    b = Scripted("b answers")
    c = conductor(PAIR, a=Scripted(asyncio.CancelledError()), b=b)

    with pytest.raises(asyncio.CancelledError):
        ask(c, "hello", way=way)

    assert b.asked == []


@pytest.mark.parametrize("way", STREAMS)
def test_after_the_first_part_nobody_takes_over(way: Way) -> None:
    b = Scripted("b answers")
    c = conductor(PAIR, a=Scripted("half an ", ConnectionError("reset")), b=b)

    with pytest.raises(ConnectionError, match="reset"):
        ask(c, "hello", way=way)

    assert b.asked == []


@pytest.mark.parametrize("way", STREAMS)
@pytest.mark.parametrize("silent", [Part(), Part(finish="stop")])
def test_a_part_that_says_nothing_is_not_the_first_part(silent: Part, way: Way) -> None:
    c = conductor(PAIR, a=Scripted(silent, ConnectionError("reset")), b=Scripted("b answers"))

    assert ask(c, "hello", way=way).text == "b answers"


@pytest.mark.parametrize("way", STREAMS)
@pytest.mark.parametrize("spoken", [Part("x"), Part(reasoning="hm")])
def test_text_and_reasoning_are_first_parts(spoken: Part, way: Way) -> None:
    c = conductor(PAIR, a=Scripted(spoken, ConnectionError("reset")), b=Scripted("b"))

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_the_first_agents_own_error_is_told_with_every_attempt(way: Way) -> None:
    first, second = ConnectionError("first"), TimeoutError("second")
    c = conductor(PAIR, a=Scripted(first), b=Scripted(second))

    with pytest.raises(ConnectionError) as caught:
        ask(c, "hello", way=way)

    assert caught.value is first
    assert [(one.agent, one.error) for one in attempts_of(caught.value)] == [
        ("a", first),
        ("b", second),
    ]


def test_an_error_of_something_else_has_no_attempts() -> None:
    assert attempts_of(ValueError("other")) == ()


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_asks_the_same_agent_again(way: Way) -> None:
    agent = Scripted(ConnectionError("reset"), takes=[["here"]])
    c = conductor(RETRIED.format(retry="2"), a=agent)

    answer = ask(c, "hello", way=way)

    assert answer.text == "here"
    assert tried(answer) == [("a", "a", 1, "connection"), ("a", "a", 2, None)]


@pytest.mark.parametrize("way", WAYS)
def test_retries_end(way: Way) -> None:
    agent = Scripted(ConnectionError("reset"))
    c = conductor(RETRIED.format(retry="2"), a=agent)

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)

    assert len(agent.asked) == 3


@pytest.mark.parametrize("way", WAYS)
def test_only_the_named_kinds_are_tried_again(way: Way) -> None:
    agent = Scripted(ConnectionError("reset"))
    c = conductor(RETRIED.format(retry="{times: 2, on: [rate_limit]}"), a=agent)

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)

    assert len(agent.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_waits_double_up_to_the_longest_with_full_jitter(way: Way) -> None:
    clock = VirtualClock()
    text = RETRIED.format(retry="{times: 6, wait: 100ms, longest: 800ms}")
    c = conductor(text, clock=clock, a=Scripted(ConnectionError("reset")))

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)

    ceilings = [0.1, 0.2, 0.4, 0.8, 0.8, 0.8]
    assert len(clock.slept) == 6
    assert all(0 <= wait <= most for wait, most in zip(clock.slept, ceilings, strict=True))
    assert len(set(clock.slept)) == 6


@pytest.mark.parametrize("way", WAYS)
def test_a_provider_that_names_a_wait_gets_it(way: Way) -> None:
    clock = VirtualClock()
    busy = Failure("rate_limit", retry_after=3.5)
    c = conductor(RETRIED.format(retry="1"), clock=clock, a=Scripted(busy, takes=[["here"]]))

    answer = ask(c, "hello", way=way)

    assert (answer.text, clock.slept) == ("here", [3.5])


@pytest.mark.parametrize("way", WAYS)
def test_a_wait_beyond_the_longest_ends_the_retries(way: Way) -> None:
    agent = Scripted(Failure("rate_limit", retry_after=60.0))
    c = conductor(RETRIED.format(retry="{times: 3, longest: 5s}"), a=agent)

    with pytest.raises(Failure):
        ask(c, "hello", way=way)

    assert len(agent.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_wait_beyond_the_deadline_ends_the_retries(way: Way) -> None:
    agent = Scripted(Failure("rate_limit", retry_after=4.0))
    c = conductor(RETRIED.format(retry="3"), a=agent)

    with pytest.raises(Failure):
        ask(c, "hello", way=way, deadline=3.0)

    assert len(agent.asked) == 1


@pytest.mark.parametrize("way", STREAMS)
def test_after_the_first_part_nothing_is_tried_again(way: Way) -> None:
    agent = Scripted("half an ", ConnectionError("reset"))
    c = conductor(RETRIED.format(retry="3"), a=agent)

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)

    assert len(agent.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_the_failures_own_target_answers(way: Way) -> None:
    text = """
agents: [{id: a}, {id: b}, {id: c}]
routing: {default: a, fallback: {timeout: b, refusal: c}}
"""
    c = conductor(text, a=Scripted(Failure("refusal")), b=Scripted("b"), c=Scripted("c"))

    answer = ask(c, "hello", way=way)

    assert answer.text == "c"
    assert tried(answer) == [("a", "a", 1, "refusal"), ("on/refusal/c", "c", 1, None)]


@pytest.mark.parametrize("way", STREAMS)
def test_after_the_first_part_nobody_comes_to_the_rescue(way: Way) -> None:
    text = "agents: [{id: a}, {id: b}]\nrouting: {default: a, fallback: {connection: b}}\n"
    b = Scripted("b")
    c = conductor(text, a=Scripted("half an ", ConnectionError("reset")), b=b)

    with pytest.raises(ConnectionError, match="reset"):
        ask(c, "hello", way=way)

    assert b.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_a_rescue_is_not_rescued_again(way: Way) -> None:
    text = "agents: [{id: a}, {id: b}]\nrouting: {default: a, fallback: {timeout: b}}\n"
    b = Scripted(TimeoutError("b too"))
    c = conductor(text, a=Scripted(TimeoutError("a")), b=b)

    with pytest.raises(TimeoutError, match=r"^a$"):
        ask(c, "hello", way=way)

    assert len(b.asked) == 1


def refusing(request: Request) -> Part:
    del request
    return Part(finish="refusal")


@pytest.mark.parametrize("way", WAYS)
def test_a_filter_that_lets_nothing_through_is_a_refusal(way: Way) -> None:
    text = "agents: [{id: a}, {id: b}]\nrouting: {default: {fallback: [a, b], on: [refusal]}}\n"
    c = conductor(text, a=refusing, b=Scripted("b"))

    assert ask(c, "hello", way=way).text == "b"


@pytest.mark.parametrize("way", WAYS)
def test_every_event_of_a_run_is_told_in_order(way: Way) -> None:
    diary = Diary()
    text = PAIR.replace("{id: a}", "{id: a, retry: 1}")
    c = conductor(
        text, observers=[diary.events.append], a=Scripted(TimeoutError("a")), b=Scripted("b")
    )

    answer = ask(c, "secret text", way=way)

    assert [(event.name, event.path, event.attempt) for event in diary.events] == [
        ("run_started", "", 0),
        ("decided", "", 0),
        ("attempt_started", "fallback/0/a", 1),
        ("attempt_ended", "fallback/0/a", 1),
        ("retry", "fallback/0/a", 1),
        ("attempt_started", "fallback/0/a", 2),
        ("attempt_ended", "fallback/0/a", 2),
        ("fallback", "", 0),
        ("attempt_started", "fallback/1/b", 1),
        ("attempt_ended", "fallback/1/b", 1),
        ("run_ended", "", 0),
    ]
    assert {(event.version, event.run) for event in diary.events} == {(1, answer.id)}
    assert "secret" not in repr(diary.events)
