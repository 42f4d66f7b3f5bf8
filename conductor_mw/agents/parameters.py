"""Which parameters may reach LiteLLM, so that neither a request nor a policy goes past its rules.

LiteLLM takes parameters that send a call to another provider or address, repeat it, or answer it
from elsewhere. A request may therefore set only what shapes an answer: a list of what is forbidden
would miss whatever the next release adds, and an unknown parameter is sent on in the body, where
some providers read a list of further models. Headers are not among them: they carry credentials
and accounts, and gateways read the address from them. A policy is written by whoever also writes
the guarantees, so it may set everything but what makes them untrue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from conductor_mw.errors import RequestError

FROM_REQUESTS: Final = frozenset(
    (
        "messages",
        "model",  # replaced by the agent's
        "audio",
        "drop_params",  # of those that the model does not take; nothing else gets lost
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "min_p",
        "modalities",
        "n",
        "no-log",  # an app inside LiteLLM logs the outer call, and should not log this one too
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "safety_identifier",
        "seed",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "timeout",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    )
)
"""What the app may set on a request that an agent behind LiteLLM answers."""

_PAST_THE_POLICY: Final = frozenset(
    (
        # to another model or provider
        "fallbacks",
        "context_window_fallback_dict",
        "context_window_fallbacks",
        "content_policy_fallback_dict",
        "content_policy_fallbacks",
        "default_fallbacks",
        "max_fallbacks",
        "model_list",
        "model_alias_map",
        "silent_model",
        "custom_llm_provider",
        "deployment_id",
        "azure",
        "text_completion",
        "prompt_id",
        # to another address
        "api_base",
        "base_url",
        "use_litellm_proxy",
        "proxy_server_request",
        "litellm_params",
        "litellm_credential_name",
        "client",
        "shared_session",
        # again
        "num_retries",
        "max_retries",
        "retry_policy",
        "retry_strategy",
        # not at all
        "cache",
        "caching",
        "caching_groups",
        "preset_cache_key",
        "acompletion",
    )
)
_MOCKS: Final = "mock_"
# Merged into the body of the call, where providers read the model and further models.
_BODY: Final = "extra_body"
_OF_THE_BODY: Final = frozenset(("model", "models", "fallbacks", "route"))


def past_the_policy(parameters: Mapping[str, object]) -> Iterator[str]:
    """Yield the parameters of a policy that would make its own rules untrue.

    >>> list(past_the_policy({"temperature": 0, "fallbacks": [], "extra_body": {"models": []}}))
    ['fallbacks', 'extra_body.models']
    """
    for name, value in parameters.items():
        if name in _PAST_THE_POLICY or name.startswith(_MOCKS):
            yield name
        elif name == _BODY and isinstance(value, Mapping):
            body = cast("Mapping[object, object]", value)
            yield from (f"{_BODY}.{key}" for key in body if key in _OF_THE_BODY)


def check_request(parameters: Iterable[str], agent: str, set_by_policy: Iterable[str]) -> None:
    """Refuse parameters that a request may not set.

    Args:
        parameters: the names on the call, the policy's among them.
        agent: the id of the agent.
        set_by_policy: the names that the policy sets itself, whose values win.

    Raises:
        RequestError: there is one.
    """
    name = min(set(parameters) - FROM_REQUESTS - set(set_by_policy), default=None)
    if name is None:
        return
    mend = (
        "say in the policy where the agent is reached"
        if name in _PAST_THE_POLICY or name.startswith(_MOCKS)
        else f"say it in the policy, below the agent's `parameters:`, or leave {name[:80]!r} out"
    )
    raise RequestError(
        f"a request may not set {name[:80]!r} for the agent {agent!r}, which LiteLLM reaches",
        where="parameters",
        mend=mend,
    )
