"""What a message says of how it came about: `response_metadata["conductor"]`, plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from langchain_core.messages import AIMessage

if TYPE_CHECKING:
    from conductor_mw import Answer

M = TypeVar("M", bound=AIMessage)

KEY: Final = "conductor"
_NO_TOKENS: Final = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


def stamp_of(answer: Answer) -> dict[str, Any]:
    """Give what is told of an answer.

    Returns:
        `run` (the id in events and records, for `feedback`), `agent`, `rule`, `target`,
        `fingerprint` of the policy, `dollars` of all attempts or None where unknown, `tokens` of
        all of them, `attempts`, `kept` where a trajectory went on, and `score` and `accepted` where
        something judged it.
    """
    decision, usage = answer.decision, answer.usage
    told: dict[str, Any] = {
        "run": answer.id,
        "agent": answer.agent,
        "rule": decision.rule,
        "target": decision.target,
        "fingerprint": decision.fingerprint,
        "dollars": None if answer.cost is None else answer.cost.dollars,
        "tokens": usage.input_tokens + usage.output_tokens,
        "attempts": [_attempt(one) for one in answer.attempts],
    }
    if decision.kept:
        told["kept"] = True
    if answer.score is not None:
        told["score"] = answer.score
    if not answer.accepted:
        told["accepted"] = False
    return told


def _attempt(outcome: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"agent": outcome.agent, "path": outcome.path}
    if outcome.kind is not None:
        told["failed"] = outcome.kind
    if outcome.by:
        told["by"] = outcome.by
    if outcome.model:
        told["model"] = outcome.model
    if outcome.purpose != "answer":
        told["for"] = outcome.purpose
    return told


def stamped(message: M, answer: Answer) -> M:
    """Give a message that says how it came about; the given one may lie in somebody's cache."""
    told: dict[str, Any] = {
        "response_metadata": {**message.response_metadata, KEY: stamp_of(answer)}
    }
    if _free(answer):
        usage: Any = message.usage_metadata or _NO_TOKENS
        told["usage_metadata"] = {**usage, "total_cost": 0}
    return message.model_copy(update=told)


def _free(answer: Answer) -> bool:
    """Whether a layer gave this answer, from a cache for example: LangChain's own marks it so."""
    if not any(one.by for one in answer.attempts):
        return False
    gave = [one for one in answer.provenance.attempts if one.became == "answered"]
    return bool(gave) and all(one.by for one in gave)  # of several steps one may have been paid
