"""Calls that an app makes itself while a policy attends them: layers stand around them, no flow."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from conductor_mw import (
    Attempted,
    Conductor,
    ConductorError,
    Event,
    Failure,
    Money,
    Part,
    Parts,
    Request,
    Run,
    Sleep,
    attempts_of,
    to_request,
)
from conductor_mw.testing import Scripted
from tests.kit import Diary, conductor

TWO = """
agents:
  - {id: a, prompt: Think., parameters: {temperature: 0.5}, retry: 3, timeout: 1s, accept: "false"}
  - {id: b, labels: [safe]}
routing:
  rules: [{id: short, condition: "input.tokens < 1000", target: b}]
  default: a
guarantees: [{never: {when: has(metadata.secret), agents_without: safe}}]
"""
ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": "Sure."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
}


def app(text: str = TWO, **options: Any) -> Conductor:
    return conductor(text, a=Scripted("never asked"), b=Scripted("never asked"), **options)


def test_layers_begin_before_the_call_and_end_with_it() -> None:
    diary = Diary()
    c = app(attempt_layers=diary.attempt_layers, observers=[diary.events.append])

    call = c.attend(to_request("hello"), agent="a")
    assert diary.lines == ["outer opens", "inner opens"]
    call.end(ANSWER)

    assert diary.lines[2:] == ["inner closes: stop", "outer closes: stop"]
    assert [event.name for event in diary.events if "attempt" in event.name] == [
        "attempt_started", "attempt_ended",
    ]  # fmt: skip
    answer = call.answer
    assert (answer.text, answer.agent, answer.usage.output_tokens) == ("Sure.", "a", 2)


def test_the_decision_says_what_the_policy_would_have_done() -> None:
    call = app().attend(to_request("hello"), agent="a")

    record = call.run.decide().to_dict()
    call.end(ANSWER)

    assert (record["rule"], record["target"], record["observed"]) == ("short", "b", True)


def test_a_failed_call_is_tried_no_second_time() -> None:
    call = app().attend(to_request("hello"), agent="a")
    error = ConnectionError("down")

    call.fail(error)

    (outcome,) = call.run.outcomes
    assert (outcome.kind, outcome.error, outcome.finish) == ("connection", error, "error")
    assert attempts_of(error) == (outcome,)


def test_what_was_said_before_a_call_broke_off_was_worked_on() -> None:
    call = app().attend(to_request("hello"), agent="a")

    call.fail(ConnectionError("down"), ANSWER)

    assert call.run.outcomes[0].first_part is not None


@pytest.mark.parametrize("how", ["cut", "dropped"])
def test_a_call_that_nobody_waits_for_closes_its_layers(how: str) -> None:
    diary = Diary()
    call: Any = app(attempt_layers=diary.attempt_layers).attend(to_request("hello"), agent="a")

    if how == "cut":
        call.cut()
    del call
    gc.collect()

    assert diary.lines[2:] == ["inner closes: cut", "outer closes: cut"]


async def refusing(
    attempt: Attempted, proceed: Callable[[Attempted], Parts]
) -> AsyncGenerator[Part, None]:
    del proceed
    raise Failure("budget", "no money left", agent=attempt.agent.id)
    yield Part()


def test_a_layer_refuses_before_the_call_is_made() -> None:
    c = app(attempt_layers=[refusing])

    with pytest.raises(Failure, match="no money left") as refused:
        c.attend(to_request("hello"), agent="a")

    assert [one.kind for one in attempts_of(refused.value)] == ["budget"]


def test_a_guarantee_holds_for_whom_the_app_asks() -> None:
    c = app()
    secret = to_request("hello", metadata={"secret": 1})

    c.attend(secret, agent="b").end(ANSWER)
    for agent in ("a", None):
        with pytest.raises(Failure, match="was not asked"):
            c.attend(secret, agent=agent)


def test_an_agent_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(ConductorError, match="no agent 'bb'"):
        app().attend(to_request("hello"), agent="bb")


def test_models_without_an_agent_are_named_in_records_as_long_as_they_are_few() -> None:
    c = app()

    calls = [c.attend(to_request("hello"), agent=None, model=f"m/{n}") for n in range(100)]

    named = {getattr(call.run.policy.agents["(app)"].options, "model", "") for call in calls}
    assert "m/0" in named
    assert "" in named
    assert len(named) < 100
    for call in calls:
        call.cut()


async def answering(
    attempt: Attempted, proceed: Callable[[Attempted], Parts]
) -> AsyncGenerator[Part, None]:
    del attempt, proceed
    yield Part("from a shelf")


def test_a_layer_that_answers_stops_the_call_unless_it_says_that_it_answers() -> None:
    with pytest.raises(ConductorError, match="a layer answered") as refused:
        app(attempt_layers=[answering]).attend(to_request("hello"), agent="a")

    assert "`answers = True`" in str(refused.value)


async def masking(
    attempt: Attempted, proceed: Callable[[Attempted], Parts]
) -> AsyncGenerator[Part, None]:
    attempt.request = masked(attempt.request)
    async for part in proceed(attempt):
        yield part


def masked(request: Request) -> Request:
    return request.with_native(request.lens.redacted(request.native, lambda _: "***"))


def test_what_a_layer_masks_is_not_sent_as_it_was() -> None:
    with pytest.raises(Failure, match="a layer changed what is sent") as refused:
        app(attempt_layers=[masking]).attend(to_request("hello"), agent="a")

    assert refused.value.kind == "policy_violation"


async def blotting(
    attempt: Attempted, proceed: Callable[[Attempted], Parts]
) -> AsyncGenerator[Part, None]:
    async for _ in proceed(attempt):
        yield Part("***")


def test_an_answer_that_a_layer_changes_is_not_used_as_it_was() -> None:
    call = app(attempt_layers=[blotting]).attend(to_request("hello"), agent="a")

    with pytest.raises(Failure, match="a layer changed the answer"):
        call.end(ANSWER)


async def slow(run: Run, proceed: Callable[[Run], Parts]) -> AsyncGenerator[Part, None]:
    await Sleep(5)
    async for part in proceed(run):
        yield part


def test_where_nobody_may_wait_a_layer_that_waits_is_a_refusal() -> None:
    c = app(request_layers=[slow])

    with pytest.raises(Failure, match="inside an event loop") as refused:
        c.attend(to_request("hello"), agent="a", patient=False)
    assert refused.value.kind == "limited"

    c.attend(to_request("hello"), agent="a").end(ANSWER)


def test_nobody_is_asked_for_a_paid_signal_and_a_guarantee_that_reads_it_holds() -> None:
    asked = Scripted("yes")
    text = """
