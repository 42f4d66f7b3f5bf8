"""Tell which kind of failure an exception of a host, an SDK or the network is.

Only what is known is named: an exception that says nothing about the agent (a `TypeError` in the
app's own code, say) is no failure of a kind, is never routed on, and reaches the caller as raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Final, cast

from .errors import Failure, FailureKind, Unwind

# Names, not classes: an SDK that is not imported must not be imported to ask. They are those of
# openai, anthropic, litellm, langchain-core and httpx; the first name found along the MRO decides,
# so that a more precise subclass wins over its base.
_BY_NAME: Final[Mapping[str, FailureKind]] = {
    "APITimeoutError": "timeout",
    "Timeout": "timeout",
    "ModelTimeoutError": "timeout",
    "TimeoutException": "timeout",
    "APIConnectionError": "connection",
    "ModelConnectionError": "connection",
    "TransportError": "connection",
    "RateLimitError": "rate_limit",
    "ModelRateLimitError": "rate_limit",
    "InternalServerError": "server_error",
    "ServiceUnavailableError": "server_error",
    "BadGatewayError": "server_error",
    "ModelAPIError": "server_error",
    "OverloadedError": "server_error",
    "AuthenticationError": "auth",
    "PermissionDeniedError": "auth",
    "ModelAuthenticationError": "auth",
    "ModelPermissionDeniedError": "auth",
    "ContextWindowExceededError": "context_overflow",
    "ContextOverflowError": "context_overflow",
    "RequestTooLargeError": "context_overflow",
    "ContentPolicyViolationError": "refusal",
    "ModelRefusalError": "refusal",
    "OpenAIRefusalError": "refusal",
    "ContentFilterFinishReasonError": "refusal",
    "LengthFinishReasonError": "invalid_output",
    "JSONSchemaValidationError": "invalid_output",
    "OutputParserException": "invalid_output",
    "BudgetExceededError": "budget",
    "BadRequestError": "invalid_request",
    "NotFoundError": "invalid_request",
    "ModelNotFoundError": "invalid_request",
    "ModelInvalidRequestError": "invalid_request",
    "UnprocessableEntityError": "invalid_request",
    "UnsupportedParamsError": "invalid_request",
}

# Those of requests, aiohttp and the standard library; a status or a timeout is more precise, for
# example `urllib.error.HTTPError` is a `URLError`. The builtin ConnectionError is meant as well.
_OF_TRANSPORT: Final = frozenset(
    {
        "ConnectionError",
        "ChunkedEncodingError",
        "ClientConnectionError",
        "ClientPayloadError",
        "ServerDisconnectedError",
        "URLError",
        "gaierror",
        "SSLError",
    }
)

# What these raise leaves a graph or a run on purpose. Taking it for a failure would skip a person's
# approval (langgraph's GraphInterrupt is an ordinary Exception).
_PASSES: Final = frozenset({"GraphBubbleUp", "GraphInterrupt"})

# LiteLLM wraps whatever breaks a stream.
_WRAPPERS: Final = frozenset({"MidStreamFallbackError"})

# What OpenAI and Anthropic write into an error inside a stream, which came with status 200.
_BY_TYPE: Final[Mapping[str, FailureKind]] = {
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "overloaded_error": "server_error",
    "server_error": "server_error",
    "api_error": "server_error",
    "timeout_error": "timeout",
    "authentication_error": "auth",
    "permission_error": "auth",
    "request_too_large": "context_overflow",
    "invalid_request_error": "invalid_request",
    "not_found_error": "invalid_request",
}

_OVERFLOW: Final = (
    "context_length_exceeded",
    "maximum context length",
    "context window",
    "prompt is too long",
    "too many tokens",
)

# LiteLLM calls it a server's error where OpenAI's SDK finds no key and therefore sends nothing.
_KEYLESS: Final = ("missing credentials", "api_key client option must be set")

_MOST_HEADERS: Final = 200
_LONGEST_HEADER: Final = 500
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500


def classify(error: BaseException) -> FailureKind | None:
    """Give the kind of failure, or None if this is no failure of an agent.

    >>> classify(TimeoutError()), classify(ConnectionResetError()), classify(KeyError("x"))
    ('timeout', 'connection', None)
    """
    if isinstance(error, Failure):
        return error.kind
    if isinstance(error, Unwind) or not isinstance(error, Exception):
        return None
    if type(error).__name__ in _WRAPPERS:
        wrapped = getattr(error, "original_exception", None)
        error = wrapped if isinstance(wrapped, Exception) else error
    if leaves_on_purpose(error):
        return None
    names = [kind.__name__ for kind in type(error).__mro__]
    kind: FailureKind | None = next((_BY_NAME[name] for name in names if name in _BY_NAME), None)
    if kind is None:
        kind = _by_status(status_of(error)) or _by_body(error) or _by_transport(error, names)
    if kind == "invalid_request" and _says(error, _OVERFLOW):
        return "context_overflow"
    if kind == "server_error" and _says(error, _KEYLESS):
        return "auth"
    return kind


def leaves_on_purpose(error: BaseException) -> bool:
    """Say whether an exception leaves a graph on purpose, to be taken up again later."""
    return not _PASSES.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def status_of(error: BaseException) -> int | None:
    """Give the HTTP status that an SDK put on its exception, or None."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and not isinstance(status, bool):
                return status
    return None


