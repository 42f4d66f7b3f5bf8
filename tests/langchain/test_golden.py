"""Every golden decision comes out byte for byte through each shape that a LangChain app uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages

from conductor_mw import Conductor, Failure, Request, Trajectory
from conductor_mw.run import Run
from tests.golden import POLICY, vectors, written

VECTORS = list(vectors())


class Remembering(Conductor):
    """Keeps what it last decided, also where a guarantee then refused the call."""

    run: Run

    def begin(
        self,
        request: Request,
        *,
        deadline: float | None = None,
        target: str | None = None,
        trajectory: Trajectory | None = None,
    ) -> Run:
        self.run = super().begin(request, deadline=deadline, target=target, trajectory=trajectory)
        return self.run

    def decided(self) -> str:
        """Give the last decision as it is written."""
        assert self.run.decision is not None
        return written(self.run.decision.to_dict())


@pytest.fixture(scope="module")
def conductor() -> Iterator[Remembering]:
    made = Remembering(POLICY)
    yield made
    made.close()


def messages_of(request: dict[str, Any]) -> list[BaseMessage]:
    """Give the messages as LangChain makes them of OpenAI's."""
    return [_message(one) for one in request["messages"]]


def _message(said: dict[str, Any]) -> BaseMessage:
    try:
        (message,) = convert_to_messages([said])
    except json.JSONDecodeError:  # LangChain's models call such a tool call invalid
        calls = said["tool_calls"]
        return AIMessage(
            content=said["content"] or "",
            invalid_tool_calls=[
                {
                    "type": "invalid_tool_call",
                    "id": call["id"],
                    "name": call["function"]["name"],
                    "args": call["function"]["arguments"],
                    "error": None,
                }
                for call in calls
            ],
        )
    return message


def attempt(call: Callable[[], object]) -> None:
    """Make a call; a guarantee may forbid what was decided, as it does media of no known price."""
    with suppress(Failure):
        call()


each_vector = pytest.mark.parametrize(
    ("request_", "decision"), VECTORS, ids=[one["id"] for one, _ in VECTORS]
)


@each_vector
def test_the_chat_model_decides_byte_for_byte(
    conductor: Remembering, request_: dict[str, Any], decision: str
) -> None:
    model: Any = ConductorChatModel(conductor=conductor)
    if request_.get("tools"):
        model = model.bind_tools(request_["tools"])
    config = {"metadata": request_["metadata"]}

    attempt(lambda: model.invoke(messages_of(request_), config, **request_.get("parameters", {})))

    assert conductor.decided() == decision
