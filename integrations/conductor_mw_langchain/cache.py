"""LangChain's own cache, kept where a policy's `cache` keeps its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, cast

from langchain_core.caches import BaseCache
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import run_in_executor

from conductor_mw import Conductor, Run, to_request

from .generations import read, written

Whose: TypeAlias = str | Callable[[], str | None] | None
"""A name, or a function that gives the one of the current request, as `ContextVar.get` does."""

_HOST: Final = "langchain"


class _Corner(Protocol):
    """What is asked of the cache layer; see `conductor_mw_cache.corner.Corner`."""

    @property
    def at_hand(self) -> bool: ...
    def find(self, key: bytes) -> str | None: ...
    def keep(self, key: bytes, value: str, *, tool_calls: bool, run: Callable[[], Run]) -> bool: ...
    def forget(self) -> int: ...


class _Layer(Protocol):
    def corner(self, host: str, *, tenant: object, user: object) -> _Corner: ...


class ConductorCache(BaseCache):
    """Keeps what LangChain's models answer where the policy's `cache` keeps its answers.

    It serves apps that call models themselves. `ConductorChatModel` and the other shapes need none:
    their calls go through the policy's cache anyway, which streams too and knows the policy.

    ??? info "Setup"

        ```bash
        pip install 'conductor-mw[langchain,cache]'
        ```

        ```yaml
        plugins:
          cache: {ttl: 1h, scope: tenant, tenant: metadata.tenant, store: "sqlite:cache.db"}
        ```

    ??? info "Key init args"

        | argument | says |
        |---|---|
        | `conductor` | a `Conductor`, or the path of its policy |
        | `tenant` | whose answers: a name, or a function such as `ContextVar.get` |
        | `user` | of that tenant, where the policy says `scope: user` |

    ??? info "Instantiate"

        ```python
        from contextvars import ContextVar

        from langchain_core.globals import set_llm_cache

        tenant: ContextVar[str | None] = ContextVar("tenant", default=None)
        set_llm_cache(ConductorCache("conductor.yaml", tenant=tenant.get))
        ```

    `ttl`, `scope`, `store`, `most_entries`, `most_bytes` and `tool_calls` hold as in the policy,
    and what holds personal data is not kept where the policy looks for it. Nobody gets an answer of
    another tenant: where the function gives none, nothing is looked up and nothing is kept.
    LangChain itself asks the cache at `invoke` and `ainvoke` only, at every temperature.
    """

    def __init__(
        self, conductor: Conductor | str | Path, *, tenant: Whose = None, user: Whose = None
    ) -> None:
        """Take a corner of a policy's cache.

        Args:
            conductor: whose `cache` layer it is, or the path of a policy.
            tenant: whose answers these are.
            user: of that tenant.

        Raises:
            ConductorError: the policy has no `cache`, or keeps answers apart by what is not given.
        """
        self.conductor = conductor if isinstance(conductor, Conductor) else Conductor(conductor)
        self._tenant = tenant
        self._user = user
        # At once, so that a mistake is no error of the first call.
        self._layer.corner(_HOST, tenant=_example(tenant), user=_example(user))

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Give what is kept for a prompt, or None."""
        corner = self._corner()
        return None if corner is None else _find(corner, prompt, llm_string)

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep what a model answered; nothing where it holds what could not be given again."""
        corner = self._corner()
        if corner is not None:
            self._keep(corner, prompt, llm_string, return_val)

    def clear(self, **kwargs: Any) -> None:
        """Forget what this cache keeps for the current tenant, and nothing else.

        Raises:
            StoreError: the store cannot be reached.
        """
        del kwargs
        corner = self._corner()
        if corner is not None:
            corner.forget()

    async def alookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Give what is kept for a prompt, or None; a store is asked in a thread."""
        corner = self._corner()
        if corner is None or corner.at_hand:
            return None if corner is None else _find(corner, prompt, llm_string)
        return await run_in_executor(None, _find, corner, prompt, llm_string)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep what a model answered, beside the event loop where that means to wait."""
        corner = self._corner()
        if corner is None:
            return
        if corner.at_hand:
            self._keep(corner, prompt, llm_string, return_val)
        else:
            await run_in_executor(None, self._keep, corner, prompt, llm_string, return_val)

    async def aclear(self, **kwargs: Any) -> None:
        """Forget what this cache keeps for the current tenant. Raises `StoreError`."""
        del kwargs
        corner = self._corner()
        if corner is not None:
            await run_in_executor(None, corner.forget)

    @property
    def _layer(self) -> _Layer:
        return cast("_Layer", self.conductor.layer("cache"))  # anew: a reload brings another one

    def _corner(self) -> _Corner | None:
        """Give where the current tenant's answers lie; None where nobody knows who that is."""
        tenant, user = _current(self._tenant), _current(self._user)
        if tenant == "" or user == "":
            return None
        return self._layer.corner(_HOST, tenant=tenant, user=user)

    def _keep(
        self, corner: _Corner, prompt: str, llm_string: str, generations: Sequence[Generation]
    ) -> None:
        text = written(generations)
        if text is None:
            return
        policy = self.conductor.policy

        def run() -> Run:  # only to be read: who would answer does not matter
            asked = to_request(_said(prompt))
            return self.conductor.begin(asked, target=next(iter(policy.agents)))

        calls = any(_calls_tools(one) for one in generations)
        corner.keep(_key(prompt, llm_string), text, tool_calls=calls, run=run)


def _find(corner: _Corner, prompt: str, llm_string: str) -> list[Generation] | None:
    text = corner.find(_key(prompt, llm_string))
    return None if text is None else read(text)


def _key(prompt: str, llm_string: str) -> bytes:
    return f"{len(prompt)}:{prompt}{llm_string}".encode("utf-8", "surrogatepass")


def _said(prompt: str) -> str:
    """Give every text of a prompt, which is a chat's messages as JSON or a text itself."""
    try:
        values: list[Any] = [json.loads(prompt)]
    except (ValueError, RecursionError):
        return prompt
    texts: list[str] = []
    while values:
        value = values.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            values.extend(cast("list[Any]", value))
        elif isinstance(value, dict):
            values.extend(cast("dict[str, Any]", value).values())
    return "\n".join(texts)


def _calls_tools(generation: Generation) -> bool:
    if not isinstance(generation, ChatGeneration):
        return False
    message: Any = generation.message
    return bool(getattr(message, "tool_calls", None) or getattr(message, "tool_call_chunks", None))


def _current(whose: Whose) -> str | None:
    """Give the name for the current request: '' where a function gives none."""
    return (whose() or "") if callable(whose) else whose


def _example(whose: Whose) -> str | None:
    return "anybody" if callable(whose) else whose
