"""One call of the app is one event for LiteLLM's loggers, with exact tokens and all the dollars."""

from __future__ import annotations

from collections.abc import Iterator

import litellm
import pytest
from litellm.exceptions import MidStreamFallbackError, RateLimitError

from conductor_mw import Conductor
from tests.litellm.calls import Ledger, Way, agents, ask, each_way, listening, offered, original
from tests.provider.server import Provider

TARGETS = {
    "merged": "{parallel: [small, claude], take: merge, merge: large}",
    "second": "{fallback: [limited, large]}",
    "dear": "{cascade: [small, large], accept: answer.text.contains('large')}",
    "unpriced": "unpriced",
    "mixed": "{cascade: [unpriced, large], accept: answer.text.contains('large')}",
    "broken": "limited",
}
ROUTING = "routing:\n  default: small\n  rules:\n" + "".join(
    f"    - {{id: {name}, condition: metadata.to == '{name}', target: {target}, on_error: skip}}\n"
    for name, target in TARGETS.items()
)

pytestmark = pytest.mark.usefixtures("litellm_loop")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "sk-test")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with listening() as made:
        yield made


def policy(live: Provider, more: str = "") -> Conductor:
    return Conductor.from_text(agents(live.url) + ROUTING + more)


@each_way
@pytest.mark.parametrize(
    ("to", "agent", "usage", "dollars"),
    [
        # 2 tokens are asked and 7 are answered; who merges is asked more
        ("", "small", (2, 7), 0.009),
        ("second", "large", (2, 7), 0.018),
        ("dear", "large", (2, 7), 0.009 + 0.018),
    ],
)
def test_a_call_is_logged_once_with_what_all_its_attempts_cost(
    way: Way,
    to: str,
    agent: str,
    usage: tuple[int, int],
    dollars: float,
    live: Provider,
    ledger: Ledger,
) -> None:
    with offered(main=policy(live)):
        said = ask(way, metadata={"to": to}, until=lambda: ledger.events)

    (event,) = ledger.events
    assert event.model == "main"
    assert event.usage == said.usage == usage
    assert event.dollars == pytest.approx(dollars, abs=1e-9)
    assert said.text == f"Hello from {agent}-1, nice to see you"


@each_way
def test_an_ensemble_of_three_is_logged_once_with_the_dollars_of_all(
    way: Way, live: Provider, ledger: Ledger
) -> None:
    with offered(main=policy(live)):
        said = ask(way, metadata={"to": "merged"}, until=lambda: ledger.events)

    asked, made = said.usage
    (event,) = ledger.events
    assert sorted(live.models) == ["claude-1", "large-1", "small-1"]
    assert event.usage == (asked, made)
    assert event.dollars == pytest.approx(0.009 + 0.036 + (asked + made) * 0.002, abs=1e-9)


@each_way
@pytest.mark.parametrize("to", ["unpriced", "mixed"])
def test_a_cost_that_nobody_knows_is_not_told_as_a_number(
    way: Way, to: str, live: Provider, ledger: Ledger
) -> None:
    with offered(main=policy(live)):
        ask(way, metadata={"to": to}, until=lambda: ledger.events)

    (event,) = ledger.events
    assert not event.dollars


@each_way
def test_the_event_says_who_answered(way: Way, live: Provider, ledger: Ledger) -> None:
    conductor = policy(live)
    with offered(main=conductor):
        ask(way, metadata={"to": "second"}, until=lambda: ledger.events)

    told = ledger.events[0].decision
    assert told["x-conductor-agent"] == "large"
    assert told["x-conductor-rule"] == "second"
    assert told["x-conductor-fingerprint"] == conductor.policy.fingerprint
    assert told["x-conductor-decision"]


@each_way
def test_an_answer_from_the_cache_costs_nothing_and_says_so(
    way: Way, live: Provider, ledger: Ledger
) -> None:
    with offered(main=policy(live, "plugins: {cache: {ttl: 1h, scope: shared}}\n")):
        first = ask(way, until=lambda: ledger.events)
        second = ask(way, until=lambda: len(ledger.events) == 2)

    assert live.models == ["small-1"]
    assert second.text == first.text
    assert second.usage == first.usage == (2, 7)
    assert sorted(event.dollars or 0.0 for event in ledger.events) == [0.0, pytest.approx(0.009)]
    if not second.chunks:
        assert second.whole._hidden_params["cache_hit"] is True


@each_way
def test_a_budget_that_is_used_up_refuses_as_a_rate_limit(
    way: Way, live: Provider, ledger: Ledger
) -> None:
    budget = "plugins: {budget: {dollars: 0.105, every: total}}\n"
    with offered(main=policy(live, budget)):
        ask(way, max_tokens=10, until=lambda: ledger.events)
        with pytest.raises((RateLimitError, MidStreamFallbackError), match="budget: ") as caught:
            ask(way, max_tokens=10, until=lambda: len(ledger.events) == 2)

    assert caught.value.status_code == 429
    assert isinstance(original(caught.value), RateLimitError)
    assert live.models == ["small-1"]
    assert [event.failed for event in ledger.events] == [False, True]


@each_way
def test_a_failure_is_logged_once(way: Way, live: Provider, ledger: Ledger) -> None:
    with (
        offered(main=policy(live)),
        pytest.raises((RateLimitError, MidStreamFallbackError)),
    ):
        ask(way, metadata={"to": "broken"}, until=lambda: ledger.events)

    (event,) = ledger.events
    assert (event.model, event.failed) == ("main", True)


def test_completion_cost_prices_the_answer_again_and_knows_nothing_of_other_attempts(
    live: Provider,
) -> None:
    with offered(main=policy(live)):
        said = ask("completion", metadata={"to": "dear"})

    priced = litellm.completion_cost(
        said.whole, model="openai/large-1", custom_cost_per_token={
            "input_cost_per_token": 2e-3, "output_cost_per_token": 2e-3
        }
    )  # fmt: skip
    assert priced == pytest.approx(0.018)
    assert said.whole._hidden_params["response_cost"] == pytest.approx(0.027)
