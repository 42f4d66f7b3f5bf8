"""What must never happen does not happen at run time: before every call, and for every layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest

from conductor_mw import (
    Attempted,
    Conductor,
    Failure,
    Gather,
    Part,
    Parts,
    PluginError,
    Plugins,
    RegisterLayer,
    attempts_of,
    hookimpl,
)
from conductor_mw.parts import Usage
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import conductor

NEVER = """
signals:
  secret: {from: metadata.secret, type: bool, default: false}
agents: [{id: a, labels: [cloud]}, {id: b, labels: [house]}]
routing: {default: {fallback: [a, b], on: [policy_violation, timeout]}}
guarantees:
  - never: {when: secret, agents_without: house}
"""
AT_MOST = """
agents:
  - {{id: a, price: {{input: 1, output: 2}}, max_output_tokens: 100, retry: 5}}
  - {{id: b, price: {{input: 1, output: 2}}}}
  - {{id: c}}
routing:
  default: a
guarantees:
  - at_most: {limit}
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_forbidden_agent_is_never_asked(way: Way) -> None:
    a = Scripted("from the cloud")
    c = conductor(NEVER, a=a, b=Scripted("from the house"))

    answer = ask(c, "hello", way=way, metadata={"secret": True})

    assert answer.text == "from the house"
    assert a.asked == []
    assert [(one.agent, one.kind) for one in answer.attempts] == [
        ("a", "policy_violation"),
        ("b", None),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_an_allowed_agent_is_asked(way: Way) -> None:
    c = conductor(NEVER, a=Scripted("from the cloud"), b=Scripted("from the house"))

    assert ask(c, "hello", way=way).text == "from the cloud"


@pytest.mark.parametrize("way", WAYS)
def test_a_broken_guarantee_is_a_failure_and_never_an_answer(way: Way) -> None:
    a = Scripted("from the cloud")
    c = conductor(NEVER, a=a, b=Scripted(TimeoutError("house is down")))

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way, metadata={"secret": True})

    assert caught.value.kind == "policy_violation"
    assert str(caught.value) == (
        "agent 'a' was not asked: "
        "the policy says never agents without the label 'house' when secret"
    )
    assert a.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_a_guarantee_that_cannot_be_evaluated_counts_as_broken(way: Way) -> None:
    text = NEVER.replace("when: secret", 'when: "metadata.absent == 1"')
    a = Scripted("from the cloud")
    c = conductor(text, a=a, b=Scripted("from the house"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, a.asked) == ("from the house", [])


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_cannot_answer_for_a_forbidden_agent(way: Way) -> None:
    async def cache(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        del proceed
        yield Part(f"remembered from {attempt.agent.id}")

    c = conductor(NEVER, attempt_layers=[cache], a=Scripted("x"), b=Scripted("y"))

    answer = ask(c, "hello", way=way, metadata={"secret": True})

    assert answer.text == "remembered from b"


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_cannot_send_the_request_to_a_forbidden_agent(way: Way) -> None:
    async def diverting(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        attempt.agent = attempt.run.policy.agents["a"]
        async for part in proceed(attempt):
            yield part

    text = NEVER.replace("{fallback: [a, b], on: [policy_violation, timeout]}", "b")
    a = Scripted("from the cloud")
    c = conductor(text, attempt_layers=[diverting], a=a, b=Scripted("from the house"))

    with pytest.raises(Failure, match="was not asked"):
        ask(c, "hello", way=way, metadata={"secret": True})

    assert a.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_a_named_agent_is_refused_all_the_same(way: Way) -> None:
    a = Scripted("from the cloud")
    c = conductor(NEVER, a=a, b=Scripted("from the house"))

    with pytest.raises(Failure, match="was not asked"):
        ask(c, "hello", way=way, target="a", metadata={"secret": True})

    assert a.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_calls_end_at_the_most_that_the_policy_allows(way: Way) -> None:
    a = Scripted(TimeoutError("slow"))
    c = conductor(AT_MOST.format(limit="{calls: 3}"), a=a)

    with pytest.raises(TimeoutError) as caught:
        ask(c, "hello", way=way)

    assert len(a.asked) == 3
    assert [one.kind for one in attempts_of(caught.value)] == ["timeout"] * 3 + ["policy_violation"]


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_that_asks_again_is_counted_again(way: Way) -> None:
    async def twice(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        async for _ in proceed(attempt):
            pass
        async for part in proceed(attempt):
            yield part

    a = Scripted("one")
    c = conductor(AT_MOST.format(limit="{calls: 1}"), attempt_layers=[twice], a=a)

    with pytest.raises(Failure, match="the policy allows at most 1 calls"):
        ask(c, "hello", way=way)

    assert len(a.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_more_calls_than_were_compiled_are_refused(way: Way) -> None:
    async def stubborn(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        for _ in range(5):
            async for _ in proceed(attempt):
                pass
        yield Part("never")

    a = Scripted("one")
    c = conductor(attempt_layers=[stubborn], a=a)

    with pytest.raises(Failure, match="its target was compiled to make at most 1 calls"):
        ask(c, "hello", way=way)

    assert len(a.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_could_cost_too_much_is_not_made(way: Way) -> None:
    a = Scripted("one")
    c = conductor(AT_MOST.format(limit="{dollars: 0.0002}"), a=a)

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way)

    assert a.asked == []
    assert str(caught.value) == (
        "agent 'a' was not asked: it could cost $0.000266 after $0.00, "
        "and the policy allows at most $0.0002"
    )


@pytest.mark.parametrize("way", WAYS)
def test_branches_at_the_same_time_do_not_spend_the_same_money(way: Way) -> None:
    kinds: list[str] = []

    async def both(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        async def second() -> None:
            async for _ in proceed(attempt):
                pass

        async for _ in proceed(attempt):
            (settled,) = await Gather((second,))
            kinds.append(getattr(settled.error, "kind", "answered"))
        yield Part("done")

    text = AT_MOST.format(limit="{dollars: 0.0003}")
    c = conductor(text, attempt_layers=[both], a=Scripted(Part("one", usage=Usage(10, 5))))

    ask(c, "hello", way=way)

    assert set(kinds) == {"policy_violation"}


@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_fits_is_made(way: Way) -> None:
    c = conductor(AT_MOST.format(limit="{dollars: 0.001}"), a=Scripted("one"))

    answer = ask(c, "hello", way=way)

    assert answer.text == "one"
    assert answer.cost is not None
    assert answer.cost.nano == 10 * 1000 + 5 * 2000


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("agent", "because"),
    [("b", "its longest answer is unknown (set max_tokens)"), ("c", "its price is unknown")],
)
def test_what_has_no_known_worst_case_is_not_asked_under_a_dollar_limit(
    agent: str, because: str, way: Way
) -> None:
    speaker = Scripted("one")
    c = Conductor.from_text(AT_MOST.format(limit="{dollars: 1}"), agents={agent: speaker})

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way, target=agent)

    assert str(caught.value) == (
        f"agent '{agent}' was not asked: {because} and the policy allows at most $1.00"
    )
    assert speaker.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_the_callers_max_tokens_bounds_the_worst_case(way: Way) -> None:
    c = conductor(AT_MOST.format(limit="{dollars: 1}"), b=Scripted("one"))

    assert ask(c, "hello", way=way, target="b", max_tokens=50).text == "one"


IMAGE = [
    {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "https://x.test/i.png"}}],
    }
]


@pytest.mark.parametrize("way", WAYS)
def test_media_of_unknown_cost_are_not_sent_under_a_dollar_limit(way: Way) -> None:
    a = Scripted("one")
    c = conductor(AT_MOST.format(limit="{dollars: 1}"), a=a)

    with pytest.raises(Failure) as caught:
        ask(c, IMAGE, way=way)

    assert str(caught.value) == (
        "agent 'a' was not asked: what its media cost is unknown (set max_media_tokens) "
        "and the policy allows at most $1.00"
    )
    assert a.asked == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("dollars", "asked"), [("0.0012", 0), ("0.0015", 1)])
def test_media_count_at_their_most(dollars: str, asked: int, way: Way) -> None:
    text = AT_MOST.format(limit=f"{{dollars: {dollars}}}").replace(
        "max_output_tokens: 100", "max_output_tokens: 100, max_media_tokens: 1000"
    )
    a = Scripted("one")
    c = conductor(text, a=a)

    if asked:
        ask(c, IMAGE, way=way)
    else:
        with pytest.raises(Failure, match="it could cost"):
            ask(c, IMAGE, way=way)

    assert len(a.asked) == asked


@pytest.mark.parametrize("way", WAYS)
def test_seconds_at_most_are_a_deadline(way: Way) -> None:
    c = conductor(AT_MOST.format(limit="{seconds: 2}"), a=Scripted(9.0, "late"))

    with pytest.raises(TimeoutError, match="the request's deadline passed"):
        ask(c, "hello", way=way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "agent",
    [
        Scripted(TimeoutError("slow")),
        Scripted(ConnectionError("reset")),
        Scripted(9.0, "late"),
    ],
    ids=["fails", "breaks", "late"],
)
def test_a_call_that_told_no_usage_stays_spent_at_its_worst(agent: Scripted, way: Way) -> None:
    agent.asked.clear()
    text = AT_MOST.format(limit="{dollars: 0.0006}").replace("retry: 5", "retry: 5, timeout: 2s")
    c = conductor(text, a=agent)

    with pytest.raises((TimeoutError, ConnectionError)) as caught:
        ask(c, "hello", way=way)

    assert len(agent.asked) == 2  # $0.000266 each at worst
    assert attempts_of(caught.value)[-1].kind == "policy_violation"


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_told_its_usage_gives_the_rest_back(way: Way) -> None:
    async def thrice(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        for _ in range(2):
            async for _ in proceed(attempt):
                pass
        async for part in proceed(attempt):
            yield part

    a = Scripted("one")
    text = AT_MOST.format(limit="{dollars: 0.00032}")
    c = conductor(text, attempt_layers=[thrice], a=a)

    assert ask(c, "hello", way=way).text == "one"
    assert len(a.asked) == 3


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("several", [{"n": 5}, {"best_of": 5}, {"n": 2, "best_of": 5}])
def test_every_answer_that_is_asked_for_is_counted(several: dict[str, int], way: Way) -> None:
    a = Scripted("one")
    c = conductor(AT_MOST.format(limit="{dollars: 0.001}"), a=a)

    with pytest.raises(Failure, match=r"it could cost \$0\.001"):
        ask(c, "hello", way=way, **several)

    assert a.asked == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", ["50", 0, -1, True])
def test_a_number_of_answers_that_is_none_is_not_asked_for(number: object, way: Way) -> None:
    a = Scripted("one")
    c = conductor(AT_MOST.format(limit="{dollars: 1}"), a=a)

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way, n=number)

    assert str(caught.value) == (
        "agent 'a' was not asked: its number of answers is unknown (n and best_of are whole "
        "numbers from 1) and the policy allows at most $1.00"
    )
    assert a.asked == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"max_tokens": 100}),
        ({"max_tokens": None}, {"max_tokens": 100}),
        ({"max_tokens": 50}, {"max_tokens": 50}),
        ({"max_tokens": 5000}, {"max_tokens": 100}),
        ({"max_tokens": "5000"}, {"max_tokens": 100}),
        ({"max_completion_tokens": 5000}, {"max_completion_tokens": 100}),
        (
            {"max_tokens": 50, "max_completion_tokens": 80},
            {"max_tokens": 50, "max_completion_tokens": 50},
        ),
    ],
)
def test_the_longest_answer_that_was_counted_is_the_longest_that_may_come(
    given: dict[str, object], sent: dict[str, object], way: Way
) -> None:
    a = Scripted("one")
    c = conductor(AT_MOST.format(limit="{dollars: 1}"), a=a)

    ask(c, "hello", way=way, **given)

    assert a.asked[0].parameters == sent


