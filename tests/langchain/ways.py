"""The four ways to ask a chat model, and a routed model whose children answer by rote."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any, Final, Literal

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run

from tests.langchain.oracle import Oracle

Way = Literal["invoke", "ainvoke", "stream", "astream"]
WAYS: Final[tuple[Way, ...]] = ("invoke", "ainvoke", "stream", "astream")
each_way = pytest.mark.parametrize("way", WAYS)

ONE: Final = "agents: [{id: small}]\nrouting: {default: small}\n"
"""A policy of one agent."""
EITHER: Final = """
agents: [{id: small}, {id: large}]
signals: {tier: {from: metadata.tier, type: string, default: ""}}
routing:
  rules:
    - {condition: "tier == 'pro' || input.text.contains('reason')", target: large}
  default: {fallback: [small, large]}
"""
"""A policy in which `large` answers what is hard, and where `small` fails."""


def routed(
    policy: str = EITHER, *, small: Mapping[str, Any] | None = None, **options: Any
) -> ConductorChatModel:
    """Give a model whose agents are oracles, `small` one with these fields."""
    children = {
        "small": Oracle(model="small-1", **(small or {})),
        "large": Oracle(model="large-1"),
    }
    return ConductorChatModel(
        policy=policy, agents={name: children[name] for name in children if name in policy},
        **options,
    )  # fmt: skip


def ask(asked: Any, question: Any, way: Way, config: Any = None, **kwargs: Any) -> Any:
    """Give the whole answer, however it comes."""
    if way == "invoke":
        return asked.invoke(question, config, **kwargs)
    if way == "ainvoke":
        return asyncio.run(asked.ainvoke(question, config, **kwargs))
    if way == "stream":
        return reduce(add, asked.stream(question, config, **kwargs))

    async def read() -> Any:
        return reduce(add, [chunk async for chunk in asked.astream(question, config, **kwargs)])

    return asyncio.run(read())


def who(answer: Any) -> str:
    """Give the agent that an answer names."""
    agent: str = answer.response_metadata["conductor"]["agent"]
    return agent


def whole(chunks: list[Any]) -> AIMessageChunk:
    """Give what chunks add up to."""
    found: AIMessageChunk = reduce(add, chunks)
    return found


class Traces(BaseTracer):
    """Keeps every finished tree of runs, as LangSmith and its like see it."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)
