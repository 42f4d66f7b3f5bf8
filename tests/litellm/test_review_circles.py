"""A policy that a Router would lead back to itself asks nobody, on the Router's sync side too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from conductor_mw_litellm import (
    ConductorProvider,
    ConductorStrategy,
    handler,
    register,
    through,
    unregister,
)
from litellm.router import Router

from conductor_mw import Conductor, ConductorError

pytestmark = pytest.mark.usefixtures("litellm_loop")
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    provider: Any = {"provider": "conductor", "custom_handler": handler}
    monkeypatch.setattr("litellm.custom_provider_map", [provider])
    row = {"model_name": "smart", "litellm_params": {"model": "conductor/loop"}}
    made: Any = Router(model_list=[row], num_retries=0)
    text = "agents: [{id: a, model: smart}]\nrouting: {default: a}"
    register("loop", Conductor.from_text(text, connect=through(made)))
    yield made
    unregister("loop")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sync", [False, True])
def test_a_group_that_is_a_policy_is_no_agent(router: Any, sync: bool, stream: bool) -> None:
    def ask() -> None:
        for _ in router.completion("smart", HI, stream=stream):
            pass

    async def aask() -> None:
        answer = await router.acompletion("smart", HI, stream=stream)
        if stream:
            async for _ in answer:
                pass

    with pytest.raises(Exception, match="which is a policy itself"):
        ask() if sync else asyncio.run(aask())


def test_a_provider_may_be_closed_twice() -> None:
    assert handler
    import litellm.main as module  # noqa: PLC0415 - what is looked at

    other = ConductorProvider()
    before = vars(module)["get_optional_params"]
    closed = ConductorProvider()
    closed.close()
    closed.close()
    other.close()

    assert vars(module)["get_optional_params"] is before  # `handler` is open still


GUARDED = """
signals: {to: {from: metadata.to, type: string, default: ""}}
agents: [{id: cheap, model: small}, {id: dear, model: large}]
guarantees: [{never: {when: "to == 'private'", agents: [dear]}}]
routing: {default: cheap}
"""


@pytest.mark.parametrize("name", ["fallbacks", "content_policy_fallbacks"])
def test_no_strategy_guarantees_what_its_router_undoes(name: str) -> None:
    rows: list[Any] = [
        {"model_name": one, "litellm_params": {"model": f"openai/{one}", "api_key": "sk-test"}}
        for one in ("small", "large", "chosen")
    ]
    options: dict[str, Any] = {name: [{"chosen": ["large"]}]}
    made: Any = Router(model_list=rows, **options)

    with pytest.raises(ConductorError, match="falls back by itself"):
        ConductorStrategy(made, Conductor.from_text(GUARDED), models=["chosen"])
