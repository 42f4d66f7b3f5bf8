"""What the LiteLLM benchmark compares: a call, and one where a policy chooses its model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final

from conductor_mw_litellm import ConductorStrategy, handler, register, unregister
from conductor_mw_litellm.loading import litellm

from conductor_mw import Agent, Conductor, ModelSpeaker, Request

_SENTENCE: Final = "The customer wrote that the parcel has not arrived yet and asks what to do. "
MESSAGES: Final = [{"role": "user", "content": (_SENTENCE * 14)[:1000]}]
MODEL: Final = "openai/gpt-4o-mini"
SAID: Final = "An answer."
_RULES: Final = """
signals:
  tier: {from: metadata.tier, type: string, default: free}
routing:
  rules:
    - {id: pro, condition: "tier == 'pro'", target: b}
    - {id: long, condition: "input.tokens > 4000", target: b}
    - {id: tools, condition: "'search' in input.tools", target: b}
  default: a
"""
_NESTED: Final = f"agents: [{{id: a, model: {MODEL}}}, {{id: b, model: {MODEL}}}]{_RULES}"
_GROUPS: Final = f"agents: [{{id: a, model: small}}, {{id: b, model: large}}]{_RULES}"
_PRICE: Final = "price: {input: 0.15, output: 0.6}"
_BOUND: Final = f"agents: [{{id: a, {_PRICE}}}, {{id: b, {_PRICE}}}]{_RULES}"

Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]


class Mocking:
    """LiteLLM, which answers itself instead of asking a provider."""

    def completion(self, **call: Any) -> Any:
        return litellm().completion(**call, mock_response=SAID)

    async def acompletion(self, **call: Any) -> Any:
        return await litellm().acompletion(**call, mock_response=SAID)


def answered() -> Any:
    """Give an answer in LiteLLM's form, made by nobody."""
    host: Any = litellm()
    message = host.Message(role="assistant", content=SAID)
    made = host.ModelResponse(
        model="gpt-4o-mini",
        choices=[host.Choices(index=0, finish_reason="stop", message=message)],
        usage=host.Usage(prompt_tokens=200, completion_tokens=3, total_tokens=203),
    )
    # Ours says it too; where nobody does, LiteLLM looks for a price, which takes longer.
    made._hidden_params = {"response_cost": 3.2e-5}  # noqa: SLF001 - LiteLLM's place for it
    return made


def _by_hand() -> tuple[Any, Any]:
    """Give what somebody writes without us: providers that ask one model, and that ask nobody."""
    from litellm.llms.custom_llm import CustomLLM  # noqa: PLC0415 - after the price list is settled

    class Nested(CustomLLM):
        def completion(self, *args: Any, **call: Any) -> Any:
            del args
            nested = {"model": MODEL, "messages": call["messages"], "no-log": True}
            return litellm().completion(**nested, mock_response=SAID)

        async def acompletion(self, *args: Any, **call: Any) -> Any:
            del args
            nested = {"model": MODEL, "messages": call["messages"], "no-log": True}
            return await litellm().acompletion(**nested, mock_response=SAID)

    class Own(CustomLLM):
        def completion(self, *args: Any, **call: Any) -> Any:
            del args, call
            return answered()

        async def acompletion(self, *args: Any, **call: Any) -> Any:
            del args, call
            return answered()

    return Nested(), Own()


def _bound(request: Request) -> Any:
    del request
    return answered()


def _mocked(agent: Agent) -> object:
    return ModelSpeaker(agent, MODEL, Mocking())


def provide(opened: ExitStack) -> Conductor:
    """Let LiteLLM know the providers until the stack is closed; give the nested policy."""
    host: Any = litellm()
    host.suppress_debug_info = True
    nested, own = _by_hand()
    before = host.custom_provider_map
    host.custom_provider_map = [
        {"provider": "conductor", "custom_handler": handler},
        {"provider": "nested", "custom_handler": nested},
        {"provider": "own", "custom_handler": own},
    ]
    opened.callback(setattr, host, "custom_provider_map", before)
    conductor = Conductor.from_text(_NESTED, connect=_mocked)
    register("nested", conductor)
    register("bound", Conductor.from_text(_BOUND, agents={"a": _bound, "b": _bound}))
    opened.callback(unregister, "nested")
    opened.callback(unregister, "bound")
    return conductor


def calls(ask: Callable[..., Any], **more: Any) -> dict[str, Callable[[], Any]]:
    """Give one call of each kind, through `completion` or `acompletion`."""

    def asking(model: str, **call: Any) -> Callable[[], Any]:
        return lambda: ask(model=model, messages=MESSAGES, **call, **more)

    return {
        "direct": asking(MODEL, mock_response=SAID),
        "ours": asking("conductor/nested"),
        "a CustomLLM by hand": asking("nested/x"),
    }


def own_calls(ask: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
    """Give a provider by hand that answers itself, and ours with a bound agent that does."""
    return {
        "own": lambda: ask(model="own/x", messages=MESSAGES),
        "bound": lambda: ask(model="conductor/bound", messages=MESSAGES),
    }


def alone() -> dict[str, Callable[[], Any]]:
    """Give our provider as LiteLLM calls it, without LiteLLM, and the answer that it is given."""
    call: dict[str, Any] = {
        "model": "bound", "messages": MESSAGES, "optional_params": {}, "litellm_params": {},
    }  # fmt: skip
    return {"own": answered, "bound": lambda: handler.completion(**call)}


def routers() -> Mapping[str, Any]:
    """Give a Router as it comes, and one whose groups a policy's rules choose."""
    host: Any = litellm()

    def router() -> Any:
        return host.Router(
            model_list=[
                {
                    "model_name": name,
                    "litellm_params": {"model": MODEL, "api_key": "sk-none", "mock_response": SAID},
                }
                for name in ("small", "large")
            ],
            num_retries=0,
        )

    chosen = router()
    ConductorStrategy(chosen, Conductor.from_text(_GROUPS), models=["smart"])
    return {"Router": router(), "ours": chosen}