def retry_after_of(error: BaseException, *, now: datetime | None = None) -> float | None:
    """Give the seconds a provider asked to wait, from the exception or its response headers.

    Understands `retry-after-ms`, `Retry-After` in seconds and as an HTTP date (RFC 9110 §10.2.3).
    """
    if isinstance(error, Failure):
        return error.retry_after
    headers = headers_of(error)
    return retry_after_in(headers, now=now) if headers else None


def headers_of(error: BaseException) -> Mapping[str, str]:
    """Give the headers of the response that an SDK put on its exception, in small letters."""
    if isinstance(error, Failure) and error.__cause__ is not None:
        error = error.__cause__
    found = headers_in(getattr(getattr(error, "response", None), "headers", None))
    # LiteLLM's own exceptions carry a response that it made up, and these beside it.
    return found or headers_in(getattr(error, "litellm_response_headers", None))


def headers_in(headers: object) -> Mapping[str, str]:
    """Give a foreign SDK's headers with their names in small letters; a few hundred at most.

    >>> headers_in({"Retry-After": 3}), headers_in("nothing of the kind")
    ({'retry-after': '3'}, {})
    """
    if not isinstance(headers, Mapping):
        return {}
    items = islice(cast("Mapping[object, object]", headers).items(), _MOST_HEADERS)
    return {str(key).lower(): str(value)[:_LONGEST_HEADER] for key, value in items}


def retry_after_in(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Give the seconds that the headers of an answer ask to wait, or None."""
    found = {key.lower(): value for key, value in headers.items()}
    if milliseconds := _number(found.get("retry-after-ms", "")):
        return milliseconds / 1000
    text = found.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year or an offset of forty digits
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text.strip()) else None


def _by_status(status: int | None) -> FailureKind | None:
    if status is None or status < _CLIENT_ERROR:
        return None
    exact: Mapping[int, FailureKind] = {
        401: "auth",
        403: "auth",
        408: "timeout",
        413: "context_overflow",
        429: "rate_limit",
        504: "timeout",
    }
    return exact.get(status, "server_error" if status >= _SERVER_ERROR else "invalid_request")


def _by_body(error: Exception) -> FailureKind | None:
    told: object = getattr(error, "body", None)
    for _ in range(2):  # Anthropic's error lies in another, whose type is `error`
        if not isinstance(told, Mapping):
            return None
        body = cast("Mapping[object, object]", told)
        for name in (body.get("code"), body.get("type")):
            if isinstance(name, str) and name in _BY_TYPE:
                return _BY_TYPE[name]
        told = body.get("error")
    return None


def _by_transport(error: Exception, names: Iterable[str]) -> FailureKind | None:
    # urllib wraps what happened.
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return "timeout"
    return None if _OF_TRANSPORT.isdisjoint(names) else "connection"


def _says(error: Exception, signs: tuple[str, ...]) -> bool:
    said = f"{getattr(error, 'code', '')} {error}"[:2000].lower()
    return any(sign in said for sign in signs)
