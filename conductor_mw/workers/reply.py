"""What a worker's answer means: an output, a place to ask later, or a failure of a known kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, TypeAlias, cast

from conductor_mw.errors import Failure, FailureKind
from conductor_mw.failures import retry_after_in
from conductor_mw.json_schema import Schema, unfit
from conductor_mw.parts import Usage

POLL: Final = 1.0
"""Seconds between two questions how a call stands, where the worker does not say."""

SHORTEST_POLL: Final = 0.05

MAX_TOKENS: Final = 1_000_000_000
"""The most tokens one call may report; more is a mistake that would empty a budget."""

_SAID: Final = 200
_OK: Final = 200
_ACCEPTED: Final = 202
_STATUS: Final[Mapping[int, FailureKind]] = {
    401: "auth",
    403: "auth",
    408: "timeout",
    413: "context_overflow",
    425: "server_error",
    429: "rate_limit",
    504: "timeout",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came.

    Attributes:
        status: the HTTP status.
        headers: by their names in small letters.
        body: at most as many bytes as were allowed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """What the worker made.

    Attributes:
        text: the output where it is a string, else the output as compact JSON.
        usage: tokens, or None where the worker does not tell.
    """

    text: str
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Later:
    """The worker is still at it.

    Attributes:
        location: where to ask, as the worker wrote it; empty for the same place as before.
        wait: seconds to wait before.
    """

    location: str
    wait: float


Meaning: TypeAlias = Done | Later


def read_reply(reply: Reply, agent: str, schema: Schema | None, now: float) -> Meaning:
    """Give what an answer means.

    Args:
        reply: the answer.
        agent: the id of the agent, for the failure.
        schema: what the output must fit, or None.
        now: seconds since 1970, for a `Retry-After` that names a date.

    Raises:
        Failure: the worker failed, or answered something that is no answer.
    """
    pause = retry_after_in(reply.headers, now=datetime.fromtimestamp(now, UTC))
    if reply.status == _ACCEPTED:
        wait = POLL if pause is None else max(SHORTEST_POLL, pause)
        return Later(reply.headers.get("location", ""), wait)
    if reply.status != _OK:
        raise _failure(reply, agent, pause)
    found = _json(reply, agent)
    if "output" not in found:
        _refuse(agent, "its answer has no `output`")
    return Done(_output(found["output"], agent, schema), _usage(found.get("usage"), agent))


def error_of(reply: Reply) -> str:
    """Give what a worker says about its error: short, on one line, and nothing that steers."""
    try:
        found = _parsed(reply.body)
    except ValueError:
        return ""
    error: Any = cast("dict[str, Any]", found).get("error") if isinstance(found, dict) else None
    said: Any = cast("dict[str, Any]", error).get("message") if isinstance(error, dict) else error
    if not isinstance(said, str):
        return ""
    # Cut before it is cleaned: it may be a megabyte.
    return "".join(letter if letter.isprintable() else " " for letter in said[:_SAID]).strip()


def _failure(reply: Reply, agent: str, pause: float | None) -> Failure:
    status = reply.status
    if 300 <= status < 400:
        return Failure(
            "invalid_output",
            f"worker {agent!r} answered {status}, and redirects are not followed",
            agent=agent,
            mend="write the address that it leads to",
        )
    if not 400 <= status < 600:
        return Failure("invalid_output", f"worker {agent!r} answered {status}", agent=agent)
    kind = _STATUS.get(status) or ("server_error" if status >= 500 else "invalid_request")
    said = error_of(reply)
    return Failure(
        kind,
        f"worker {agent!r} answered {status}" + (f": {said}" if said else ""),
        agent=agent,
        retry_after=pause,
    )


def _json(reply: Reply, agent: str) -> dict[str, Any]:
    try:
        found = _parsed(reply.body)
    except ValueError as error:
        _refuse(agent, f"its answer is not JSON: {str(error)[:_SAID]}")
    if not isinstance(found, dict):
        _refuse(agent, "its answer is not a JSON object")
    return cast("dict[str, Any]", found)


def _parsed(body: bytes) -> object:
    """Give the value of a JSON text.

    Raises:
        ValueError: it is none, or one that cannot be passed on.
    """
    try:
        found: object = json.loads(body.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    odd = unfit(found)  # also 1e999 and NaN, which Python reads though they are no JSON
    if odd:
        raise ValueError(odd)
    return found


def _output(output: object, agent: str, schema: Schema | None) -> str:
    problems = schema.problems(output) if schema else ()
    if problems:
        _refuse(agent, f"its output is not as declared: {'; '.join(problems)}")
    text = (
        output
        if isinstance(output, str)
        else json.dumps(output, ensure_ascii=False, separators=(",", ":"))
    )
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(agent, "its output holds half of a character (a surrogate)")
    return text


def _usage(found: object, agent: str) -> Usage | None:
    if found is None:
        return None
    if not isinstance(found, dict):
        _refuse(agent, "its `usage` is no mapping")
    told = cast("dict[str, object]", found)
    counts: list[int] = []
    for name in ("input_tokens", "output_tokens"):
        count = told.get(name, 0)
        if type(count) is not int or not 0 <= count <= MAX_TOKENS:
            _refuse(agent, f"its `usage.{name}` is no number of tokens")
        counts.append(count)
    return Usage(*counts)


def _refuse(agent: str, problem: str) -> NoReturn:
    raise Failure("invalid_output", f"worker {agent!r}: {problem}", agent=agent)
