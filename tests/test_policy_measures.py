"""How a policy says in which zone it reads the time, and how it counts tokens."""

from __future__ import annotations

import pytest

from conductor_mw import Conductor, PolicyError
from conductor_mw.testing import VirtualClock

CLOCK = """
{zone}
agents: [{{id: a, simulated: x}}, {{id: b, simulated: y}}]
routing: {{rules: [{{condition: "time.hour == {hour}", target: b}}], default: a}}
"""
TOKENS = """
tokens: {way}
agents: [{{id: a, simulated: x}}, {{id: b, simulated: y}}]
routing: {{rules: [{{condition: "input.tokens > 0", target: b}}], default: a}}
"""
NOON_UTC = 1_780_056_000.0  # 29 May 2026, 12:00


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("", 12),
        ("time_zone: UTC", 12),
        ("time_zone: Europe/Berlin", 14),
        ("time_zone: Asia/Tokyo", 21),
    ],
)
def test_the_time_is_read_in_the_policys_zone(zone: str, hour: int) -> None:
    c = Conductor.from_text(CLOCK.format(zone=zone, hour=hour), clock=VirtualClock(utc=NOON_UTC))

    assert c.decide("hello").target == "b"


def test_an_unknown_zone_is_refused_with_the_nearest() -> None:
    with pytest.raises(PolicyError) as caught:
        Conductor.from_text(CLOCK.format(zone="time_zone: Europe/Berln", hour=1))

    assert str(caught.value) == (
        "<policy>:2:12: time_zone: no time zone 'Europe/Berln'\n  did you mean 'Europe/Berlin'?"
    )


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/localtime", "", "UTC\\0"])
def test_a_zone_never_names_a_file(name: str) -> None:
    with pytest.raises(PolicyError, match="no time zone"):
        Conductor.from_text(CLOCK.format(zone=f'time_zone: "{name}"', hour=1))


def test_tokens_are_counted_exactly_on_request() -> None:
    pytest.importorskip("tiktoken", reason="needs the extra tokens")
    pytest.importorskip("litellm", reason="needs the extra tokens")
    estimate, exact = (Conductor.from_text(TOKENS.format(way=way)) for way in ("estimate", "exact"))
    text = "antidisestablishmentarianism " * 40

    tokens = [c.decide(text).signals["input.tokens"] for c in (estimate, exact)]

    assert tokens[0] != tokens[1]
    assert estimate.policy.fingerprint != exact.policy.fingerprint


def test_a_way_of_counting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PolicyError, match="estimate"):
        Conductor.from_text(TOKENS.format(way="roughly"))
