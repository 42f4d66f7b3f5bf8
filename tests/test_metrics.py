"""What the layer `metrics` counts of requests and attempts, in all four ways to call."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import Any, ClassVar

import conductor_mw_cache
import pytest
from conductor_mw_metrics.histogram import bucket_of
from conductor_mw_metrics.tally import Where

from conductor_mw import (
    Conductor,
    Event,
    Failure,
    Io,
    Money,
    PolicyError,
    StoreError,
    Usage,
    hookimpl,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from conductor_mw.testing.conformance import LayerConformance

from .metrics_kit import BOTH, TWO, amounts, calls, conductor, layer, request, tallies

SLOW = 0.25
SECOND = 1_000_000


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_counted_once_for_the_request_and_once_for_the_agent(way: Way) -> None:
    counting = conductor(a=Scripted(SLOW, "hello"), b=Scripted("hi"))

    ask(counting, "good morning", way=way)

    assert list(tallies(counting)) == [("a", "(default)"), ("", "(default)")]
    assert amounts(request(counting)) == amounts(calls(counting, "a")) == {"calls": 1}
    for tally in (request(counting), calls(counting, "a")):
        assert tally.latency == {bucket_of(SECOND // 4): 1}
        assert tally.first_part == (tally.latency if way in STREAMS else {})
        assert tally["latency_us"] == SECOND // 4


@pytest.mark.parametrize("way", WAYS)
def test_tokens_and_money_are_counted_of_attempts(way: Way) -> None:
    used = Usage(1000, 100, cached_tokens=600, reasoning_tokens=40)
    counting = conductor(a=Scripted("hello", usage=used), b=Scripted("hi"))

    ask(counting, "good morning", way=way)

    found = calls(counting, "a")
    assert found["input_tokens"] == 1000
    assert found["cached_tokens"] == 600
    assert found["output_tokens"] == 100
    assert found["reasoning_tokens"] == 40
    assert found["cost_nano"] == Money.of("0.0012").nano
    assert found.cost == request(counting).cost == {bucket_of(Money.of("0.0012").nano): 1}


@pytest.mark.parametrize("way", WAYS)
def test_rules_targets_and_the_policy_are_told_apart(way: Way) -> None:
    counting = conductor(a=Scripted("hello"), b=Scripted("hi"))

    ask(counting, "good morning", way=way)
    ask(counting, "hi", way=way)

    fingerprint = counting.policy.fingerprint
    assert {series.where for series in layer(counting).ledger.totals()} == {
        Where("(default)", "a", fingerprint, ()),
        Where("short", "b", fingerprint, ()),
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_that_a_fallback_mends_is_the_agents_and_not_the_requests(way: Way) -> None:
    counting = conductor(BOTH, a=Scripted(ConnectionError("reset")), b=Scripted(SLOW, "hi"))

    ask(counting, "good morning", way=way)

    assert amounts(calls(counting, "a")) == {
        "calls": 1, "fallbacks": 1, "failed": 1, "error.connection": 1,
    }  # fmt: skip
    assert amounts(calls(counting, "b")) == {"calls": 1}
    assert amounts(request(counting)) == {"calls": 1, "fallbacks": 1}
    assert request(counting).latency == {bucket_of(SECOND // 4): 1}
    assert calls(counting, "a").latency == {}  # how soon it failed says nothing of its speed


@pytest.mark.parametrize("way", WAYS)
def test_a_timeout_counts_as_long_as_it_was_waited_for(way: Way) -> None:
    text = TWO.replace("{id: a,", "{id: a, timeout: 2s,")
    counting = conductor(text, a=Scripted(9.0, "late"), b=Scripted("hi"))

    with pytest.raises(TimeoutError):
        ask(counting, "good morning", way=way)

    assert amounts(calls(counting, "a")) == {
        "calls": 1, "failed": 1, "error.timeout": 1, "unknown_cost": 1,
    }  # fmt: skip
    assert calls(counting, "a").latency == {bucket_of(2 * SECOND): 1}
    assert amounts(request(counting)) == {
        "calls": 1, "failed": 1, "error.timeout": 1, "unknown_cost": 1,
    }  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_is_counted(way: Way) -> None:
    text = TWO.replace("{id: a,", "{id: a, retry: {times: 2, wait: 1s},")
    counting = conductor(
        text, a=Scripted(ConnectionError("reset"), takes=[["hello"]]), b=Scripted("hi")
    )

    ask(counting, "good morning", way=way)

    assert amounts(calls(counting, "a")) == {
        "calls": 2, "retries": 1, "failed": 1, "error.connection": 1,
    }  # fmt: skip
    assert amounts(request(counting)) == {"calls": 1, "retries": 1}


@pytest.mark.parametrize("way", WAYS)
def test_a_fault_that_is_no_failure_of_an_agent_is_counted_as_one(way: Way) -> None:
    counting = conductor(a=Scripted(LookupError("a bug")), b=Scripted("hi"))

    with pytest.raises(LookupError):
        ask(counting, "good morning", way=way)

    assert request(counting)["error.fault"] == calls(counting, "a")["error.fault"] == 1


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_the_caller_cuts_is_neither_answered_nor_failed(way: Way) -> None:
    counting = conductor(a=Scripted(SLOW, "one ", SLOW, "two"), b=Scripted("hi"))

    read_one(counting, "good morning", way=way)

    for tally in (request(counting), calls(counting, "a")):
        assert amounts(tally) == {"calls": 1, "cut": 1, "unknown_cost": 1}
        assert tally.latency == {}
    assert calls(counting, "a").first_part == {bucket_of(SECOND // 4): 1}


@pytest.mark.parametrize("way", STREAMS)
def test_the_first_part_is_seen_before_the_end(way: Way) -> None:
    counting = conductor(
        BOTH, a=Scripted(SLOW, ConnectionError()), b=Scripted(SLOW, "one ", SLOW, "two")
    )

    ask(counting, "good morning", way=way)

    assert calls(counting, "b").first_part == {bucket_of(SECOND // 4): 1}
    assert calls(counting, "b").latency == {bucket_of(SECOND // 2): 1}
    assert request(counting).first_part == {bucket_of(SECOND // 2): 1}
    assert request(counting).latency == {bucket_of(3 * SECOND // 4): 1}


@pytest.mark.parametrize("way", WAYS)
def test_a_caller_who_handles_an_error_meanwhile_is_answered_all_the_same(way: Way) -> None:
    counting = conductor(a=Scripted("hello"), b=Scripted("hi"))

    try:
        _ = dict[str, int]()["the app's own"]
    except KeyError:
        ask(counting, "good morning", way=way)

    assert amounts(request(counting)) == {"calls": 1}


def test_a_stream_read_to_its_end_while_another_error_is_handled_is_answered() -> None:
    counting = conductor(a=Scripted("one ", "two"), b=Scripted(LookupError("a bug")))
    stream = counting.stream("good morning")
    next(stream)

    try:
        counting.call("hi")
    except LookupError:  # an error that came through a conductor itself
        list(stream)

    assert request(counting)["calls"] == 2
    assert request(counting)["failed"] == 1


@pytest.mark.parametrize("way", WAYS)
def test_what_a_condition_found_is_counted(way: Way) -> None:
    text = TWO.replace("default: a", "default: {cascade: [a, b], accept: 'answer.text.size() > 3'}")
    counting = conductor(text, a=Scripted("no"), b=Scripted("long enough"))

    ask(counting, "good morning", way=way)

    assert request(counting)["accepted"] == 1
    assert request(counting)["not_accepted"] == 0
    assert request(counting)["calls"] == 1


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_from_the_cache_is_a_hit_that_took_no_tokens(way: Way) -> None:
    counting = conductor(
        a=Scripted(SLOW, "hello"), b=Scripted("hi"), plugins={"cache": conductor_mw_cache},
        more="  cache: {scope: shared}\n",
    )  # fmt: skip
    for _ in range(3):
        ask(counting, "good morning", way=way)

    found = calls(counting, "a")
    assert amounts(found) == {"calls": 3, "cache_hits": 2}
    assert amounts(request(counting)) == {"calls": 3, "cache_hits": 2}
    assert (found["input_tokens"], found["output_tokens"]) == (10, 5)
    assert found["cost_nano"] == request(counting)["cost_nano"] == 20_000
    assert found.latency == {bucket_of(SECOND // 4): 1}
    assert sum(request(counting).latency.values()) == 3


class Settling:
    """A layer whose last words fail, and that goes on all the same."""

    @hookimpl
    def conductor_layers(self, register: Any) -> None:
        def begin(_attempt: object) -> None:
            return None

        async def end(_attempt: object, _token: object) -> None:
            with contextlib.suppress(StoreError):
                await Io(sync=_unreachable)

        class Options:
            begin_attempt = staticmethod(begin)
            end_attempt = staticmethod(end)

        register("settling", dataclasses.dataclass(Options), rank=40)


def _unreachable() -> None:
    raise StoreError("gone")


@pytest.mark.parametrize("way", WAYS)
def test_what_a_layer_got_over_is_no_failure_of_the_request(way: Way) -> None:
    counting = conductor(
        a=Scripted("hello"), b=Scripted("hi"), plugins={"settling": Settling()},
        more="  settling: {}\n",
    )  # fmt: skip
    ask(counting, "good morning", way=way)

    assert amounts(request(counting)) == {"calls": 1}


class Stand:
    """A layer that answers instead of the agent, or refuses."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.refuse = refuse

    def build(self, setting: object) -> Stand:
        del setting
        return self

    def begin_attempt(self, attempt: Any) -> None:
        if self.refuse and attempt.agent.id == "a":
            raise Failure("budget", "spent", agent="a")

    def end_attempt(self, attempt: Any, token: object) -> None:
        del attempt, token