agents: [{id: a}, {id: judge}]
signals: {risky: {ask: judge, prompt: Is it risky?, type: bool}}
routing: {rules: [{condition: risky, target: judge}], default: a}
guarantees: [{never: {when: risky, agents: [a]}}]
"""
    c = conductor(text, a=Scripted("x"), judge=asked)

    with pytest.raises(Failure, match="was not asked"):
        c.attend(to_request("hello"), agent="a")

    assert asked.asked == []


def test_a_policy_that_only_observes_refuses_nothing() -> None:
    events: list[Event] = []
    c = app("mode: observe\n" + TWO, attempt_layers=[refusing], observers=[events.append])

    c.attend(to_request("hello", metadata={"secret": 1}), agent="a").end(ANSWER)

    told = next(event.data for event in events if event.name == "observed")
    assert (told["rule"], told["target"]) == ("short", "b")


def test_calls_that_overlap_end_in_any_order_and_from_any_place() -> None:
    c = app()
    first, second = (c.attend(to_request(text), agent="a") for text in ("one", "two"))

    second.fail(RuntimeError("a fault"))
    first.end(ANSWER)

    assert [call.run.outcomes[0].finish for call in (first, second)] == ["stop", "error"]
    assert c.policy.agents["a"].retry.times == 3  # the policy itself is as it was


def test_an_answer_that_nobody_worked_for_costs_nothing_whatever_the_price() -> None:
    c = conductor(a=_from_a_shelf)

    (outcome,) = c.call("hello").attempts

    assert (outcome.by, outcome.cost) == ("shelf", Money())


def _from_a_shelf(_: Request) -> Part:
    return Part("Sure.", by="shelf")
