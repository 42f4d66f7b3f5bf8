"""A budget holds what a call may cost before it is made, and is charged with what it did cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Barrier
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from conductor_mw_budget import BudgetExhausted

from conductor_mw import (
    Attempted,
    Conductor,
    Failure,
    Money,
    Outcome,
    Part,
    Parts,
    RegisterLayer,
    Setting,
    Usage,
    hookimpl,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from conductor_mw.testing.conformance import LayerConformance
from tests.budget_kit import (
    CHEAP,
    COST,
    DEAREST,
    PRICE,
    WORST,
    Heard,
    admitted,
    agent,
    held,
    layer,
    opened,
    policy,
    spent,
    tried,
    worst,
)


def dollars(amount: float, **more: object) -> dict[str, object]:
    return {"dollars": round(amount, 9), "every": "day", **more}


# Never more than the budget.


@pytest.mark.parametrize("way", WAYS)
def test_calls_are_made_as_long_as_the_dearest_still_fits(way: Way) -> None:
    model = Scripted("hi", usage=DEAREST)
    with opened(policy(dollars(worst(5))), a=model) as c:
        assert admitted(c, 8, way=way) == len(model.asked) == 5

        assert spent(c) == Money.of(worst(5))


@pytest.mark.parametrize("way", WAYS)
def test_what_a_call_did_not_use_is_free_for_the_next(way: Way) -> None:
    model = Scripted("hi", usage=CHEAP)
    with opened(policy(dollars(worst(2))), a=model) as c:
        assert admitted(c, 10, way=way) == 4  # 3 x $0.003 are spent, and $0.0106 still fit once

        assert spent(c) == Money.of("0.012")
        assert held(c) == Money()


def test_of_fifty_threads_as_many_are_admitted_as_can_be_paid() -> None:
    begin = Barrier(50)
    model = Scripted(0.05, "hi", usage=DEAREST)
    with opened(policy(dollars(worst(5))), real_clock=True, a=model) as c:

        def call(_: int) -> bool:
            begin.wait()
            return tried(lambda: c.call("hello"))

        with ThreadPoolExecutor(50) as threads:
            counted = sum(threads.map(call, range(50)))

        assert counted == len(model.asked) == 5
        assert spent(c) == Money.of(worst(5))


def test_of_fifty_tasks_as_many_are_admitted_as_can_be_paid() -> None:
    model = Scripted(0.05, "hi", usage=DEAREST)
    with opened(policy(dollars(worst(5))), real_clock=True, a=model) as c:

        async def all_at_once() -> list[object]:
            calls = [c.acall("hello") for _ in range(50)]
            return await asyncio.gather(*calls, return_exceptions=True)

        ended = asyncio.run(all_at_once())

        refused = [one for one in ended if isinstance(one, BudgetExhausted)]
        assert (len(model.asked), len(refused)) == (5, 45)


def test_sixteen_threads_spend_all_and_not_a_nano_dollar_more() -> None:
    model = Scripted("hi", usage=DEAREST)
    with opened(policy(dollars(worst(400))), a=model) as c:
        with ThreadPoolExecutor(16) as threads:
            counted = list(threads.map(admitted, [c] * 16, [50] * 16))

        assert sum(counted) == len(model.asked) == 400
        assert spent(c) == Money.of(worst(400))


def test_the_longest_answer_that_was_held_for_is_written_into_the_request() -> None:
    model = Scripted("hi")
    with opened(policy(dollars(1)), a=model) as c:
        c.call("hello")
        c.call("hello", max_tokens=7)
        c.call("hello", max_tokens=5000)

    assert [request.parameters["max_tokens"] for request in model.asked] == [10, 7, 10]


# What a call is charged with.


@pytest.mark.parametrize("way", WAYS)
def test_an_error_in_the_place_of_an_answer_costs_nothing(way: Way) -> None:
    with opened(policy(dollars(1)), a=Scripted(ConnectionRefusedError("nobody there"))) as c:
        with pytest.raises(ConnectionRefusedError):
            ask(c, "hello", way=way)

        assert spent(c) == held(c) == Money()


@pytest.mark.parametrize(
    ("script", "settings"),
    [
        ([5.0, "too late"], {"timeout": "1s"}),
        ([ConnectionResetError("the provider may have read it")], {}),
        ([RuntimeError("sent"), ConnectionResetError("reset")], {}),
    ],
    ids=["timed out", "connection broke", "app error"],
)
@pytest.mark.parametrize("way", WAYS)
def test_what_may_have_been_billed_is_charged_in_full(
    script: list[Any], settings: dict[str, object], way: Way
) -> None:
    heard = Heard()
    text = policy(dollars(1), agents=[agent(**settings)])
    with opened(text, heard=heard, a=Scripted(*script)) as c:
        with pytest.raises((TimeoutError, ConnectionResetError, RuntimeError)) as caught:
            ask(c, "hello", way=way)

        full = not isinstance(caught.value, RuntimeError)
        assert spent(c) == (WORST if full else Money())
        assert heard.names == (["charged_in_full"] if full else [])


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_breaks_off_or_is_cut_is_charged_in_full(way: Way) -> None:
    model = Scripted("one ", RuntimeError("after the first"), takes=[["one ", "two"]])
    with opened(policy(dollars(1)), a=model) as c:
        with pytest.raises(RuntimeError):
            ask(c, "hello", way=way)
        assert spent(c) == WORST

        read_one(c, "hello", way=way)

        assert spent(c) == Money.of(worst(2))
        assert held(c) == Money()


@pytest.mark.parametrize("way", STREAMS)
def test_tokens_told_before_a_stream_was_cut_are_not_all_of_its_tokens(way: Way) -> None:
    model = Scripted(Part("one ", usage=Usage(66, 1)), "two ", "three")
    with opened(policy(dollars(1)), a=model) as c:
        read_one(c, "hello", way=way)

        assert spent(c) == WORST


@pytest.mark.parametrize("usage", [None, Usage()], ids=["none", "zeros"])
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_does_not_tell_its_tokens_is_charged_in_full(
    way: Way, usage: Usage | None
) -> None:
    heard = Heard()
    with opened(policy(dollars(1)), heard=heard, a=Scripted("hi", usage=usage)) as c:
        ask(c, "hello", way=way)

        assert spent(c) == WORST
        assert heard.of("charged_in_full")[0]["dollars"] == WORST.dollars


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_dearer_than_its_hold_is_charged_whole_and_told(
    way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    with opened(policy(dollars(1)), heard=heard, a=Scripted("hi", usage=Usage(66, 30))) as c:
        ask(c, "hello", way=way)

        assert spent(c) == Money.of("0.0186")
        assert heard.of("overdraft") == [{"agent": "a", "dollars": 0.008, "held": 0.0106}]
        assert "cost $0.008 more than the $0.0106 that were held" in caplog.text


@pytest.mark.parametrize("way", WAYS)
def test_losers_judges_and_retries_are_all_charged(way: Way) -> None:
    agents = [agent("a", retry={"times": 1}), agent("b"), agent("judge")]
    best = {"parallel": ["a", "b"], "take": "best", "judge": "judge"}
    flaky = Scripted(ConnectionResetError("reset"), takes=[["hi"]], usage=CHEAP)
    others = {"b": Scripted("ho", usage=CHEAP), "judge": Scripted('{"best": 1}', usage=CHEAP)}
    text = policy(dollars(5), agents=agents, routing={"default": best})
    with opened(text, speakers={"a": flaky, **others}) as c:
        ask(c, "hello", way=way)

        costs = WORST.nano + 4 * COST.nano  # the judge reads both orders
        assert spent(c).nano == costs


@pytest.mark.parametrize("way", WAYS)
def test_losers_of_a_race_are_charged_in_full(way: Way) -> None:
    agents = [agent("a"), agent("b")]
    race = {"parallel": ["a", "b"], "take": "first"}
    slow, fast = Scripted(0.3, "late", usage=CHEAP), Scripted("now", usage=CHEAP)
    text = policy(dollars(5), agents=agents, routing={"default": race})
    with opened(text, real_clock=True, a=slow, b=fast) as c:
        assert ask(c, "hello", way=way).text == "now"
        c.drain(5)
        _until(lambda: held(c) == Money())

        assert spent(c) == WORST + COST


@pytest.mark.parametrize("way", WAYS)
def test_shadows_are_charged(way: Way) -> None:
    agents = [agent("a"), agent("b")]
    default = {"use": "a", "shadow": "b"}
    text = policy(dollars(5), agents=agents, routing={"default": default})
    both = {name: Scripted("hi", usage=CHEAP) for name in ("a", "b")}
    with opened(text, real_clock=True, speakers=both) as c:
        ask(c, "hello", way=way)
        assert c.drain(5)

        assert spent(c) == Money(2 * COST.nano)


@dataclass
class Other:
    """A layer of a test, inside the budget or outside."""

    around: Callable[[Attempted, Callable[[Attempted], Parts]], Parts]
    rank: int
    extra_calls: int = 0

    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        """Offer it as `other`."""
        made = SimpleNamespace(around_attempt=self.around, extra_calls=self.extra_calls)

        @dataclass(frozen=True)
        class Options:
            def build(self, setting: Setting) -> object:
                del setting
                return made

        register("other", Options, rank=self.rank)


def with_other(budget: object) -> str:
    return policy(None, plugins={"budget": budget, "other": {}})


@pytest.mark.parametrize("rank", [20, 60], ids=["outside", "inside"])
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_of_another_layer_costs_nothing(way: Way, rank: int) -> None:
    async def kept(
        attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        del proceed
        attempt.settle(Outcome(path=attempt.path, agent=attempt.agent.id, by="other"))
        yield Part("kept", finish="stop")

    with opened(with_other(dollars(1)), Other(kept, rank)) as c:
        assert ask(c, "hello", way=way).text == "kept"

        assert spent(c) == held(c) == Money()


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_that_asks_again_is_held_for_and_charged(way: Way) -> None:
    async def twice(
        attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        async for _ in proceed(attempt):
            pass
        async for part in proceed(attempt):
            yield part

    with opened(with_other(dollars(worst(3))), Other(twice, 60, extra_calls=1)) as c:
        assert admitted(c, 3, way=way) == 1  # the second would need two more calls

        assert spent(c) == Money.of(worst(2))


@pytest.mark.parametrize("way", WAYS)
def test_what_an_inner_layer_refuses_is_not_charged(way: Way) -> None:
    async def refuse(
        attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        del proceed
        raise Failure("limited", "not now", agent=attempt.agent.id)
        yield Part()

    with opened(with_other(dollars(1)), Other(refuse, 60)) as c:
        with pytest.raises(Failure, match="not now"):
            ask(c, "hello", way=way)

        assert spent(c) == held(c) == Money()


# Whose budget, and several at once.


@pytest.mark.parametrize("way", WAYS)
def test_tenants_do_not_spend_each_others_budget(way: Way) -> None:
    signals = {"tenant": {"from": "metadata.tenant", "type": "string"}}
    with opened(policy(dollars(worst(2), per="tenant"), signals=signals)) as c:
        found = [admitted(c, 3, way=way, metadata={"tenant": name}) for name in ("x", "y", "x")]

        assert found == [2, 2, 0]
        assert [(one.key, one.left) for one in layer(c).status()] == [
            ("x", Money()),
            ("y", Money()),
        ]


@pytest.mark.parametrize(
    ("per", "metadata"),
    [
        ("metadata.team", ["x", "y"]),
        ("user", ["x", "y"]),
        ("metadata.team + metadata.team", ["x", "y"]),
        ("[metadata.team, 'v1']", ["x", "y"]),
        (["metadata.team", "input.stream"], ["x", "y"]),
        ("metadata.team", [1, True]),
        ("metadata.team", ["1", 1]),
        ("metadata.team", ["\x001", 1]),
    ],
)
def test_any_expression_says_whose_budget_it_is(per: object, metadata: list[object]) -> None:
    with opened(policy(dollars(worst(1), per=per))) as c:
        found = [
            admitted(c, 2, metadata={"team": one, "user": one}) for one in (*metadata, *metadata)
        ]

        assert found == [1, 1, 0, 0]


@pytest.mark.parametrize("metadata", [{}, {"team": None}], ids=["missing", "null"])
@pytest.mark.parametrize("way", WAYS)
def test_where_nobody_can_tell_whose_budget_it_is_nobody_is_asked(
    way: Way, metadata: dict[str, object]
) -> None:
    model = Scripted("hi")
    with opened(policy(dollars(1, per="metadata.team")), a=model) as c:
        with pytest.raises(Failure, match="nobody can tell whose budget it is") as refused:
            ask(c, "hello", way=way, metadata=metadata)

        assert refused.value.kind == "budget"
        assert refused.value.where == "budget metadata.team/day"
        assert "Pass what `per: metadata.team` reads" in refused.value.mend
        assert model.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_each_agent_can_have_a_budget_of_its_own(way: Way) -> None:
    text = policy(
        dollars(worst(1), per="agent"),
        agents=[agent("a"), agent("b")],
        routing={"default": {"fallback": ["a", "b"], "on": ["budget"]}},
    )
    with opened(text, a=Scripted("a", usage=DEAREST), b=Scripted("b", usage=DEAREST)) as c:
        texts = [ask(c, "hello", way=way).text for _ in range(2)]

        assert texts == ["a", "b"]
        assert admitted(c, 1, way=way) == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_budget_of_some_agents_counts_no_others(way: Way) -> None:
    text = policy(
        dollars(worst(1), agents=["a"]),
        agents=[agent("a"), agent("b")],
        routing={"default": "a", "fallback": {"budget": "b"}},
    )
    with opened(text, a=Scripted("a", usage=DEAREST), b=Scripted("b", usage=DEAREST)) as c:
        texts = [ask(c, "hello", way=way).text for _ in range(4)]

    assert texts == ["a", "b", "b", "b"]


@pytest.mark.parametrize("way", WAYS)
def test_several_budgets_hold_all_or_nothing(way: Way) -> None:
    budgets = [
        dollars(worst(10), id="all"),
        dollars(worst(2), id="team", per="metadata.team", every="hour"),
    ]
    with opened(policy({"budgets": budgets})) as c:
        found = [admitted(c, 4, way=way, metadata={"team": name}) for name in "xy"]

        assert found == [2, 2]
        # What a team was refused was not held in the budget of all.
        assert {(one.budget, one.key): one.spent for one in layer(c).status()} == {
            ("all", ""): Money.of(worst(4)),
            ("team", "x"): Money.of(worst(2)),
            ("team", "y"): Money.of(worst(2)),
        }
        assert held(c) == Money()


@pytest.mark.parametrize("way", WAYS)
def test_a_budget_of_the_request_begins_anew_with_every_request(way: Way) -> None:
    text = policy(
        {"dollars": worst(1.5), "every": "request"},
        agents=[agent("a"), agent("b"), agent("c")],
        routing={"default": {"fallback": ["a", "b", "c"]}},
    )
    reset = ConnectionResetError("reset")
    models = {name: Scripted(reset, takes=[[reset], ["hi"]]) for name in "abc"}
    with opened(text, speakers=models) as c:
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                ask(c, "hello", way=way)

        # The first was charged in full, so nothing is left for the second and the third.
        assert [len(model.asked) for model in models.values()] == [2, 0, 0]
        assert ask(c, "hello", way=way).text == "hi"


def test_budgets_of_an_environment_hold_in_no_other() -> None:
    budgets = [
        dollars(worst(1), id="strict", environments=["production"]),
        dollars(worst(3), id="loose"),
    ]
    text = policy({"budgets": budgets}, environments={"production": {}, "staging": {}})
    found: list[int] = []
    for environment in ("production", "staging"):
        c = Conductor.from_text(
            text, agents={"a": Scripted("hi", usage=DEAREST)}, environment=environment
        )
        found.append(admitted(c, 5))
        c.close()

    assert found == [1, 3]


# What happens where nothing is left.


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_says_whose_budget_how_much_and_until_when(way: Way) -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    text = policy(dollars(worst(1.5), per="metadata.team"))
    with opened(text, clock=VirtualClock(utc=noon.timestamp())) as c:
        assert admitted(c, 1, way=way, metadata={"team": "x"}) == 1

        with pytest.raises(BudgetExhausted) as caught:
            ask(c, "hello", way=way, metadata={"team": "x"})

    refused = caught.value
    assert str(refused) == (
        "budget metadata.team/day: agent 'a' was not asked: it could cost $0.0106, and $0.0053 of "
        "the $0.0159 of 'x' are left until 2026-11-22 00:00 UTC\n"
        "  Ask for a shorter answer (max_tokens), wait, or raise `dollars:`."
    )
    assert (refused.kind, refused.agent, refused.retry_after) == ("budget", "a", 12 * 3600)
    assert (refused.budget, refused.key) == ("metadata.team/day", "x")
    assert refused.left == Money.of("0.0053")
    assert refused.reset == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize("way", WAYS)
def test_a_call_dearer_than_the_whole_budget_is_told_so(way: Way) -> None:
    with (
        opened(policy(dollars(worst(0.5)))) as c,
        pytest.raises(BudgetExhausted, match=r"the whole budget is \$0\.0053") as refused,
    ):
        ask(c, "hello", way=way)

    assert refused.value.retry_after is None  # waiting would not help


@pytest.mark.parametrize("way", WAYS)
def test_an_exhausted_budget_sends_requests_to_a_cheaper_agent(way: Way) -> None:
    cheap = {"id": "cheap", "price": {"input": 0, "output": 0}}
    text = policy(
        dollars(worst(2)),
        agents=[agent("a"), cheap],
        routing={"default": "a", "fallback": {"budget": "cheap"}},
    )
    with opened(text, a=Scripted("dear", usage=DEAREST), cheap=Scripted("cheap")) as c:
        texts = [ask(c, "hello", way=way).text for _ in range(4)]

    assert texts == ["dear", "dear", "cheap", "cheap"]


@pytest.mark.parametrize("way", WAYS)
def test_rules_read_what_is_left_of_the_budgets_that_apply(way: Way) -> None:
    rules = [{"condition": f"budget.remaining < {worst(2)}", "target": "b"}]
    budgets = [
        dollars(worst(3), per="metadata.team"),
        dollars(worst(100)),
        {"dollars": worst(1), "every": "request"},
        dollars(worst(1), agents=["b"], every="month"),
    ]
    text = policy(
        {"budgets": budgets},
        agents=[agent("a"), agent("b")],
        routing={"rules": rules, "default": "a"},
    )
    with opened(text, a=Scripted("a", usage=DEAREST), b=Scripted("b", usage=DEAREST)) as c:
        of_x = [ask(c, "hello", way=way, metadata={"team": "x"}).text for _ in range(3)]
        of_y = ask(c, "hello", way=way, metadata={"team": "y"}).text

        assert (of_x, of_y) == (["a", "a", "b"], "a")
        # Nobody can tell whose budget it is: nothing is to be had from it.
        assert c.decide("hello").target == "b"


def test_a_call_can_wait_for_what_others_give_back() -> None:
    text = policy(dollars(worst(1.9), when_exhausted="wait", wait="10s"))
    slow = Scripted(0.1, "hi", usage=CHEAP)
    with opened(text, real_clock=True, a=slow) as c:
        with ThreadPoolExecutor(3) as threads:
            answers = [one.text for one in threads.map(c.call, ["hello"] * 3)]

        assert answers == ["hi"] * 3
        assert spent(c) == Money(3 * COST.nano)

    with opened(text, real_clock=True, a=slow) as c:

        async def at_once() -> list[str]:
            return [one.text for one in await asyncio.gather(*(c.acall("hello") for _ in range(3)))]

        assert asyncio.run(at_once()) == ["hi"] * 3


@pytest.mark.parametrize("way", WAYS)
def test_a_call_waits_no_longer_than_it_may(way: Way) -> None:
    text = policy(dollars(worst(1), when_exhausted="wait", wait="50ms"))
    with opened(text, real_clock=True) as c:
        assert admitted(c, 2, way=way) == 1

        with pytest.raises(BudgetExhausted):
            ask(c, "hello", way=way)


# Prices.


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_of_unknown_price_is_refused_with_what_to_write(way: Way) -> None:
    model = Scripted("hi")
    with opened(policy(dollars(1), agents=[{"id": "a"}]), a=model) as c:
        with pytest.raises(Failure) as refused:
            ask(c, "hello", way=way)

        assert str(refused.value) == (
            "budget day: agent 'a' was not asked: its price is unknown, and the budget allows at "
            "most $1.00\n  Write `price: {input: ..., output: ...}` at the agent, in dollars per "
            "million tokens, or `unknown_price: allow` in the budget."
        )
        assert refused.value.kind == "budget"
        assert model.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_of_unknown_price_can_be_let_through_uncounted(way: Way) -> None:
    text = policy(dollars(1, unknown_price="allow"), agents=[{"id": "a"}])
    with opened(text) as c:
        assert ask(c, "hello", way=way).text == "hi"

        assert layer(c).status() == ()


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_whose_longest_answer_is_unknown_needs_a_ceiling(way: Way) -> None:
    unbounded = {"id": "a", "price": {"input": 100, "output": 400}}
    model = Scripted("hi", usage=CHEAP)
    with opened(policy(dollars(1), agents=[unbounded]), a=model) as c:
        with pytest.raises(Failure, match="longest answer is unknown") as refused:
            ask(c, "hello", way=way)
        assert "`max_tokens:` in the budget" in refused.value.mend
        assert ask(c, "hello", way=way, max_tokens=3).text == "hi"

    with opened(policy(dollars(1, max_tokens=8), agents=[unbounded]), a=model) as c:
        ask(c, "hello", way=way)
        ask(c, "hello", way=way, max_tokens=3)

    assert [request.parameters["max_tokens"] for request in model.asked] == [3, 8, 3]


@pytest.mark.parametrize("way", WAYS)
def test_free_agents_are_asked_whatever_is_left(way: Way) -> None:
    text = policy(dollars(0.000000001), agents=[agent(price={"input": 0, "output": 0})])
    with opened(text) as c:
        assert admitted(c, 3, way=way) == 3


# What is told.


@pytest.mark.parametrize("way", WAYS)
def test_each_threshold_is_told_once_a_period_and_key(
    way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    heard, clock = Heard(), VirtualClock(utc=datetime(2026, 11, 21, tzinfo=UTC).timestamp())
    text = policy(dollars(worst(10), per="metadata.team", alert_at=[0.95, 0.5]))
    with opened(text, heard=heard, clock=clock) as c:
        for team in "xy":
            admitted(c, 12, way=way, metadata={"team": team})
        clock.advance(86400)
        admitted(c, 5, way=way, metadata={"team": "x"})

    told = [(one["key"], one["threshold"]) for one in heard.of("alert")]
    assert told == [("x", 0.5), ("x", 0.95), ("y", 0.5), ("y", 0.95), ("x", 0.5)]
    assert heard.of("alert")[0] == {
        "budget": "metadata.team/day",
        "key": "x",
        "threshold": 0.5,
        "spent": worst(5),
        "dollars": worst(10),
        "reset": datetime(2026, 11, 22, tzinfo=UTC).timestamp(),
    }
    assert [one["key"] for one in heard.of("exhausted")] == ["x", "y"]
    assert "budget metadata.team/day of 'x': $0.053 of $0.106 are spent (50 %)" in caplog.text


def test_keys_and_texts_of_users_are_not_told() -> None:
    heard = Heard()
    text = policy({"budgets": [dollars(worst(1), per="key"), dollars(1, per="input.text")]})
    with opened(text, heard=heard) as c:
        admitted(c, 2, metadata={"key": "sk-very-secret"})
        shown = [one.key for one in layer(c).status()]

    assert not any("sk-very-secret" in one or "hello" in one for one in shown)
    assert "sk-very-secret" not in str([event.data for event in heard.events])


def _until(true: Callable[[], bool]) -> None:
    """Give threads that nobody waits for the time they need, and no more."""
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it never came true")


class TestBudgetConforms(LayerConformance):
    """The suite that every layer should pass."""

    layer = "budget"
    options: ClassVar[dict[str, Any]] = {
        "dollars": 1,
        "every": "day",
        "unknown_price": "allow",
    }


class TestBudgetConformsWhereItHolds(LayerConformance):
    """The same around an agent whose price is known."""

    layer = "budget"
    options: ClassVar[dict[str, Any]] = {"dollars": 1, "every": "request"}

    def conductor(self, agent: object) -> Conductor:
        """Give a conductor with the layer around one agent of a known price."""
        priced = {"id": "agent", "price": PRICE, "max_output_tokens": 10}
        return Conductor.from_text(
            policy(self.options, agents=[priced], routing={"default": "agent"}),
            agents={"agent": agent},
            clock=VirtualClock(),
            seed=1,
        )
