"""Give again what an attempt gave in an earlier pass; whoever counts finds that it cost nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, cast, get_args

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    message_to_dict,
    messages_from_dict,
)
from pydantic import BaseModel

from conductor_mw import (
    Attempted,
    Failure,
    FailureKind,
    Gate,
    Latch,
    Money,
    Now,
    Outcome,
    Part,
    Parts,
    Request,
    ToolCall,
    Wait,
    joined_tool_calls,
)

from .graph import interrupts
from .journal import Journal, Record
from .payload import Payload

NAME: Final = "journal"
"""What outcomes call whoever answered in the agent's place."""
_KINDS: Final = frozenset[str](get_args(FailureKind))
_LEFT: Final = "left"
_CUT: Final = "cut"
_OTHERS: Final = 1.0
"""Seconds for which one that nobody needed before waits for those whose answers are kept."""
_LONGEST: Final = 2_000
"""Letters of what is kept of a failure's problem."""
_UNKEPT: Final = ("human", "shadow")


async def journalled(
    journal: Journal, attempt: Attempted, proceed: Callable[[Attempted], Parts]
) -> AsyncGenerator[Part, None]:
    """Give what is kept of an attempt; where nothing is, make it and keep what it gives.

    Raises:
        Failure: it failed, now or in the earlier pass.
    """
    asked = _asked(attempt)
    key = ""
    record: Record | None = None
    if asked is not None:
        await journal.load()
        key = journal.key(*asked)
        record = journal.get(key)
    if record is not None and _CUT in record:
        # It lost a race, whose winner is given again at once and closes this as it did before.
        await Wait(Latch(), _OTHERS)
    if record is None or _LEFT in record or _CUT in record:
        parts = _made(journal, key, attempt, proceed) if key else proceed(attempt)
    else:
        parts = _replayed(record, attempt)
    async with aclosing(parts) as found:
        async for part in found:
            yield part


async def _made(
    journal: Journal, key: str, attempt: Attempted, proceed: Callable[[Attempted], Parts]
) -> AsyncGenerator[Part, None]:
    """Make an attempt, and keep how it ends."""
    parts: list[Part] = []
    journal.begin(key, attempt.path)
    try:
        async with aclosing(proceed(attempt)) as found:
            async for part in found:
                parts.append(part)
                yield part
    except Failure as failure:
        told = {"kind": failure.kind, "problem": failure.problem[:_LONGEST]}
        journal.keep(key, {**told, **_cost(attempt)})
        raise
    except Exception as error:
        if interrupts(error):
            # It asks somebody itself. LangGraph gives resume values in the order of asking, so in
            # every pass it must ask again: it is not given from the journal.
            journal.keep(key, {_LEFT: True})
            await journal.save()
        journal.forget(key)
        raise
    answer = _answer(parts, attempt)
    if answer is None:
        journal.forget(key)
    else:
        journal.keep(key, {**answer, **_cost(attempt)})


def said(request: Request) -> object | None:
    """Give all that a request says as plain data, or None where its answer cannot be kept."""
    native = request.native
    if not isinstance(native, Payload):
        return request.lens.plain(native)
    if native.form != "message":
        return None  # its answer is a stream of events
    schema = None if native.shape is None else repr(native.shape.schema)
    return [native.chat, getattr(native, "value", None), schema]


def cut_before(journal: Journal, gate: Gate) -> None:
    """Keep that attempts of earlier steps did not come to their end: nobody needs them now.

    Whoever is asked beside the gate is asked again in the next pass.
    """
    for key, path in journal.open():
        if _earlier(path, gate.path):
            journal.keep(key, {_CUT: True})


def _earlier(path: str, gate: str) -> bool:
    """Whether one step's attempt belongs to a step of a sequence before the other's."""
    words, others = path.split("/"), gate.split("/")
    same = next(
        (at for at, pair in enumerate(zip(words, others, strict=False)) if pair[0] != pair[1]), 0
    )
    return same > 0 and words[same - 1] == "sequence"


def left_by_agents(journal: Journal) -> bool:
    """Say whether an agent interrupted the graph itself, in this pass or before."""
    return journal.any(_LEFT)


