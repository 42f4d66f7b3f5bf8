"""Which kind of failure an exception is, by its name, its status and its words."""

from __future__ import annotations

import pickle
import socket
import ssl
from datetime import UTC, datetime
from email.message import Message
from types import SimpleNamespace
from urllib.error import HTTPError, URLError

import pytest

from conductor_mw import (
    ConditionError,
    ConductorError,
    Failure,
    FailureKind,
    Fenced,
    Finding,
    Place,
    PolicyError,
    Suspend,
    classify,
)
from conductor_mw.failures import retry_after_of, status_of

# As requests and aiohttp build theirs.
REQUESTS_CONNECTION: type[Exception] = type("ConnectionError", (OSError,), {})
REQUESTS_TIMEOUT: type[Exception] = type("Timeout", (OSError,), {})
CLIENT_CONNECTION: type[Exception] = type("ClientConnectionError", (Exception,), {})


def named(name: str, message: str = "", base: type[Exception] = Exception) -> Exception:
    error: Exception = type(name, (base,), {})(message)
    return error


def with_status(status: int, message: str = "") -> Exception:
    error = Exception(message)
    error.status_code = status  # type: ignore[attr-defined]  # as SDKs do
    return error


def in_stream(**told: object) -> Exception:
    error = with_status(200)
    error.body = told  # type: ignore[attr-defined]  # as SDKs do
    return error


def with_headers(**headers: str) -> Exception:
    error = Exception()
    error.response = SimpleNamespace(  # type: ignore[attr-defined]  # as SDKs do
        headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "connection"),
        (named("APITimeoutError", base=ConnectionError), "timeout"),
        (named("RateLimitError"), "rate_limit"),
        (named("InternalServerError"), "server_error"),
        (named("AuthenticationError"), "auth"),
        (named("InternalServerError", "Missing credentials. Please pass an `api_key`"), "auth"),
        (named("BadRequestError"), "invalid_request"),
        (named("BadRequestError", "context_length_exceeded"), "context_overflow"),
        (named("ContextWindowExceededError"), "context_overflow"),
        (named("ContentPolicyViolationError"), "refusal"),
        (named("OpenAIRefusalError"), "refusal"),
        (named("ContentFilterFinishReasonError"), "refusal"),
        (named("LengthFinishReasonError"), "invalid_output"),
        (named("OutputParserException", base=ValueError), "invalid_output"),
        (named("ConnectionError", base=OSError), "connection"),
        (named("ChunkedEncodingError", base=OSError), "connection"),
        (named("ClientConnectionError"), "connection"),
        (named("ServerDisconnectedError"), "connection"),
        (named("ClientPayloadError"), "connection"),
        (URLError("no route"), "connection"),
        (URLError(TimeoutError("timed out")), "timeout"),
        (socket.gaierror(8, "unknown host"), "connection"),
        (ssl.SSLError(1, "certificate verify failed"), "connection"),
        (HTTPError("http://x", 429, "slow down", Message(), None), "rate_limit"),
        (type("ServerTimeoutError", (CLIENT_CONNECTION, TimeoutError), {})(), "timeout"),
        (type("ConnectTimeout", (REQUESTS_CONNECTION, REQUESTS_TIMEOUT), {})(), "timeout"),
        (with_status(429), "rate_limit"),
        (with_status(401), "auth"),
        (with_status(403), "auth"),
        (with_status(404), "invalid_request"),
        (with_status(408), "timeout"),
        (with_status(413), "context_overflow"),
        (with_status(400, "the prompt is too long"), "context_overflow"),
        (with_status(500), "server_error"),
        (with_status(503), "server_error"),
        (with_status(504), "timeout"),
        (in_stream(type="server_error", code=None), "server_error"),
        (in_stream(type="requests", code="rate_limit_exceeded"), "rate_limit"),
        (in_stream(type="error", error={"type": "overloaded_error"}), "server_error"),
        (in_stream(type="error", error={"type": "rate_limit_error"}), "rate_limit"),
        (Failure("low_confidence"), "low_confidence"),
    ],
)
def test_a_failure_has_its_kind(error: Exception, kind: FailureKind) -> None:
    assert classify(error) == kind


@pytest.mark.parametrize(
    "error",
    [
        TypeError("a bug of the app"),
        KeyError("x"),
        OSError("disk full"),
        with_status(200),
        in_stream(type=["server_error"], error="server_error"),
        in_stream(type="error", error={"error": {"type": "server_error"}}),
        named("GraphInterrupt"),
        Suspend("waits"),
        Fenced("taken"),
        KeyboardInterrupt(),
        SystemExit(),
    ],
)
def test_what_says_nothing_about_an_agent_is_no_failure(error: BaseException) -> None:
    assert classify(error) is None


@pytest.mark.parametrize("name", ["GraphBubbleUp", "GraphInterrupt"])
def test_what_leaves_a_graph_is_no_failure_whatever_else_it_looks_like(name: str) -> None:
    error = type("RateLimitError", (type(name, (Exception,), {}),), {"status_code": 429})()

    assert classify(error) is None


@pytest.mark.parametrize("base", [Suspend, Fenced])
def test_what_leaves_a_run_is_no_failure_whatever_else_it_looks_like(base: type[Exception]) -> None:
    error = type("RateLimitError", (base,), {"status_code": 429})("leaves")

    assert classify(error) is None


def test_a_wrapper_has_the_kind_of_what_it_wraps() -> None:
    holds = {"original_exception": named("RateLimitError")}
    error = type("MidStreamFallbackError", (Exception,), holds)("stream broke")

    assert classify(error) == "rate_limit"


def test_a_subclass_is_more_precise_than_its_base() -> None:
    base = type("RateLimitError", (Exception,), {})
    precise = type("APITimeoutError", (base,), {})

    assert classify(precise()) == "timeout"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry_after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "9" * 400}, None),
        ({"retry_after": "Sat, 21 Nov 2026 12:00:30 +999999999999999999999"}, None),
        ({"retry_after": f"Sat, {'9' * 40} Nov 2026 12:00:30 GMT"}, None),
        ({"retry_after": "Mon, 01 Jan 0001 00:00:00 +2359"}, 0.0),
        ({}, None),
    ],
)
def test_the_wait_a_provider_asks_for_is_understood(
    headers: dict[str, str], seconds: float | None
) -> None:
    now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

    assert retry_after_of(with_headers(**headers), now=now) == seconds


def test_litellm_keeps_the_headers_beside_a_response_that_it_made_up() -> None:
    error = with_headers()
    error.litellm_response_headers = {"Retry-After": "7"}  # type: ignore[attr-defined]

    assert retry_after_of(error) == 7.0


def test_a_failure_keeps_its_own_wait() -> None:
    assert retry_after_of(Failure("rate_limit", retry_after=4.0)) == 4.0


def test_a_status_may_stand_on_the_response() -> None:
    error = Exception()
    error.response = SimpleNamespace(status_code=502)  # type: ignore[attr-defined]  # as SDKs do

    assert status_of(error) == 502
    assert classify(error) == "server_error"


@pytest.mark.parametrize(
    "error",
    [
        ConductorError("wrong", where="here", mend="mend it"),
        PolicyError([Finding(Place("a.yaml", 1, 2), "code", "wrong", "mend it")]),
        ConditionError("wrong", text="a <", offset=3),
        Failure("rate_limit", agent="a", retry_after=2.0),
    ],
)
def test_an_error_crosses_to_another_process_whole(error: ConductorError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - as a process pool does

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__
