"""The golden decisions come out byte for byte, however the rule was found."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from conductor_mw import Conductor, Instant
from conductor_mw.lenses.prompt import to_request
from conductor_mw.signals import Facts
from tests.golden import POLICY, vectors, written

VECTORS = list(vectors())


@pytest.fixture(scope="module")
def conductor() -> Conductor:
    return Conductor(POLICY)


@pytest.mark.parametrize(("request_", "decision"), VECTORS, ids=[one["id"] for one, _ in VECTORS])
def test_a_decision_comes_out_byte_for_byte(
    conductor: Conductor, request_: dict[str, Any], decision: str
) -> None:
    made = conductor.decide(
        request_["messages"],
        metadata=request_["metadata"],
        tools=request_.get("tools"),
        **request_.get("parameters", {}),
    )

    assert written(made.to_dict()) == decision


def test_the_rule_does_not_depend_on_how_it_was_found(conductor: Conductor) -> None:
    policy = conductor.policy
    for request, _ in VECTORS:
        asked = to_request(
            request["messages"],
            metadata=request["metadata"],
            tools=request.get("tools"),
            stream=False,
            parameters=request.get("parameters", {}),
        )

        first, linear = (
            search(Facts(asked, policy.signals, Instant(0.0, 0.0)))
            for search in (policy.table.first, policy.table.first_linear)
        )

        assert first == linear, request["id"]


def test_there_are_requests_of_every_kind(conductor: Conductor) -> None:
    media = sum(
        any(isinstance(message.get("content"), list) and
            any(part.get("type") != "text" for part in message["content"])
            for message in request["messages"])
        for request, _ in VECTORS
    )  # fmt: skip
    tools = sum(bool(request.get("tools")) for request, _ in VECTORS)
    rules = Counter(decision.rpartition('"rule":')[2].split(",")[0] for _, decision in VECTORS)

    assert len(VECTORS) >= 300
    assert media >= 50
    assert tools >= 50
    assert len(rules) == len(conductor.policy.rules) + 1  # every rule and the default


def test_no_decision_holds_the_users_text() -> None:
    for request, decision in VECTORS:
        texts = [message.get("content") for message in request["messages"]]
        assert not any(
            isinstance(text, str) and len(text) > 20 and text in decision for text in texts
        ), request["id"]
