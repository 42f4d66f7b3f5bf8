"""Every golden decision comes out byte for byte through the middleware of an agent."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from conductor_mw_langchain import ConductorMiddleware
from langchain.agents.middleware import AgentMiddleware

from tests.golden import POLICY
from tests.langchain.oracle import Oracle
from tests.langchain.test_golden import Remembering, attempt, each_vector, messages_of


class Asking(AgentMiddleware[Any, Any, Any]):
    """Asks with the tools and the parameters of a vector."""

    vector: dict[str, Any]

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        settings = dict(self.vector.get("parameters", {}))
        return handler(
            request.override(
                tools=self.vector.get("tools") or [],
                tool_choice=settings.pop("tool_choice", None),
                model_settings=settings,
            )
        )


@pytest.fixture(scope="module")
def conductor() -> Iterator[Remembering]:
    made = Remembering(POLICY)
    yield made
    made.close()


@pytest.fixture(scope="module")
def asking() -> Asking:
    return Asking()


@pytest.fixture(scope="module")
def agent(conductor: Remembering, asking: Asking) -> Any:
    create: Any = import_module("langchain.agents").create_agent
    return create(Oracle(), middleware=[asking, ConductorMiddleware(conductor=conductor)])


@each_vector
def test_the_middleware_decides_byte_for_byte(
    conductor: Remembering, asking: Asking, agent: Any, request_: dict[str, Any], decision: str
) -> None:
    asking.vector = request_
    state = {"messages": messages_of(request_)}

    attempt(lambda: agent.invoke(state, {"metadata": request_["metadata"]}))

    assert conductor.decided() == decision
