"""What must never happen does not happen at run time: before every call, and for every layer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conductor_mw import Attempted, Conductor, Failure, Gather, Part, Parts, attempts_of
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
        "agent 'a' was not asked: it could cost $0.000244 after $0.00, "
        "and the policy allows at most $0.0002"
    )


@pytest.mark.parametrize("way", WAYS)
def test_branches_at_the_same_time_do_not_spend_the_same_money(way: Way) -> None:
    kinds: list[str] = []

    async def both(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        async def branch() -> None:
            async for _ in proceed(attempt):
                pass

        settled = await Gather((branch, branch))
        kinds.extend(getattr(one.error, "kind", "answered") for one in settled)
        yield Part("done")

    text = AT_MOST.format(limit="{dollars: 0.0003}")
    c = conductor(text, attempt_layers=[both], a=Scripted(0.0, "one"))

    ask(c, "hello", way=way)

    assert sorted(kinds) == ["answered", "policy_violation"]


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


@pytest.mark.parametrize("way", WAYS)
def test_seconds_at_most_are_a_deadline(way: Way) -> None:
    c = conductor(AT_MOST.format(limit="{seconds: 2}"), a=Scripted(9.0, "late"))

    with pytest.raises(TimeoutError, match="the request's deadline passed"):
        ask(c, "hello", way=way)
