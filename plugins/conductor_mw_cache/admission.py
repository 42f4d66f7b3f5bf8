"""Whether an attempt may be answered from the cache, and whether its answer may be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conductor_mw import Attempted, EvaluationError, Part, Run

from .canonical import NotPlainError
from .kept import Kept
from .options import Prepared, Use
from .question import Partition, Question, key_of, unsuitable

ANSWERS: Final = frozenset(("answer", "step", "candidate", "merge", "summary", "signal"))
"""Purposes whose answers are kept. A judge is asked anew, so that what it once let through is not
let through for ever; a shadow compares what an agent says now; an undo must happen."""


class Unsuitable(Exception):
    """An attempt that no cache may answer, though the policy keeps answers of its agent."""


def question_of(prepared: Prepared, attempt: Attempted) -> Question | None:
    """Give what an attempt asks; None where the policy keeps no such answers.

    Raises:
        Unsuitable: this one is not kept; its text says why.
    """
    use = _use(prepared, attempt)
    if use is None or use.ttl <= 0:
        return None
    partition = _partition(prepared, attempt.run)
    why = unsuitable(attempt.request.parameters, warm=use.temperature)
    if why:
        raise Unsuitable(why)
    try:
        key = key_of(attempt, partition)
    except NotPlainError as error:
        raise Unsuitable("not plain data") from error
    return Question(key, partition, use.ttl, use.tool_calls)


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


def _partition(prepared: Prepared, run: Run) -> Partition:
    tenant = user = None
    try:
        if prepared.tenant is not None:
            tenant = prepared.tenant.evaluate(run.facts)
        if prepared.user is not None:
            user = prepared.user.evaluate(run.facts)
        personal = any(
            condition.evaluate(run.facts) is not False for condition in prepared.personal
        )
    except EvaluationError as error:
        raise Unsuitable("unknown") from error
    if prepared.tenant is not None and (tenant is None or tenant == ""):
        raise Unsuitable("no tenant")
    if prepared.user is not None and (user is None or user == ""):
        raise Unsuitable("no user")
    if personal:
        raise Unsuitable("personal")
    try:
        return Partition.of(prepared.options.scope, tenant, user)
    except NotPlainError as error:
        raise Unsuitable("unknown") from error


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
    calls = any(part.tool_calls for part in parts)
    whole = ("stop", "tool_calls") if question.tool_calls else ("stop",)
    if outcome.finish not in whole or (calls and not question.tool_calls):
        return None
    if any(part.media for part in parts):
        return None
    kept = Kept.of(parts, outcome.finish, now)
    return kept if kept.text or kept.tool_calls else None
