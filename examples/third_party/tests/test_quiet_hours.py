"""The policy says when night is; these tests say the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import conductor_mw_quiet_hours
import pytest

from conductor_mw import Conductor, Failure, Plugins, PolicyError
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from conductor_mw.testing.conformance import LayerConformance

POLICY = """
agents: [{id: big}, {id: small}]
routing:
  rules:
    - {id: weekend, condition: clock.weekend, target: small}
  default: {fallback: [big, small], on: [limited]}
plugins:
  quiet_hours: {after: 22, until: 6, agents: [big]}
"""
MONDAY, FRIDAY, SATURDAY, SUNDAY = 5, 9, 10, 11


def conductor(*, day: int = MONDAY, hour: int = 12, text: str = POLICY) -> Conductor:
    plugins = Plugins.core()
    plugins.add(conductor_mw_quiet_hours, "quiet_hours")
    clock = VirtualClock(utc=datetime(2026, 1, day, hour, tzinfo=UTC).timestamp())
    agents = {"big": Scripted("big"), "small": Scripted("small")}
    return Conductor.from_text(text, agents=agents, plugins=plugins, clock=clock)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("hour", "answered_by"),
    [(21, "big"), (22, "small"), (23, "small"), (0, "small"), (5, "small"), (6, "big")],
)
def test_night_goes_to_the_small_agent(hour: int, answered_by: str, way: Way) -> None:
    answer = ask(conductor(hour=hour), "hello", way=way)

    assert answer.text == answered_by


@pytest.mark.parametrize("way", WAYS)
def test_where_nobody_else_can_answer_the_caller_is_told(way: Way) -> None:
    everybody_rests = POLICY.replace(", agents: [big]", "")

    with pytest.raises(Failure) as refused:
        ask(conductor(hour=23, text=everybody_rests), "hello", way=way)

    assert refused.value.kind == "limited"
    assert str(refused.value) == "agent 'big' rests until 6:00 UTC"


@pytest.mark.parametrize(
    ("day", "rule"), [(FRIDAY, None), (SATURDAY, "weekend"), (SUNDAY, "weekend"), (MONDAY, None)]
)
def test_conditions_know_the_weekend(day: int, rule: str | None) -> None:
    decision = conductor(day=day).decide("hello")

    assert decision.rule == rule


def test_an_hour_that_no_clock_shows_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"plugins\.quiet_hours\.after"):
        conductor(text=POLICY.replace("after: 22", "after: 24"))


class TestQuietHoursConforms(LayerConformance):
    """The suite that every layer should pass; it finds the plugin as an app would, installed."""

    layer = "quiet_hours"
    options: ClassVar[dict[str, Any]] = {"after": 22, "until": 6}  # the suite's clock shows 20:26