def _asked(attempt: Attempted) -> Sequence[object] | None:
    """Give everything that shapes an answer, or None for what is not kept."""
    agent = attempt.agent
    if agent.kind in _UNKEPT or attempt.purpose in _UNKEPT:
        return None
    asked = said(attempt.request)
    if asked is None:
        return None
    return agent.id, agent.fingerprint, attempt.path, attempt.number, attempt.purpose, asked


def _cost(attempt: Attempted) -> Record:
    """Give what the calls of an attempt came to; one of unknown cost counts with the most."""
    calls = [one for one in attempt.outcomes if not one.by]
    worst = attempt.worst_cost()
    at_most = worst.nano if isinstance(worst, Money) else 0
    spent = sum(at_most if one.cost is None else one.cost.nano for one in calls)
    return {"calls": len(calls), "nano": spent}


def _answer(parts: Sequence[Part], attempt: Attempted) -> Record | None:
    """Give an answer as plain JSON, or None where it is none."""
    whole = attempt.request.lens.join(parts)
    told: dict[str, Any] = {
        "text": "".join(part.text for part in parts),
        "reasoning": "".join(part.reasoning for part in parts),
        "tool_calls": [
            [call.index, call.id, call.name, call.arguments] for call in joined_tool_calls(parts)
        ],
        "finish": next((part.finish for part in reversed(parts) if part.finish), ""),
        "media": sorted({kind for part in parts for kind in part.media}),
        "logprobs": [one for part in parts for one in part.logprobs],
    }
    pair: Mapping[str, Any] = cast("Any", whole) if isinstance(whole, dict) else {}
    if isinstance(whole, AIMessage):
        told["message"] = message_to_dict(whole)
    elif isinstance(pair.get("raw"), AIMessage):  # a structured output
        parsed = pair.get("parsed")
        told["message"] = message_to_dict(pair["raw"])
        told["parsed"] = parsed.model_dump(mode="json") if isinstance(parsed, BaseModel) else parsed
    else:
        told["native"] = whole
    try:
        again = json.loads(json.dumps(told))
    except (TypeError, ValueError, RecursionError):
        return None
    # A tuple or a key that is no text would come back as something else.
    return told if again == told else None


async def _replayed(record: Record, attempt: Attempted) -> AsyncGenerator[Part, None]:
    now = (await Now()).monotonic
    attempt.run.carry_over(int(record.get("calls", 1)), Money(int(record.get("nano", 0))))
    kind = cast("FailureKind | None", record.get("kind"))
    failure: Failure | None = None
    if kind is not None:
        known: FailureKind = kind if kind in _KINDS else "server_error"
        failure = Failure(known, str(record.get("problem", "")), agent=attempt.agent.id)
    attempt.settle(
        Outcome(
            path=attempt.path,
            agent=attempt.agent.id,
            number=attempt.number,
            kind=None if failure is None else failure.kind,
            error=failure,
            cost=Money(),
            started=now,
            finish="error" if failure else record["finish"] or "stop",
            visible=attempt.visible,
            purpose=attempt.purpose,
            by=NAME,
        )
    )
    if failure is not None:
        raise failure
    yield Part(
        text=record["text"],
        reasoning=record["reasoning"],
        tool_calls=tuple(ToolCall(*call) for call in record["tool_calls"]),
        finish=record["finish"],
        native=_native(record, attempt.request),
        media=tuple(record["media"]),
        logprobs=tuple(record["logprobs"]),
    )


def _native(record: Record, request: Request) -> object:
    if "message" not in record:
        return record["native"]
    (message,) = messages_from_dict([record["message"]])
    if "parsed" in record:
        # What it becomes is the app's class that asks now; nothing of that is kept.
        schema: Any = getattr(getattr(request.native, "shape", None), "schema", None)
        parsed = record["parsed"]
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            parsed = schema.model_validate(parsed)
        return {"raw": message, "parsed": parsed, "parsing_error": None}
    if not request.stream or not isinstance(message, AIMessage):
        return message
    given: Mapping[str, Any] = {
        name: getattr(message, name)
        for name in ("content", "additional_kwargs", "response_metadata", "name", "id",
                     "tool_calls", "invalid_tool_calls", "usage_metadata")
    }  # fmt: skip
    return AIMessageChunk(**given, chunk_position="last")
