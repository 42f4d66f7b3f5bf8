"""The store goes away for five seconds and comes back: what the policy says is what happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conductor_mw import Conductor, Failure
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from tests.outage import Outage

POLICY = """
store: "%s"
agents: [{id: a}]
routing: {default: a}
plugins: {limits: {%s}}
"""


@pytest.fixture(params=["redis", "postgres"])
def wire(request: pytest.FixtureRequest) -> Iterator[Outage]:
    address = request.getfixturevalue(f"{request.param}_address")
    with Outage(f"{address}{'&' if '?' in address else '?'}{QUICK[request.param]}") as outage:
        yield outage


QUICK = {"redis": "timeout=0.15", "postgres": "timeout=0.15"}


def conductor(wire: Outage, options: str, clock: VirtualClock) -> Conductor:
    text = POLICY % (wire.address, options)
    return Conductor.from_text(text, agents={"a": Scripted("hi")}, clock=clock)


def passed(c: Conductor, way: Way, times: int) -> int:
    """Give how many of so many calls passed."""
    found = 0
    for _ in range(times):
        try:
            ask(c, "hello", way=way)
        except Failure as failure:
            if failure.kind != "limited":
                raise
        else:
            found += 1
    return found


@pytest.mark.parametrize(("way", "gone"), [*((way, "cut") for way in WAYS), ("call", "hang")])
@pytest.mark.parametrize(("down", "pass_meanwhile"), [("refuse", 0), ("local", 10), ("allow", 30)])
def test_what_the_policy_says_is_what_happens(
    wire: Outage, way: Way, gone: str, down: str, pass_meanwhile: int
) -> None:
    clock = VirtualClock()
    c = conductor(wire, f"requests: 10/h, store_down: {down}", clock)
    assert passed(c, way, 4) == 4

    getattr(wire, gone)()
    meanwhile = 0
    for _ in range(5):
        meanwhile += passed(c, way, 6)
        clock.advance(1.0)
    wire.restore()
    clock.advance(1.0)
    afterwards = passed(c, way, 20)

    assert meanwhile == pass_meanwhile
    assert afterwards == 6  # what was left in the store: nothing was charged twice, nothing lost
    c.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_says_when_to_come_back(wire: Outage, way: Way) -> None:
    c = conductor(wire, "requests: 10/h, store_down: refuse", VirtualClock())
    wire.cut()

    with pytest.raises(Failure, match="nobody can tell whether there is room") as caught:
        ask(c, "hello", way=way)

    assert caught.value.retry_after == 1.0
    c.close()


def test_a_store_that_is_gone_is_left_alone(wire: Outage) -> None:
    clock = VirtualClock()
    c = conductor(wire, "requests: 100/h, tokens: 1000000/h", clock)
    passed(c, "call", 2)
    wire.hang()
    passed(c, "call", 1)
    wire.restore()
    wire.trips = 0

    assert passed(c, "call", 50) == 50

    assert wire.trips == 0  # nor did any of the fifty wait for a time-out
    c.close()


def test_what_was_begun_before_ends_without_the_store(wire: Outage) -> None:
    clock = VirtualClock()
    c = conductor(wire, "tokens: 100000/h, concurrent: 2", clock)
    stream = c.stream("hello")
    next(stream)
    wire.cut()

    for _ in stream:
        pass

    assert stream.answer.text == "hi"
    wire.restore()
    clock.advance(1.0)
    assert passed(c, "call", 3) == 3
    c.close()


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ("requests: 100000/m", 0.2),
        ("requests: 100000/m, tokens: 100000000/m, concurrent: 50", 0.2),
        (
            (
                "limits: [{id: x, requests: 100000/m}, {id: y, agents: [a], requests: 10000/m,"
                " tokens: 9000000/m, concurrent: 9}]"
            ),
            0.2,
        ),
        ("requests: 30/s, burst: 1s", 1.0),
    ],
)
def test_a_call_takes_less_than_a_trip(redis_address: str, options: str, most: float) -> None:
    clock = VirtualClock()
    with Outage(redis_address) as wire:
        c = conductor(wire, options, clock)
        passed(c, "call", 1)
        wire.trips = 0
        for _ in range(300):
            clock.advance(0.04)
            assert passed(c, "call", 1) == 1

        assert wire.trips <= most * 300 + 3
        c.close()
