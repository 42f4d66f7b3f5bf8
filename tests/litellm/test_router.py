"""A Router whose model group is a policy, or whose groups a policy's rules choose."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from conductor_mw_litellm import (
    ConductorStrategy,
    cooling,
    handler,
    register,
    through,
    unregister,
)
from litellm.exceptions import PermissionDeniedError, RateLimitError
from litellm.router import Router

from conductor_mw import Conductor, ConductorError
from tests.litellm.openai_server import OpenAIServer, Reply, Scripted

Way = Literal["completion", "acompletion", "stream", "astream"]
WAYS: tuple[Way, ...] = ("completion", "acompletion", "stream", "astream")
each_way = pytest.mark.parametrize("way", WAYS)

REPLIES = {
    "small-1": Reply("A small answer.", usage=(11, 3)),
    "large-1": Reply("A large answer.", usage=(11, 5)),
    "limited-1": Reply(status=429),
}
POLICY = """
agents:
  - {id: cheap, model: small, price: {input: 1, output: 1}}
  - {id: dear, model: large, price: {input: 1, output: 1}}
  - {id: full, model: limited, price: {input: 1, output: 1}}
routing:
  rules:
    - {condition: "metadata.to == 'dear'", target: dear, on_error: skip}
    - {condition: "metadata.to == 'full'", target: full, on_error: skip}
  default: cheap
"""
FLOWS = POLICY.replace("target: full", "target: {fallback: [full, cheap]}")

pytestmark = pytest.mark.usefixtures("litellm_loop")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(Scripted(REPLIES)) as running:
        yield running


def deployments(server: OpenAIServer, key: str = "sk-test") -> list[dict[str, Any]]:
    return [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/{name}-1", "api_base": server.url, "api_key": key
            },
        }
        for name in ("small", "large", "limited")
    ]  # fmt: skip


@pytest.fixture
def router(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    provider: Any = {"provider": "conductor", "custom_handler": handler}
    monkeypatch.setattr("litellm.custom_provider_map", [provider])
    smart = {"model_name": "smart", "litellm_params": {"model": "conductor/main"}}
    made: Any = Router(model_list=[*deployments(server), smart], num_retries=3)
    register("main", Conductor.from_text(FLOWS, connect=through(made)))
    yield made
    unregister("main")


def ask(router: Any, way: Way, model: str = "smart", **call: Any) -> str:
    call = {"model": model, "messages": [{"role": "user", "content": "Hello"}], **call}
    if way == "completion":
        return str(router.completion(**call).choices[0].message.content)
    if way == "acompletion":
        return str(asyncio.run(router.acompletion(**call)).choices[0].message.content)
    if way == "stream":
        return _said(list(router.completion(**call, stream=True)))
    return _said(asyncio.run(_read(router, call)))


async def _read(router: Any, call: dict[str, Any]) -> list[Any]:
    return [chunk async for chunk in await router.acompletion(**call, stream=True)]


def _said(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


@each_way
def test_a_group_that_is_a_policy_asks_the_routers_other_groups(
    router: Any, server: OpenAIServer, way: Way
) -> None:
    assert ask(router, way) == "A small answer."
    assert ask(router, way, metadata={"to": "dear"}) == "A large answer."
    assert [body["model"] for body in server.asked] == ["small-1", "large-1"]


@each_way
def test_the_routers_retries_are_not_added_to_the_policys(
    router: Any, server: OpenAIServer, way: Way
) -> None:
    assert ask(router, way, metadata={"to": "full"}) == "A small answer."
    assert [body["model"] for body in server.asked] == ["limited-1", "small-1"]


@each_way
def test_a_strategy_names_the_group_and_calls_nothing_twice(server: OpenAIServer, way: Way) -> None:
    made: Any = Router(model_list=deployments(server), num_retries=0)
    ConductorStrategy(made, Conductor.from_text(POLICY), models=["smart"])

    assert ask(made, way, metadata={"to": "dear"}) == "A large answer."
    assert ask(made, way) == "A small answer."
    assert ask(made, way, "large") == "A large answer."
    assert [body["model"] for body in server.asked] == ["large-1", "small-1", "large-1"]


@each_way
def test_a_strategy_keeps_a_guarantee(server: OpenAIServer, way: Way) -> None:
    made: Any = Router(model_list=deployments(server), num_retries=0)
    text = POLICY + 'guarantees: [{never: {when: "has(metadata.patient)", agents: [cheap]}}]\n'
    ConductorStrategy(made, Conductor.from_text(text), models=["smart"])

    with pytest.raises(PermissionDeniedError, match="policy_violation"):
        ask(made, way, metadata={"patient": "7"})

    assert server.asked == []


def test_a_strategy_refuses_a_policy_that_says_more_than_it_can_do(server: OpenAIServer) -> None:
    made: Any = Router(model_list=deployments(server))

    with pytest.raises(ConductorError, match="can ask one agent only"):
        ConductorStrategy(made, Conductor.from_text(FLOWS), models=["smart"])
    layered = Conductor.from_text(POLICY + "plugins: {breaker: {}}\n")
    with pytest.raises(ConductorError, match="the policy names `plugins: breaker`"):
        ConductorStrategy(made, layered, models=["smart"])
    prompted = Conductor.from_text(POLICY.replace("model: small", "model: small, prompt: Hi"))
    with pytest.raises(ConductorError, match="says more of agent 'cheap'"):
        ConductorStrategy(made, prompted, models=["smart"])
    unknown = Conductor.from_text(POLICY.replace("model: small", "model: smal"))
    with pytest.raises(ConductorError, match="did you mean 'small'"):
        ConductorStrategy(made, unknown, models=["smart"])


def test_rules_read_which_groups_cool_down(server: OpenAIServer) -> None:
    made: Any = Router(
        model_list=[*deployments(server), *deployments(server, "sk-other")],
        num_retries=0,
        allowed_fails=0,
    )
    text = (
        POLICY.replace(
            "  rules:\n", "  rules:\n    - {condition: \"'limited' in cooling\", target: dear}\n"
        )
        + "signals: {cooling: {function: cooling, type: list}}\n"
    )
    conductor = Conductor.from_text(text, signals={"cooling": cooling(made)})
    assert conductor.decide("Hello").target == "cheap"

    refused = {"mock_response": "litellm.RateLimitError"}
    for _ in range(2):
        with pytest.raises(RateLimitError):
            ask(made, "acompletion", "limited", **refused)

    assert conductor.decide("Hello").target == "dear"
