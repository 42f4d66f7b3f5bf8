"""Replicas behind LiteLLM, over real HTTP to two servers on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from conductor_mw import Conductor
from conductor_mw.testing import WAYS, Way, ask
from tests.test_model_agent import Provider, litellm_loop, pytestmark, serving

__all__ = ["litellm_loop", "pytestmark"]

POLICY = """
agents:
  - id: a
    model: openai/gpt-4o-mini
    replicas:
      - {name: east, base_url: "%s", api_key: "${env:KEY_EAST}"}
      - {name: west, base_url: "%s", api_key: "${env:KEY_WEST}"}
routing: {default: a}
"""


@pytest.fixture
def east(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("KEY_EAST", "sk-east")
    with serving(Provider()) as provider:
        yield provider


@pytest.fixture
def west(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("KEY_WEST", "sk-west")
    with serving(Provider()) as provider:
        yield provider


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [429, 401])
def test_a_key_that_is_turned_away_rests_and_the_other_one_answers(
    status: int, way: Way, east: Provider, west: Provider
) -> None:
    east.status, east.headers = status, {"retry-after": "600"}
    c = Conductor.from_text(POLICY % (east.url, west.url), seed=1)

    answers = [ask(c, f"{n}", way=way) for n in range(6)]

    assert {answer.text for answer in answers} == {"Good morning."}
    assert len(east.asked) == 1
    assert len(west.asked) == 6
    assert set(east.keys) == {"Bearer sk-east"}
    assert set(west.keys) == {"Bearer sk-west"}
    told = [one for answer in answers for one in answer.attempts]
    assert [(one.replica, one.kind) for one in told if one.kind] == [
        ("east", "rate_limit" if status == 429 else "auth")
    ]
    assert "sk-" not in json.dumps([repr(answer.decision.to_dict()) for answer in answers])
