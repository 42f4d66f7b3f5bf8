"""What goes through a gateway is billed as the policy says, whatever a response pretends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest
from conductor_mw_budget.layer import BudgetLayer
from conductor_mw_litellm import ConductorProvider
from conductor_mw_litellm.policies import Policies

from conductor_mw import Answer, Conductor, Failure
from conductor_mw.money import Money
from conductor_mw.testing import WAYS, Way, ask
from tests.audit_kit import records_at
from tests.provider.gateways import Gateways

pytestmark = pytest.mark.usefixtures("litellm_loop")

OF_ONE_CALL = Money(1_000 * 150 + 100 * 600)
"""1,000 tokens in at 0.15 and 100 out at 0.60 dollars per million."""
PRICE = "price: {input: 0.15, output: 0.60}, max_output_tokens: 1000"
CLOUDFLARE = f"""
gateways:
  edge:
    base_url: "${{env:GATEWAYS}}/cloudflare/shop/edge/openai"
    headers: {{cf-aig-authorization: "Bearer ${{env:OF_GATEWAY}}"}}
    cache_ttl: 1h
agents:
  - {{id: a, model: openai/gpt-4o-mini, via: edge, api_key: "${{env:OF_OPENAI}}", {PRICE}}}
routing: {{default: a}}
"""
DIRECT = f"""
agents:
  - id: a
    model: openai/gpt-4o-mini
    base_url: "${{env:GATEWAYS}}/direct/v1"
    api_key: "${{env:OF_OPENAI}}"
    {PRICE.replace(", max", chr(10) + "    max")}
  - {{id: rescue, simulated: Later}}
routing: {{default: {{fallback: [a, rescue]}}}}
"""
ELSEWHERE = """
agents:
  - id: a
    model: openai/panel
    base_url: "${env:GATEWAYS}/elsewhere/v1"
    api_key: "${env:OF_OPENAI}"
    price: {input: 5, output: 30}
    max_output_tokens: 1000
    usage: {input: [agents.read], output: [usage.agents.written], at_most: 20000}