class Guarding:
    @hookimpl
    def conductor_layers(self, register: Any) -> None:
        class Options:
            @staticmethod
            def build(setting: object) -> Stand:
                del setting
                return Stand(refuse=True)

        register("guarding", dataclasses.dataclass(Options), rank=40)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_layer_refuses_is_counted_with_its_kind(way: Way) -> None:
    text = BOTH.replace("[a, b]}", "[a, b], on: [budget]}")
    counting = conductor(
        text, a=Scripted("never"), b=Scripted("hi"), plugins={"guarding": Guarding()},
        more="  guarding: {}\n",
    )  # fmt: skip

    ask(counting, "good morning", way=way)

    assert amounts(calls(counting, "a")) == {
        "calls": 1, "refused": 1, "fallbacks": 1, "failed": 1, "error.budget": 1,
    }  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_policy_that_only_observes_is_counted_too(way: Way) -> None:
    counting = conductor(
        "mode: observe\n" + TWO, a=Scripted("a"), b=Scripted("b"), app=Scripted(SLOW, "the app's")
    )

    assert ask(counting, "good morning", way=way).text == "the app's"

    assert list(tallies(counting)) == [("(app)", "(default)"), ("", "(default)")]
    assert request(counting).latency == {bucket_of(SECOND // 4): 1}


@pytest.mark.parametrize("way", WAYS)
def test_branches_count_each_on_their_own(way: Way) -> None:
    text = TWO.replace("default: a", "default: {consensus: [a, b]}")
    counting = conductor(text, a=Scripted("same"), b=Scripted("same"))

    ask(counting, "good morning", way=way)

    assert calls(counting, "a")["calls"] == calls(counting, "b")["calls"] == 1
    assert request(counting)["calls"] == 1
    assert request(counting).cost == {bucket_of(2 * Money.of("0.00002").nano): 1}


def test_a_cancelled_call_is_cut() -> None:
    counting = conductor(a=Scripted(3600.0, "never"), b=Scripted("hi"), clock=_Real())

    async def cancelled() -> None:
        task = asyncio.create_task(counting.acall("good morning"))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    assert amounts(request(counting)) == {"calls": 1, "cut": 1, "unknown_cost": 1}


class _Real(VirtualClock):
    """A clock on which async callers really wait."""

    async def asleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.mark.parametrize("way", WAYS)
def test_scores_given_afterwards_are_counted(way: Way) -> None:
    counting = conductor(a=Scripted("hello"), b=Scripted("hi"))
    run = ask(counting, "good morning", way=way).id

    layer(counting).told(_event("quality.scored", run, score=0.75, agent="a", rule="short"))
    layer(counting).told(_event("quality.scored", run, score="good", agent="a"))

    assert calls(counting, "a").quality == {bucket_of(750_000): 1}


def _event(name: str, run: str, **data: object) -> Any:
    return Event(name=name, run=run, data=data)


def test_counting_goes_on_over_a_reload(tmp_path: Any) -> None:
    policy = tmp_path / "conductor.yaml"
    policy.write_text(TWO + "plugins: {metrics: {path: null}}\n")
    counting = Conductor(
        policy, agents={"a": Scripted("hello"), "b": Scripted("hi")}, clock=VirtualClock()
    )
    counting.call("good morning")
    policy.write_text(TWO.replace("< 3", "< 4") + "plugins: {metrics: {path: null}}\n")
    assert counting.reload()
    counting.call("good morning")

    assert request(counting)["calls"] == 2
    assert len({series.where.policy for series in layer(counting).ledger.totals()}) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("labels: [nobody]", "nobody"),
        ("labels: [input.text]", "may give what a user wrote"),
        ("labels: {agent: metadata.x}", "cannot be called 'agent'"),
        ("labels: {'a-b': metadata.x}", "cannot be called 'a-b'"),
        ("labels: {tags: '[1, 2]'}", "a label has one value"),
        ("labels: {words: 'input.text + metadata.x'}", "may give what a user wrote"),
        ("most_values: 0", "most_values"),
        ("flush: 0s", "flush"),
        ("genai: v0", "genai"),
        ("pth: x", "pth"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        conductor(options=options, a=Scripted("a"), b=Scripted("b"))

    assert said in str(refused.value)
    assert "plugins.metrics" in str(refused.value)


class TestMetricsConforms(LayerConformance):
    """The suite that every layer should pass."""

    layer = "metrics"
    options: ClassVar[dict[str, Any]] = {"path": None, "labels": ["metadata.tenant"]}
