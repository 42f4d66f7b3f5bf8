"""What a policy refuses, as the exceptions of LiteLLM that clients and Routers know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from conductor_mw import ConductorError, Failure, FailureKind, RequestError, attempts_of

from .loading import litellm

STATUS: Final[Mapping[FailureKind, int]] = {
    "timeout": 408,
    "connection": 503,
    "rate_limit": 429,
    "server_error": 500,
    "auth": 401,
    "invalid_request": 400,
    "context_overflow": 400,
    "refusal": 400,
    "invalid_output": 502,
    "low_confidence": 502,
    "scorer_failed": 502,
    "incapable": 400,
    "policy_violation": 403,
    "budget": 429,
    "limited": 429,
    "circuit_open": 503,
    "rejected": 403,
}
"""The HTTP status of each kind of failure."""
_CLASSES: Final[Mapping[int, str]] = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    408: "Timeout",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
}
_BY_KIND: Final[Mapping[str, str]] = {
    "context_overflow": "ContextWindowExceededError",
    "refusal": "ContentPolicyViolationError",
}
_NOT_FOUND: Final = 404


class UnknownPolicyError(RequestError):
    """Nobody registered a policy under a name."""


def kind_of(error: ConductorError | TimeoutError) -> FailureKind:
    """Give which kind of failure one of our errors is, or the end of an agent's time."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, Failure):
        return error.kind
    return "invalid_request" if isinstance(error, RequestError) else "server_error"


def told(error: ConductorError | TimeoutError, model: str, message: str = "") -> Exception:
    """Give the exception of LiteLLM that stands for one of ours, ours as its cause.

    Args:
        error: what the run raised; a provider's own exception never comes here.
        model: what the caller asked for, as `conductor/<policy>`.
        message: what it says in the place of the error's own words.
    """
    kind = kind_of(error)
    status = _NOT_FOUND if isinstance(error, UnknownPolicyError) else STATUS[kind]
    name = _BY_KIND.get(kind, _CLASSES[status])
    given: dict[str, Any] = {"message": message or f"{kind}: {error}", "model": model}
    given["llm_provider"] = "conductor"
    if name == "PermissionDeniedError":
        given["response"] = _response(status)
    made: Exception = getattr(litellm(), name)(**given)
    tell_attempts(error, made)
    made.__cause__ = error
    return made


def tell_attempts(error: Exception, other: object) -> None:
    """Let `attempts_of` give for another error what it gives for this one.

    LiteLLM raises the original of what broke a stream, and forgets the error around it.
    """
    if isinstance(other, Exception) and (attempts := attempts_of(error)):
        other.__dict__.setdefault("conductor_attempts", attempts)


def _response(status: int) -> Any:
    import httpx

    return httpx.Response(status, request=httpx.Request("POST", "conductor://policy"))