@pytest.mark.parametrize("way", WAYS)
def test_without_a_dollar_limit_the_request_stays_as_it_is(way: Way) -> None:
    a = Scripted("one")
    c = conductor(AT_MOST.format(limit="{calls: 3}"), a=a)

    ask(c, "hello", way=way)

    assert a.asked[0].parameters == {}


@pytest.mark.parametrize("way", WAYS)
def test_a_call_refused_for_its_price_is_not_counted_as_made(way: Way) -> None:
    async def modest(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        try:
            async for part in proceed(attempt):
                yield part
        except Failure:
            smaller = attempt.request.lens.with_parameters(
                attempt.request.native, {"max_tokens": 10}
            )
            request = attempt.request.with_native(smaller)
            async for part in proceed(attempt.with_request(request)):
                yield part

    c = conductor(
        AT_MOST.format(limit="{dollars: 0.0002, calls: 1}"),
        attempt_layers=[modest],
        a=Scripted("one"),
    )

    assert ask(c, "hello", way=way).text == "one"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("calls", "answered"), [(4, 4), (5, 4)])
def test_layers_may_add_the_calls_that_they_declare(calls: int, answered: int, way: Way) -> None:
    # The outer layer asks again, and the inner one asks again each time: four calls of one attempt.
    text = "agents: [{id: a}]\nrouting: {default: a}\nplugins: {outer: {}, inner: {again: %d}}\n"
    plugins = Plugins.core()
    plugins.add(Persistence(), "persistence")
    a = Scripted("one")
    c = Conductor.from_text(text % (calls - 3), plugins=plugins, agents={"a": a})

    if calls > answered:
        with pytest.raises(Failure, match="compiled to make at most 4 calls"):
            ask(c, "hello", way=way)
    else:
        assert ask(c, "hello", way=way).text == "one"

    assert len(a.asked) == answered


@pytest.mark.parametrize("extra", [-1, True, "2"])
def test_extra_calls_that_are_no_number_are_refused(extra: object) -> None:
    class Offer:
        @hookimpl
        def conductor_layers(self, register: RegisterLayer) -> None:
            register("again", type("Again", (Again,), {"extra_calls": extra}), rank=1)

    plugins = Plugins.core()
    plugins.add(Offer(), "offer")

    with pytest.raises(PluginError) as caught:
        Conductor.from_text(
            "agents: [{id: a}]\nrouting: {default: a}\nplugins: {again: {}}\n",
            plugins=plugins,
            agents={"a": Scripted("one")},
        )

    assert caught.value.problem == f"extra_calls of layer 'again' is {extra!r}"


@dataclass(frozen=True, kw_only=True)
class Again:
    """A layer that asks again, and says that it does so once."""

    extra_calls: ClassVar[int] = 1

    again: int = 1

    async def around_attempt(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> Parts:
        for _ in range(self.again):
            async for _ in proceed(attempt):
                pass
        async for part in proceed(attempt):
            yield part


class Persistence:
    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        register("outer", Again, rank=1)
        register("inner", Again, rank=2)
