"""What a client of the proxy is told of a policy's refusal: its kind and what to do, no more.

The policy's own words, its file and its agents stay in the proxy's log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from conductor_mw import ConductorError, Failure, FailureKind, RequestError

from .failing import STATUS, kind_of, told
from .hearing import heard

_AGAIN: Final = "Ask again later."
_OPERATOR: Final = "Ask whoever runs this proxy."
_SAID: Final[Mapping[FailureKind, tuple[str, str]]] = {
    "budget": ("The budget for this request is used up.", "Ask again later, or for less."),
    "limited": ("Too many requests are under way.", _AGAIN),
    "rate_limit": ("The model's rate limit is reached.", _AGAIN),
    "policy_violation": ("The policy does not allow this request.", _OPERATOR),
    "rejected": ("This request was rejected.", _OPERATOR),
    "circuit_open": ("No model can be reached at the moment.", _AGAIN),
    "timeout": ("No model answered in time.", _AGAIN),
    "connection": ("No model can be reached at the moment.", _AGAIN),
    "incapable": ("No model of the policy can do what the request needs.", "Ask for less."),
    "context_overflow": ("The request is too long for the model.", "Send less."),
    "refusal": ("The model refused to answer.", "Ask for something else."),
    "invalid_output": ("No model gave an answer of the form that was asked for.", _AGAIN),
    "low_confidence": ("No answer was good enough.", _AGAIN),
}
_ELSE: Final = ("The request could not be answered.", _OPERATOR)
_TRACE: Final = "Traceback (most recent call last)"


class Refusal:
    """What a client is told.

    Attributes:
        error: what was raised; its words are the proxy's own.
        kind: the kind of failure.
        status: the HTTP status.
        message: the kind, one sentence on what is wrong, and one on what to do.
        headers: `retry-after`, where it is known.
    """

    def __init__(self, error: ConductorError | TimeoutError) -> None:
        self.error = error
        self.kind = kind_of(error)
        self.status = STATUS[self.kind]
        problem, mend = _SAID.get(self.kind, _ELSE)
        if isinstance(error, RequestError):
            problem, mend = error.problem, ""  # about what the client itself wrote
        self.message = f"{self.kind}: {problem} {mend}".strip()
        wait = error.retry_after if isinstance(error, Failure) else None
        self.headers = {} if wait is None else {"retry-after": str(max(1, round(wait)))}


def refusal_in(error: BaseException) -> Refusal | None:
    """Give what a client is told of an error, or None where its own words may be told."""
    for one in _chain(error):
        if isinstance(one, ConductorError):
            return Refusal(one)
    if _TRACE in str(
        error
    ):  # LiteLLM writes one where a custom provider raises what it does not know
        return Refusal(ConductorError(str(error)))
    return None


def raised(error: ConductorError | TimeoutError, model: str) -> Exception:
    """Give the exception of LiteLLM for one of ours; what a proxy's client reads of it is safe.

    Args:
        error: what the run raised.
        model: what the caller asked for, as `conductor/<policy>`.
    """
    return told(error, model, "" if heard() is None else Refusal(error).message)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, getattr(one, "original_exception", None)]
