"""Every golden decision comes out byte for byte where a policy stands in an agent's loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from conductor_mw_langchain import ConductorMiddleware
from langchain.agents.middleware.types import AgentMiddleware
from langchain_core.messages import SystemMessage

from conductor_mw import Failure
from tests.golden import POLICY, vectors, written
from tests.langchain.agent_kit import WAYS, Way, create
from tests.langchain.chains import Remembering
from tests.langchain.oracle import Oracle
from tests.langchain.test_golden import messages_of

VECTORS = list(vectors())


class Says(AgentMiddleware[Any, Any, Any]):
    """Puts an app's own parameters on every model call."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        super().__init__()
        self.parameters = parameters

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return handler(request.override(model_settings=self.parameters))

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        return await handler(request.override(model_settings=self.parameters))


@pytest.fixture(scope="module")
def conductor() -> Iterator[Remembering]:
    made = Remembering(POLICY)
    yield made
    made.close()


@pytest.mark.parametrize(("request_", "decision"), VECTORS, ids=[one["id"] for one, _ in VECTORS])
@pytest.mark.parametrize("way", [WAYS["invoke"], WAYS["astream"]], ids=["invoke", "astream"])
async def test_the_middleware_decides_byte_for_byte(
    conductor: Remembering, way: Way, request_: dict[str, Any], decision: str
) -> None:
    messages = messages_of(request_)
    system = messages.pop(0) if isinstance(messages[0], SystemMessage) else None
    agent = create(
        Oracle(),
        request_.get("tools") or (),
        system_prompt=system,
        middleware=[
            Says(dict(request_.get("parameters", {}))), ConductorMiddleware(conductor=conductor),
        ],
    )  # fmt: skip

    with suppress(Failure):  # a guarantee may forbid what was decided, as it does media
        await way(agent, {"messages": messages}, {"metadata": request_["metadata"]})

    assert conductor.run.decision is not None
    assert written(conductor.run.decision.to_dict()) == decision
