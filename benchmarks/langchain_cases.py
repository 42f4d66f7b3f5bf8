"""What the LangChain benchmark compares: our three shapes and LangChain's own, over one child."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, Final

from conductor_mw_langchain import ConductorChatModel, ConductorRunnable
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import ConfigurableField, RunnableBranch, RunnableLambda

from conductor_mw import Conductor

CHUNKS: Final = 100
_SENTENCE: Final = "The customer wrote that the parcel has not arrived yet and asks what to do. "
_PROMPT: Final = (_SENTENCE * 14)[:1000]
_NUMBERS: Final = count()
_USAGE: Final = {"input_tokens": 300, "output_tokens": 3, "total_tokens": 303}
_TOLD: Final = {"model_name": "child", "finish_reason": "stop"}
_POLICY: Final = """
agents:
  - {id: a, price: {input: 1, output: 2}, max_output_tokens: 500}
  - {id: b, price: {input: 1, output: 2}, max_output_tokens: 500}
signals:
  tier: {from: metadata.tier, type: string, default: free}
  tenant: {from: metadata.tenant, type: string, default: nobody}
routing:
  rules: [{condition: "tier == 'pro'", target: b}]
  default: a
"""
_LAYERS: Final = """
plugins:
  audit: {path: AUDIT, content: none}
  cache: {ttl: 1h, scope: tenant}
  limits: {per: tenant, requests: 1000000/s, tokens: 1000000000/s, concurrent: 1000}
  budget: {per: tenant, dollars: 1000000, every: day}
  breaker: {error_rate: 0.5, min_calls: 10, open_for: 30s}
"""


class Child(BaseChatModel):
    """Answers at once, in either colour, with as little as a chat model can."""

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        del messages, stop, run_manager, kwargs
        return _answer()

    async def _agenerate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        del messages, stop, run_manager, kwargs
        return _answer()

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        del messages, stop, run_manager, kwargs
        yield from _chunks()

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        del messages, stop, run_manager, kwargs
        for chunk in _chunks():
            yield chunk

    @property
    def _llm_type(self) -> str:
        return "child"


def _answer() -> ChatResult:
    usage: Any = _USAGE
    message = AIMessage("An answer.", usage_metadata=usage, response_metadata=dict(_TOLD))
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunks() -> Iterator[ChatGenerationChunk]:
    usage: Any = _USAGE
    for _ in range(CHUNKS - 1):
        yield ChatGenerationChunk(message=AIMessageChunk(content="word "))
    last = AIMessageChunk(
        content="", usage_metadata=usage, response_metadata=dict(_TOLD), chunk_position="last"
    )
    yield ChatGenerationChunk(message=last)


class Handler(BaseCallbackHandler):
    """Listens, as a tracer does, and does nothing."""


def prompt() -> str:
    """Give a prompt of 1 kB that nobody asked before, so that the cache never answers."""
    return f"{next(_NUMBERS)} {_PROMPT}"


def state() -> dict[str, Any]:
    """Give an agent's state with such a prompt."""
    return {"messages": [("user", prompt())]}


def models(folder: Path, opened: ExitStack) -> dict[str, Any]:
    """Give the child, a routed model bare and with layers, and LangChain's own ways to choose."""
    child, other = Child(), Child()
    bare, layers = _conductors(folder / "model.db", opened, child, other)
    field = ConfigurableField(id="which")
    return {
        "child": child,
        "bare": ConductorChatModel(conductor=bare),
        "layers": ConductorChatModel(conductor=layers),
        "RunnableWithFallbacks": child.with_fallbacks([other]),
        "RunnableBranch": _branch(child, other),
        "configurable_alternatives": child.configurable_alternatives(field, b=other),
    }


def chains(folder: Path, opened: ExitStack) -> dict[str, Any]:
    """Give a chain of two steps, one routed bare and with layers, and LangChain's own choices."""
    child, other = _chain(), _chain()
    bare, layers = _conductors(folder / "chain.db", opened, child, other)
    return {
        "child": child,
        "bare": ConductorRunnable(conductor=bare),
        "layers": ConductorRunnable(conductor=layers),
        "RunnableWithFallbacks": child.with_fallbacks([other]),
        "RunnableBranch": _branch(child, other),
    }


def agents(folder: Path, opened: ExitStack) -> dict[str, Any]:
    """Give an agent, one with our middleware bare and with layers, and LangChain's fallback."""
    of_agents: Any = import_module("langchain.agents")  # takes two seconds
    of_middleware: Any = import_module("langchain.agents.middleware")
    ours: Any = import_module("conductor_mw_langchain").ConductorMiddleware
    child, other = Child(), Child()
    bare, layers = _conductors(folder / "agent.db", opened, child, other)

    def agent(*middleware: object) -> Any:
        return of_agents.create_agent(child, middleware=list(middleware))

    return {
        "child": agent(),
        "bare": agent(ours(conductor=bare)),
        "layers": agent(ours(conductor=layers)),
        "ModelFallbackMiddleware": agent(of_middleware.ModelFallbackMiddleware(other)),
    }


def _conductors(audit: Path, opened: ExitStack, *children: Any) -> Iterator[Conductor]:
    """Give a conductor without layers, and one with all of them."""
    for text in (_POLICY, _POLICY + _LAYERS.replace("AUDIT", f"'{audit}'")):
        made = Conductor.from_text(text, agents=dict(zip("ab", children, strict=True)))
        opened.callback(made.close)
        yield made


def _branch(child: Any, other: Any) -> Any:
    branch: Any = RunnableBranch
    return branch((_false, other), child)


def _false(asked: Any) -> bool:
    del asked
    return False


def _same(asked: Any) -> Any:
    return asked


def _chain() -> Any:
    return RunnableLambda(_same) | Child()
