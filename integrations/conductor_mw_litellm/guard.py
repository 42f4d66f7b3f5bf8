"""Refuse a policy that asks itself: an agent may be another policy, and must not be one twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from conductor_mw import Agent, ConductorError, ModelOptions, Policy, RequestError

from .gate import PROVIDER

DEEPEST: Final = 8
"""Policies below each other; more is a mistake, or costs more than anybody meant."""
_Part = TypeVar("_Part")
_PASSED: Final[ContextVar[tuple[str, ...]]] = ContextVar("conductor_mw_litellm_passed", default=())


def below() -> bool:
    """Whether a policy works already, above this call."""
    return bool(_PASSED.get())


@contextmanager
def inside(name: str) -> Generator[None]:
    """Let one policy work; whatever its agents ask meanwhile is below it.

    Raises:
        RequestError: the policy works already, above this call.
    """
    above = _PASSED.get()
    if name in above:
        chain = " -> ".join([*above, name])
        raise RequestError(
            f"the policy {name!r} would ask itself: {chain}",
            mend="Let its agent name another model.",
        )
    if len(above) >= DEEPEST:
        raise RequestError(f"more than {DEEPEST} policies below each other")
    token = _PASSED.set((*above, name))
    try:
        yield
    finally:
        _PASSED.reset(token)


def within(name: str, parts: Iterator[_Part]) -> Iterator[_Part]:
    """Give the parts of a stream; between two of them its reader may ask whom it likes."""
    while True:
        with inside(name):
            try:
                part = next(parts)
            except StopIteration:
                return
        yield part


async def awithin(name: str, parts: AsyncIterator[_Part]) -> AsyncIterator[_Part]:
    """Give the parts of a stream on the running event loop."""
    while True:
        with inside(name):
            try:
                part = await anext(parts)
            except StopAsyncIteration:
                return
        yield part


def check_agents(policy: Policy, name: str, aliases: tuple[str, ...] = ()) -> None:
    """Refuse a policy of which an agent's own model leads back to it.

    Raises:
        ConductorError: there is such an agent.
    """
    refused = (f"{PROVIDER}/{name}", *aliases)
    for agent in policy.agents.values():
        for model in _models_of(agent):
            if model not in refused:
                continue
            raise ConductorError(
                f"agent {agent.id!r} names {model!r}, which is this policy",
                where=policy.name,
                mend=f"Write the model with its provider, for example openai/{model}."
                if model in aliases
                else "Let the agent name another model.",
            )


def _models_of(agent: Agent) -> Iterator[str]:
    for options in (agent.options, *(one.options for one in agent.replicas)):
        if isinstance(options, ModelOptions):
            yield options.model
