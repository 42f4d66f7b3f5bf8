"""Whether an attempt may be answered from the cache, and whether its answer may be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conductor_mw import Attempted, EvaluationError, Part, Run

from .canonical import NotPlainError
from .kept import Kept
from .options import Prepared, Use
from .question import Question, key_of, payload_of, unsuitable

ANSWERS: Final = frozenset(("answer", "step", "candidate", "merge", "summary", "signal"))
"""Purposes whose answers are kept. A judge is asked anew, so that what it once let through is not
let through for ever; a shadow compares what an agent says now; an undo must happen."""


def question_of(prepared: Prepared, attempt: Attempted) -> Question | str:
    """Give what an attempt asks, or why the cache stays out of it.

    Returns:
        A question; or an empty text where the policy keeps no such answers; or in a few words why
        this one is not kept though it does.
    """
    use = _use(prepared, attempt)
    if use is None or use.ttl <= 0:
        return ""
    partition = prepared.partitions.of(attempt.run)
    if not partition:
        return f"no {prepared.options.scope}"
    if prepared.personal and is_personal(prepared, attempt.run):
        return "personal"
    try:
        asked = payload_of(attempt)
        why = unsuitable(asked, warm=use.temperature)
        return why or Question(
            key_of(attempt, partition, asked), partition, use.ttl, use.tool_calls
        )
    except NotPlainError:
        return "not plain data"


def _use(prepared: Prepared, attempt: Attempted) -> Use | None:
    """Give how answers to this attempt are kept: as the rule says, else the agent, else all."""
    use = prepared.uses.get(attempt.agent.id)
    if use is None or attempt.purpose not in ANSWERS:
        return None
    decision = attempt.run.decision
    if prepared.rules and decision is not None and decision.rule is not None:
        own = prepared.rules.get(decision.rule)
        return use if own is None else use.under(own)
    return use


def is_personal(prepared: Prepared, run: Run) -> bool:
    """Whether what is asked holds personal data; also where that is not known."""
    try:
        return any(one.evaluate(run.facts) is not False for one in prepared.personal)
    except EvaluationError:
        return True


def worth_keeping(
    attempt: Attempted, parts: Sequence[Part], question: Question, now: float
) -> Kept | None:
    """Give an answer as it is kept; None where it is broken off, empty or cannot be given again.

    Args:
        attempt: it has ended.
        parts: what was said.
        question: what was asked.
        now: the UTC second.
    """
    outcome = attempt.outcome
    if outcome is None or outcome.error is not None:
        return None
    finish = outcome.finish
    if finish != "stop" and not (finish == "tool_calls" and question.tool_calls):
        return None
    for part in parts:
        if part.media or (part.tool_calls and not question.tool_calls):
            return None
    kept = Kept.of(parts, finish, now)
    return kept if kept.text or kept.tool_calls else None
