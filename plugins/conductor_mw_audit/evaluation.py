"""What learning, replay and outside tools need of a request: one row each, joined from records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .entry import Stored
from .records import Records, Wanted

COLUMNS: Final = (
    "id", "time", "tenant", "subject", "policy", "rule", "target", "forced", "signals", "later",
    "prompt", "answer", "finish", "failed", "tokens", "cost_nano", "seconds", "attempts",
    "feedback", "verdicts", "scores", "content",
)  # fmt: skip
"""What a row may hold."""
_OUTCOMES: Final = ("call", "cache_hit", "refusal")
_SCORES: Final = ("quality.scored", "rated")


def evaluation(
    records: Records, wanted: Wanted, *, content: bool = False
) -> Iterator[dict[str, Any]]:
    """Give one row for each request that is asked for, the oldest first.

    A row holds the request's signals, what decided, every attempt, what it cost, and whatever was
    said of the answer since: feedback, verdicts of people, scores.

    Args:
        records: the log.
        wanted: which requests; its kinds are left aside.
        content: whether to decrypt what people said, where it was kept and is not forgotten.

    Raises:
        ConductorError: the log cannot be read, or its content cannot be opened.
    """
    for decision in records.find(_decisions(wanted)):
        run = decision.head.run
        beside = list(records.find(Wanted(run=run))) if run else []
        beside = [one for one in beside if one.head.run == run]
        yield _row(records, decision, beside, content=content)


def _decisions(wanted: Wanted) -> Wanted:
    return Wanted(
        run=wanted.run,
        agent=wanted.agent,
        rule=wanted.rule,
        tenant=wanted.tenant,
        subject=wanted.subject,
        kinds=("decision",),
        since=wanted.since,
        until=wanted.until,
    )


def _row(
    records: Records, decision: Stored, beside: list[Stored], *, content: bool
) -> dict[str, Any]:
    head, data = decision.head, decision.data
    row: dict[str, Any] = {
        "id": head.run,
        "time": head.time,
        "tenant": head.tenant,
        "subject": head.subject,
        "policy": data.get("policy"),
        "rule": head.rule,
        "target": data.get("target"),
        "forced": bool(data.get("forced")),
        "signals": data.get("signals", {}),
        "later": data.get("later", []),
        "prompt": data.get("prompt"),
        "answer": data.get("answer"),
        "finish": data.get("finish"),
        "failed": data.get("failed"),
        "tokens": data.get("tokens"),
        "cost_nano": data.get("cost_nano"),
        "seconds": data.get("seconds"),
        "attempts": [_attempt(one) for one in beside if one.head.kind in _OUTCOMES],
        "feedback": [_told(one) for one in beside if one.head.kind == "feedback"],
        "verdicts": [_verdict(one) for one in beside if one.head.kind == "gate"],
        "scores": [_told(one) for one in beside if one.head.kind in _SCORES],
    }
    if content:
        row["content"] = records.content(decision)
    return row


def _attempt(one: Stored) -> dict[str, Any]:
    kept = ("path", "number", "purpose", "model", "by", "finish", "failed", "tokens", "cost_nano",
            "seconds", "first_part")  # fmt: skip
    found = {name: one.data[name] for name in kept if name in one.data}
    return {"kind": one.head.kind, "agent": one.head.agent, **found}


def _told(one: Stored) -> dict[str, Any]:
    return {"time": one.head.time, **one.data.get("data", {})}


def _verdict(one: Stored) -> dict[str, Any]:
    return {"time": one.head.time, "verdict": one.data.get("verdict"), "by": one.data.get("by")}
