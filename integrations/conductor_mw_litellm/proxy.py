"""The callback of LiteLLM's proxy: reroute, refuse, and say who answers.

Its `config.yaml` names it, `callbacks: [conductor_mw_litellm.proxy_callback]`, and the provider.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from conductor_mw import ConductorError

from .access import may_use
from .escapes import escape_in, names_in
from .health import tell_health
from .hearing import heard, listen
from .hop import Hop, hop_of
from .hosting import group_named, group_of_policy, policies_behind, router_of_the_proxy
from .loading import litellm
from .policies import POLICIES, Policies
from .refusing import Refusal, refusal_in

litellm()  # before the line below: importing it may otherwise ask the network for prices
from litellm.integrations.custom_logger import CustomLogger  # noqa: E402 - see above

MODELS: Final = "CONDUCTOR_PROXY_MODELS"
"""The environment variable with the models that a policy takes over, as `smart,gpt-4o=batch`: those
without a policy's name go to the only policy, or to `main`."""
PATIENCE: Final = 5.0
"""Seconds that a stream's headers wait for the first word. Who answers is left out of them where
that takes longer, and not known before: the proxy must see a client leave that has waited enough.
"""
_CHAT: Final = frozenset(("completion", "acompletion"))
_CALLS: Final = _CHAT | {
    "text_completion", "atext_completion", "anthropic_messages", "responses", "aresponses",
}  # fmt: skip
_LOG: Final = logging.getLogger(__name__)


class ProxyCallback(CustomLogger):
    """What the proxy asks before, during and after a call.

    It must not be subclassed: the proxy calls a hook only where the callback's own class defines
    it, and leaves inherited ones out without a word.

    Args:
        policies: the policies; those of the process where left out.
        env: where `CONDUCTOR_PROXY_MODELS` is read; the process's environment where left out.
    """

    def __init__(self, policies: Policies = POLICIES, env: Mapping[str, str] | None = None) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - takes anything
        self._policies = policies
        self._env = os.environ if env is None else env

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any
    ) -> dict[str, Any]:
        """Send a request for a model that a policy takes over where the policy says."""
        del cache
        if call_type not in _CALLS:
            return data
        listening = listen()
        router = router_of_the_proxy()
        if router is None:
            return data
        model = data.get("model")
        asked = group_named(router, model) if isinstance(model, str) else ""
        policy = self._taking_over(asked)
        self._refuse_escapes(data, router, past=policy is not None or _is_policy(asked, router))
        if policy is None:
            return _once(data, router, asked)
        listening.key = user_api_key_dict
        hop = self._hop(policy, router, data) if call_type in _CHAT else None
        group = hop.group if hop is not None else self._group(policy, asked, router)
        if group == model:
            return _once(data, router, group)
        if not await may_use(user_api_key_dict, group, router):
            raise _http(403, "key_model_access_denied", _DENIED)
        if hop is not None:
            listening.headers = dict(hop.headers)
            listening.known = True
            data["disable_fallbacks"] = True  # the policy names one group, and guarantees others
        data["model"] = group
        return _once(data, router, group)

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        """Give the chunks as they are, and a policy's refusal in words for the client."""
        del user_api_key_dict, request_data
        listening = heard()
        try:
            if listening is not None and listening.opening is not None:
                listening.opening.refuse()  # before the proxy writes the first event by itself
            async for chunk in response:
                yield chunk
        except Exception as error:
            refusal = refusal_in(error)
            if refusal is None:
                raise
            _log(refusal)
            raise _proxy_error(refusal) from error
        finally:
            if listening is not None and listening.opening is not None:
                # What LiteLLM lays between is closed by the garbage collector, sooner or later.
                await listening.opening.aclose()

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> Any:
        """Give a policy's refusal in words for the client; every other error stays as it is."""
        del request_data, user_api_key_dict, traceback_str
        if isinstance(original_exception, _proxy_exception()):
            return None
        refusal = refusal_in(original_exception)
        if refusal is None:
            return None
        _log(refusal)
        return _http(refusal.status, refusal.kind, refusal.message, refusal.headers)

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, Any] | None = None,
    ) -> dict[str, str]:
        """Say what was decided, and who answers: a stream's headers wait for its first word."""
        del data, user_api_key_dict, request_headers, litellm_call_info
        listening = heard()
        if listening is None:
            return {}
        if response is not None and listening.opening is not None:
            await listening.opening.wait(PATIENCE)
        return listening.headers

    def _taking_over(self, model: object) -> str | None:
        """Give the name of the policy that takes a model over, or None."""
        for pair in self._env.get(MODELS, "").split(","):
            name, _, policy = pair.partition("=")
            if name.strip() and name.strip() == model:
                return policy.strip() or self._only_policy()
        return None

    def _refuse_escapes(self, data: Mapping[str, Any], router: Any, *, past: bool) -> None:
        """Refuse what would reach a model that a policy takes over, or its provider, without it."""
        name = escape_in(data) if past else None
        if name is not None:
            raise _http(400, "invalid_request", f"A request for this model may not set {name!r}.")
        for name in names_in(data):
            if self._taking_over(group_named(router, name)) is not None:
                raise _http(
                    400, "invalid_request", f"Ask for the model {name[:80]!r} by itself: "
                    "neither several at once, nor to fall back to."
                )  # fmt: skip

    def _only_policy(self) -> str:
        names = self._policies.names
        return names[0] if len(names) == 1 else "main"

    def _hop(self, policy: str, router: Any, data: Mapping[str, Any]) -> Hop | None:
        try:
            return hop_of(self._policies.of(policy), data, router.get_model_names())
        except ConductorError as error:
            _LOG.error("conductor: %s", error)
            raise _http(500, "conductor", Refusal(error).message) from error

    def _group(self, policy: str, model: str, router: Any) -> str:
        if policies_behind(router, model) == {policy}:
            return model
        group = group_of_policy(router, policy)
        if group is None:
            _LOG.error(
                "conductor: %s takes over %r, and no model of model_list is conductor/%s",
                MODELS, model, policy,
            )  # fmt: skip
            raise _http(500, "conductor", "The proxy's configuration is not complete.")
        return group


def _is_policy(group: str, router: Any) -> bool:
    return bool(group) and bool(policies_behind(router, group))


def _once(data: dict[str, Any], router: Any, group: str) -> dict[str, Any]:
    """Let the Router ask a policy once: it has its own retries, and they are not multiplied."""
    if _is_policy(group, router):
        data["num_retries"] = 0
    return data


_DENIED: Final = (
    "This key may not use the model that the policy chose. "
    "Ask whoever runs this proxy to add it to the key."
)


def _http(
    status: int, kind: str, message: str, headers: Mapping[str, str] | None = None
) -> Exception:
    from fastapi import HTTPException

    error = HTTPException(status, message, dict(headers or {}))
    error.__dict__["type"] = kind
    return error


def _proxy_exception() -> type[Exception]:
    from litellm.proxy._types import ProxyException

    return ProxyException


def _proxy_error(refusal: Refusal) -> Exception:
    made: Any = _proxy_exception()
    error: Exception = made(
        message=refusal.message, type=refusal.kind, param=None, code=refusal.status,
        headers=dict(refusal.headers),
    )  # fmt: skip
    error.__dict__["status_code"] = refusal.status  # where the proxy looks for a stream's status
    return error


def _log(refusal: Refusal) -> None:
    _LOG.warning("conductor: %s: %s", refusal.kind, refusal.error)


proxy_callback: Final = ProxyCallback()
"""For `callbacks` of a proxy's `config.yaml`: `conductor_mw_litellm.proxy_callback`."""
tell_health(POLICIES)
