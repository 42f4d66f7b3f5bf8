"""Every golden decision comes out byte for byte where a policy stands between chains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from conductor_mw_langchain import ConductorRunnable

from conductor_mw import Failure
from tests.golden import POLICY, vectors, written
from tests.langchain.chains import Remembering
from tests.langchain.test_golden import messages_of

VECTORS = list(vectors())
each_vector = pytest.mark.parametrize(
    ("request_", "decision"), VECTORS, ids=[one["id"] for one, _ in VECTORS]
)


@pytest.fixture(scope="module")
def conductor() -> Iterator[Remembering]:
    made = Remembering(POLICY)
    yield made
    made.close()


@each_vector
def test_the_runnable_decides_byte_for_byte(
    conductor: Remembering, request_: dict[str, Any], decision: str
) -> None:
    chain: Any = ConductorRunnable(conductor=conductor)
    parameters = dict(request_.get("parameters", {}))
    if request_.get("tools"):
        parameters["tools"] = request_["tools"]
    messages = messages_of(request_)

    for asked in (messages, {"messages": messages}, {"question": messages}):
        with suppress(Failure):  # a guarantee may forbid what was decided, as it does media
            chain.invoke(asked, {"metadata": request_["metadata"]}, **parameters)

        assert conductor.run.decision is not None
        assert written(conductor.run.decision.to_dict()) == decision
