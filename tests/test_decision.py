"""A decision says why, in plain JSON, without the user's text and whatever the app passes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from conductor_mw import Conductor, RequestError

POLICY = """
agents: [{{id: a, simulated: a}}, {{id: b, simulated: b}}]
signals:
  s: {signal}
routing:
  rules: [{{condition: '{condition}', target: b}}]
  default: a
"""
SECRET = "my secret is 42"


def conductor(condition: str, signal: str = "{expr: input.text}") -> Conductor:
    return Conductor.from_text(POLICY.format(condition=condition, signal=signal), env={})


def nested(depth: int) -> object:
    value: object = "bottom"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("signal", "condition", "length"),
    [
        ("{expr: input.text}", 's == "x"', 15),
        ("{expr: dyn(input.text)}", 's == "x"', 15),
        ("{expr: '[input.text]'}", "s.size() > 5", 1),
        ("{expr: '{\"k\": input.text}'}", 's["k"] == "x"', 1),
        ("{expr: '{input.text: 1}'}", "s.size() > 5", 1),
        ("{expr: '[[input.text], [input.text]]'}", "s.size() > 5", 2),
    ],
)
def test_the_users_text_is_shown_as_a_length_whatever_holds_it(
    signal: str, condition: str, length: int
) -> None:
    decision = conductor(condition, signal).decide(SECRET)

    assert decision.signals == {"s": {"length": length}}
    assert SECRET not in json.dumps(decision.to_dict())


def test_a_signal_of_a_signal_that_holds_the_users_text_holds_it_too() -> None:
    text = POLICY.format(condition='t[0][0] == "x"', signal="{expr: '[input.text]'}")

    decision = Conductor.from_text(text.replace("routing:", "  t: {expr: '[s]'}\nrouting:")).decide(
        SECRET
    )

    assert decision.signals == {"t": {"length": 1}}


def test_metadata_of_any_depth_can_be_recorded() -> None:
    decision = conductor("metadata.q == 1").decide("Hello", metadata={"q": nested(3000)})

    shown = json.dumps(decision.to_dict()["signals"])

    assert shown == '{"metadata": {"q": ' + "[" * 31 + '"(nested deeper than 32)"' + "]" * 31 + "}}"


class Talkative:
    def __repr__(self) -> str:
        raise RecursionError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1.5"), "Decimal('1.5')"),
        (Talkative(), "<Talkative>"),
        (frozenset({1}), "<frozenset>"),
        (float("inf"), "inf"),
    ],
)
def test_what_json_does_not_know_has_a_short_text(value: object, shown: str) -> None:
    decision = conductor("has(metadata.q)").decide("Hello", metadata={"q": [value]})

    assert decision.signals == {"metadata": {"q": [shown]}}


def test_metadata_that_repeats_itself_is_recorded_in_part() -> None:
    wide: list[object] = [1]
    for _ in range(30):
        wide = [wide, wide]

    decision = conductor("has(metadata.q)").decide("Hello", metadata={"q": wide})

    assert len(json.dumps(decision.to_dict())) < 100_000


def test_keys_of_metadata_are_texts() -> None:
    metadata: Any = {"tier": "pro", 7: "x"}

    with pytest.raises(RequestError) as caught:
        conductor("has(metadata.q)").decide("Hello", metadata=metadata)

    assert str(caught.value) == "metadata: its keys must be strings, and one is of type int"
