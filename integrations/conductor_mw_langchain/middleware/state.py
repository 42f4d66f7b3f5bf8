"""What the middleware keeps in the agent's state: its decisions, and who keeps answering.

Everything is plain data, so every checkpointer can store it. Who keeps answering is private: no
input can set it, and neither messages nor metadata are asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NotRequired

from langchain.agents.middleware.types import AgentState, OmitFromSchema
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from conductor_mw import Answer, Trajectory

RECORDS: Final = "conductor"
"""The key of the decisions in the agent's state."""
KEPT: Final = "conductor_trajectory"
"""The key of who keeps answering."""
MOST_RECORDS: Final = 100
"""Decisions that a thread keeps; every checkpoint holds them all."""


def appended(
    before: list[dict[str, Any]] | None, new: list[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Give the decisions of a thread, the oldest first; the oldest go where there are too many."""
    return [*(before or ()), *(new or ())][-MOST_RECORDS:]


class ConductorState(AgentState[Any]):
    """The agent's state with the policy's decisions, one a model call."""

    conductor: NotRequired[
        Annotated[list[dict[str, Any]], OmitFromSchema(input=True, output=False), appended]
    ]
    conductor_trajectory: NotRequired[
        Annotated[dict[str, Any] | None, OmitFromSchema(input=True, output=True)]
    ]


def trajectory_in(state: Mapping[str, Any]) -> Trajectory | None:
    """Give what a model call goes on with, or None where it begins something new.

    It goes on where the newest messages are results of tools that the remembered answer called.
    """
    kept: Any = state.get(KEPT)
    if not kept:
        return None
    asked = _answered_by_tools(state.get("messages") or ())
    if asked is None or asked.id != kept["message"]:
        return None
    return Trajectory(kept["rule"], kept["agent"], kept["fingerprint"])


def kept_of(answer: Answer, message: AIMessage) -> dict[str, Any] | None:
    """Give what is remembered of an answer; nothing where it calls no tools."""
    trajectory = answer.trajectory if message.tool_calls else None
    if trajectory is None:
        return None
    return {
        "message": message.id,
        "rule": trajectory.rule,
        "agent": trajectory.agent,
        "fingerprint": trajectory.fingerprint,
    }


def _answered_by_tools(messages: Sequence[BaseMessage]) -> AIMessage | None:
    """Give the answer whose tools gave the newest messages, if tools gave them."""
    results: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, ToolMessage):
            results.add(message.tool_call_id)
            continue
        called = isinstance(message, AIMessage) and any(
            call["id"] in results for call in message.tool_calls
        )
        return message if called and isinstance(message, AIMessage) else None
    return None