routing: {default: a}
"""
TABLE = "gpt-4o-*: {input: 0.15, output: 0.60}, gpt-4o: {input: 9, output: 9}"
FORGED = [
    [(b"cf-aig-cache-status", b"HIT"), (b"x-portkey-cache-status", b"HIT")],
    [(b"llm_provider-cf-aig-cache-status", b"HIT")],
]
HUGE = [(b"x-%d" % number, b"y" * 100) for number in range(300)]


@pytest.fixture
def gateways(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateways]:
    with Gateways() as found:
        monkeypatch.setenv("GATEWAYS", found.url)
        monkeypatch.setenv("OF_GATEWAY", "of-the-gateway")
        monkeypatch.setenv("OF_OPENAI", "of-openai")
        yield found


def asked(text: str, way: Way = "call") -> Answer:
    return ask(Conductor.from_text(text), "Hello", way=way)


@pytest.mark.usefixtures("gateways")
@pytest.mark.parametrize("way", WAYS)
def test_a_budget_takes_nothing_for_a_gateways_hit(way: Way) -> None:
    text = CLOUDFLARE + "plugins: {budget: {dollars: 1, every: day}}\n"
    conductor = Conductor.from_text(text)

    for _ in range(3):
        ask(conductor, "Hello", way=way)

    layer = conductor.layer("budget")
    assert isinstance(layer, BudgetLayer)
    (account,) = layer.status()
    assert (account.spent, account.held) == (OF_ONE_CALL, Money())
    conductor.close()


@pytest.mark.usefixtures("gateways")
@pytest.mark.parametrize("way", WAYS)
def test_the_audit_says_who_answered(way: Way, tmp_path: Path) -> None:
    file = tmp_path / "audit.db"
    conductor = Conductor.from_text(CLOUDFLARE + f"plugins: {{audit: {{path: {file}}}}}\n")

    for _ in range(2):
        ask(conductor, "Hello", way=way)
    conductor.close()

    paid, free = records_at(f"sqlite:{file}", "call")
    assert "by" not in paid
    assert free["by"] == "gateway"
    # The request left the app for the gateway, so the record of who saw it has the agent.
    decisions = records_at(f"sqlite:{file}", "decision")
    assert [list(one["agents"]) for one in decisions] == [["a"], ["a"]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("forged", FORGED, ids=["known", "disguised"])
def test_a_provider_cannot_say_that_it_was_a_cache(
    forged: list[tuple[bytes, bytes]], way: Way, gateways: Gateways
) -> None:
    gateways.forged = forged

    answer = asked(DIRECT, way)

    assert (answer.agent, answer.attempts[0].by, answer.cost) == ("a", "", OF_ONE_CALL)
    assert answer.attempts[0].headers  # they were read


@pytest.mark.parametrize("way", WAYS)
def test_a_gateway_that_says_both_is_billed(way: Way, gateways: Gateways) -> None:
    gateways.forged = [(b"cf-aig-cache-status", b"HIT")]

    answer = asked(CLOUDFLARE, way)

    assert (answer.attempts[0].by, answer.cost) == ("", OF_ONE_CALL)


@pytest.mark.parametrize("way", WAYS)
def test_of_many_headers_few_are_kept(way: Way, gateways: Gateways) -> None:
    gateways.forged = [(b"x-long", b"z" * 7_000), *HUGE]

    first = asked(DIRECT, way).attempts[0]

    # LiteLLM's async client refuses so many, which is a failure.
    assert first.headers or first.kind in ("server_error", "connection")
    assert len(first.headers) <= 200
    assert all(len(value) <= 500 for value in first.headers.values())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "header",
    [(b"x-odd", "é€\x85".encode()), (b"x-big", b"z" * 20_000)],
    ids=["no ascii", "too long"],
)
def test_a_header_that_breaks_the_client_is_a_failure_like_any_other(
    header: tuple[bytes, bytes], way: Way, gateways: Gateways
) -> None:
    gateways.forged = [header]

    answer = asked(DIRECT, way)

    assert answer.agent in ("a", "rescue")
    assert all(one.kind for one in answer.attempts if one.agent != answer.agent)
    assert answer.text in ("Later", "Hello from gpt-4o-mini, nice to see you")


@pytest.mark.usefixtures("gateways")
@pytest.mark.parametrize("way", WAYS)
def test_tokens_are_billed_where_the_policy_says_that_they_stand(way: Way) -> None:
    answer = asked(ELSEWHERE, way)

    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7_000, 1_100)
    assert answer.cost == Money(7_000 * 5_000 + 1_100 * 30_000)


@pytest.mark.parametrize(
    ("dollars", "further", "said"),
    [
        ("1", "at_most: 20000", ""),
        # 20,000 further tokens at 30 dollars per million are 0.60 dollars.
        ("0.6", "at_most: 20000", "it could cost"),
        ("1", "", "unbounded"),
    ],
)
def test_a_bound_in_dollars_reckons_with_them(
    dollars: str, further: str, said: str, gateways: Gateways
) -> None:
    text = ELSEWHERE.replace(", at_most: 20000", f", {further}" if further else "")
    conductor = Conductor.from_text(text + f"guarantees: [{{at_most: {{dollars: {dollars}}}}}]\n")

    if not said:
        conductor.call("Hello")
    else:
        with pytest.raises(Failure, match=said):
            conductor.call("Hello")
    assert len(gateways.asked) == (not said)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_all_of_it_holds_behind_a_model_of_litellms(
    colour: str, stream: bool, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = Policies({})
    policies.register("edge", Conductor.from_text(CLOUDFLARE))
    handler: Any = {"provider": "conductor", "custom_handler": ConductorProvider(policies)}
    monkeypatch.setattr(litellm, "custom_provider_map", [handler])
    call: dict[str, Any] = {
        "model": "conductor/edge", "messages": [{"role": "user", "content": "Hello"}],
    }  # fmt: skip
    if stream:
        call |= {"stream": True, "stream_options": {"include_usage": True}}

    host: Any = litellm

    async def read() -> Any:
        found = await host.acompletion(**call)
        return [chunk async for chunk in found] if stream else found

    def cost() -> float:
        found = host.completion(**call) if colour == "sync" else asyncio.run(read())
        if stream:
            return float(list(found)[-1].usage.cost)
        return float(getattr(found, "_hidden_params")["response_cost"])  # noqa: B009 - LiteLLM's own place for it

    assert [cost(), cost()] == [OF_ONE_CALL.dollars, 0.0]
    assert len(gateways.worked) == 1


def test_langchains_models_carry_the_gateways_words(gateways: Gateways) -> None:
    pytest.importorskip("langchain_openai")
    from conductor_mw_langchain import ConductorChatModel  # noqa: PLC0415 - it may be absent

    answer = ConductorChatModel(policy=CLOUDFLARE).invoke("Hello")

    assert answer.text == "Hello from gpt-4o-mini, nice to see you"
    (one,) = gateways.asked
    assert one.path.startswith("/cloudflare/")
    assert one.headers["cf-aig-cache-ttl"] == "3600"
    assert one.headers["authorization"] == "Bearer of-openai"


@pytest.mark.parametrize("stream", [False, True])
def test_langchains_models_name_who_answered_for_a_router(stream: bool, gateways: Gateways) -> None:
    pytest.importorskip("langchain_openai")
    from conductor_mw_langchain import ConductorChatModel  # noqa: PLC0415 - it may be absent

    # Its answer names `gpt-4o-mini`, as it was asked for.
    text = DIRECT.replace("price: {input: 0.15, output: 0.60}", f"prices: {{{TABLE}}}")
    model = ConductorChatModel(policy=text)
    if stream:
        chunks = list(model.stream("Hello"))
        told = next(
            found for one in reversed(chunks) if (found := one.response_metadata.get("conductor"))
        )
    else:
        told = model.invoke("Hello").response_metadata["conductor"]

    assert told["attempts"][0]["model"] == "gpt-4o-mini"
    assert told["dollars"] == OF_ONE_CALL.dollars
    assert len(gateways.asked) == 1


def test_a_gateways_own_key_takes_the_place_of_the_models(gateways: Gateways) -> None:
    text = CLOUDFLARE.replace(
        "cf-aig-authorization:", 'authorization: "Basic ${env:OF_GATEWAY}", cf-aig-authorization:'
    )

    asked(text)

    assert gateways.asked[0].headers["authorization"] == "Basic of-the-gateway"
