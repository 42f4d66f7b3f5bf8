"""Make LangChain's chat model for an agent whose policy names a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ValidationError

from conductor_mw import Agent, ConductorError, Failure, FailureKind, ModelOptions, access_of

from .names import Provider, named

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "base_url": ("azure_endpoint", "base_url", "endpoint_url", "endpoint"),
    "api_key": ("api_key", "google_api_key", "cohere_api_key"),
    "headers": ("default_headers", "additional_headers", "extra_headers"),
    "timeout": ("timeout", "request_timeout"),
    "max_retries": ("max_retries",),
    "stream_usage": ("stream_usage",),
}
"""What the classes call what we set; the first that a class has is meant."""
_NEEDED: Final = frozenset(("base_url", "api_key", "headers"))
"""What must not be left out: the call would go elsewhere, or as somebody else."""
_OF_PROVIDERS: Final[Mapping[str, Mapping[str, str]]] = {
    "huggingface": {"backend": "endpoint"},  # it would download the model and run it here
}
_KEYS: Final = re.compile(r"(?i)key|credential|token")


def chat_model_of(agent: Agent) -> BaseChatModel | None:
    """Give the chat model that speaks for an agent of the kind `model`.

    The model's LiteLLM name becomes that of `init_chat_model`, so the provider's own package is
    used, with LangChain's settings and environment variables for it. The agent's `base_url`,
    `api_key`, gateway and `timeout` are set; its `parameters` come with every call. The model
    itself never tries again: that is the policy's business.

    Args:
        agent: the agent; with `replicas:`, as one of them.

    Returns:
        The chat model, or None where the agent is of another kind.

    Raises:
        ConductorError: LangChain or the provider's package is not installed, or knows no such
            model or setting.
        Failure: a variable of the environment is not set, or the provider's class refuses what it
            was given.

    Example:
        >>> from conductor_mw import Conductor
        >>> c = Conductor.from_text('''
        ... agents: [{id: small, model: openai/gpt-4o-mini}]
        ... routing: {default: small}
        ... ''', connect=chat_model_of)
        >>> c.policy.agents["small"].kind
        'model'
    """
    if not isinstance(agent.options, ModelOptions):
        return None
    try:
        provider, name = named(agent.options.model)
    except ConductorError as error:
        raise ConductorError(error.problem, where=f"agent {agent.id!r}", mend=error.mend) from None
    access = access_of(agent)
    wanted: dict[str, Any] = {"max_retries": 0, "stream_usage": True}
    if access.base_url is not None:
        wanted["base_url"] = access.base_url
    if access.api_key is not None:
        wanted["api_key"] = access.api_key
    if access.headers:
        wanted["headers"] = dict(access.headers)
    if agent.timeouts.whole is not None:
        wanted["timeout"] = agent.timeouts.whole
    make = _init_chat_model(agent)
    settings = _settings(agent, provider, wanted)
    if provider.name == "azure_openai":
        settings["azure_deployment"] = name
    try:
        model = make(
            name,
            model_provider=provider.name,
            **settings,
            **_OF_PROVIDERS.get(provider.name, {}),
        )
    except Exception as error:  # noqa: BLE001 - it is raised again, as what a policy can name
        # Of whatever class: it is the caller's in the end, and a fallback may go on meanwhile.
        raise _refused(agent, provider, error) from _tellable(error)
    if access.headers:
        _hide(model, next(name for name in _NAMES["headers"] if name in settings))
    return cast("BaseChatModel", model)


def _refused(agent: Agent, provider: Provider, error: Exception) -> Failure:
    problem = str(error)
    if isinstance(error, ValidationError):
        told = error.errors(include_url=False, include_context=False, include_input=False)
        problem = "; ".join(": ".join([*map(str, one["loc"]), one["msg"]]) for one in told)
    kind: FailureKind = "auth" if _KEYS.search(problem) else "invalid_request"
    return Failure(kind, f"agent {agent.id!r}: {provider.chat_model}: {problem}", agent=agent.id)


def _tellable(error: Exception) -> Exception | None:
    """Give an error, unless its text shows what a class was given, and a traceback with it."""
    return None if isinstance(error, ValidationError) else error


def _hide(model: Any, field: str) -> None:
    """Keep a field out of traces and `repr`: LangChain would write a gateway's key there."""
    kind: Any = model.__class__

    def secrets(self: Any) -> dict[str, str]:
        return {**kind.lc_secrets.fget(self), field: field.upper()}

    def shown(self: Any) -> list[tuple[str, Any]]:
        return [(name, one) for name, one in kind.__repr_args__(self) if name != field]

    discreet = type(
        kind.__name__,
        (kind,),
        {
            "__module__": kind.__module__,
            "__qualname__": kind.__qualname__,
            "__repr_args__": shown,
            "lc_secrets": property(secrets),
        },
    )
    object.__setattr__(model, "__class__", discreet)
    made: Any = model
    made.__dict__.pop("_serialized", None)  # what traces are told, where it was made already


def _init_chat_model(agent: Agent) -> Any:
    try:
        from langchain.chat_models import init_chat_model
    except ImportError as error:
        raise ConductorError(
            f"agent {agent.id!r} needs LangChain to make its model",
            mend="pip install 'conductor-mw[langchain-agents]', or bind a chat model to the agent.",
        ) from error
    return init_chat_model


def _settings(agent: Agent, provider: Provider, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is wanted as the provider's class calls it."""
    try:
        chat_model = getattr(import_module(provider.module), provider.chat_model)
    except ImportError as error:
        raise ConductorError(
            f"agent {agent.id!r} needs {provider.package} to reach {provider.name}",
            mend=f"pip install {provider.package}, or bind a chat model to the agent.",
        ) from error
    taken = _taken(chat_model)
    found: dict[str, Any] = {}
    for wish, value in wanted.items():
        name = next((name for name in _NAMES[wish] if name in taken), None)
        if name is not None:
            found[name] = value
        elif wish in _NEEDED:
            raise ConductorError(
                f"agent {agent.id!r}: LangChain's {provider.chat_model} takes no {wish}",
                mend="Make the chat model yourself, and bind it to the agent.",
            )
    return found


def _taken(chat_model: Any) -> set[str]:
    fields: Mapping[str, Any] = chat_model.model_fields
    return {*fields, *(field.alias for field in fields.values() if field.alias is not None)}
