"""An agent that may not go on: the message that says so, instead of an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import uuid4

from langchain.agents.middleware.types import ExtendedModelResponse, ModelResponse
from langchain_core.messages import AIMessage
from langgraph.types import Command

from conductor_mw import Failure, FailureKind, attempts_of
from conductor_mw_langchain.stamp import KEY

from .state import KEPT, RECORDS

OnRefusal = Literal["raise", "end"]
WORDS: Final[Mapping[FailureKind, str]] = {
    "budget": "I cannot answer: what may be spent here is spent.",
    "limited": "I cannot answer now: there are too many requests. Please try again later.",
    "policy_violation": "I cannot answer this: a rule of this application forbids it.",
    "rejected": "I cannot answer this: the person who was asked did not allow it.",
}
"""What the user reads, by the kind of refusal; nothing of the policy or of the error."""
_REFUSED: Final = "refused"


def ending(failure: Failure) -> ExtendedModelResponse[Any]:
    """Give the response that tells of a refusal and ends the agent's run."""
    record = {
        _REFUSED: failure.kind,
        "attempts": [
            {"agent": one.agent, "path": one.path, "failed": one.kind}
            for one in attempts_of(failure)
        ],
    }
    message = AIMessage(
        content=WORDS[failure.kind],
        id=f"conductor-{uuid4()}",
        response_metadata={KEY: record, "finish_reason": "refusal"},
    )
    update = {RECORDS: [record], KEPT: {"message": message.id, _REFUSED: True}, "jump_to": "end"}
    return ExtendedModelResponse(ModelResponse(result=[message]), Command(update=update))


def ended(state: Mapping[str, Any]) -> bool:
    """Whether the newest message is a refusal that did not end the run.

    Another middleware may stand between the refusal and the end, and an agent that must give
    structured output would ask again for ever.
    """
    kept: Any = state.get(KEPT)
    messages: Any = state.get("messages")
    return bool(kept and messages and kept.get(_REFUSED) and messages[-1].id == kept["message"])
