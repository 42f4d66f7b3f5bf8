"""Balance and choose: who answers, and that the same request always finds the same one."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Conductor, PolicyError, Request
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import conductor

SHARES = "agents: [{id: a}, {id: b}, {id: c}]\nrouting: {default: {balance: %s}}\n"
CHOOSE = """
signals:
  tier: {from: metadata.tier, type: string, default: free}
agents: [{id: a}, {id: b}, {id: c}]
routing:
  default:
    choose:
      - {when: "tier == 'gold'", use: a}
      - {when: "input.chars > 5", use: {fallback: [b, a]}}
    else: c
"""


def three(text: str) -> Conductor:
    return conductor(text, a=Scripted("a"), b=Scripted("b"), c=Scripted("c"))


@pytest.mark.parametrize("way", WAYS)
def test_weights_are_kept_on_average(way: Way) -> None:
    c = three(SHARES % "{a: 80, b: 20}")

    answered = Counter(ask(c, f"{n}", way=way).agent for n in range(300))

    assert 215 <= answered["a"] <= 265
    assert answered["b"] == 300 - answered["a"]


def test_a_share_of_zero_is_never_used() -> None:
    c = three(SHARES % "{a: 0, b: 1, c: 0}")

    assert {c.call(f"{n}").agent for n in range(50)} == {"b"}


@pytest.mark.parametrize("way", WAYS)
def test_a_key_keeps_a_user_on_one_agent(way: Way) -> None:
    c = three(SHARES % "{a: 1, b: 1}, by: hash, key: metadata.user")

    users = {
        user: {ask(c, f"{n}", way=way, metadata={"user": user}).agent for n in range(3)}
        for user in ("ann", "bob", "cid", "dan", "eve", "fay")
    }

    assert all(len(agents) == 1 for agents in users.values())
    assert set().union(*users.values()) == {"a", "b"}


@given(st.text(max_size=20))
def test_the_order_of_names_in_the_file_changes_nobodys_place(user: str) -> None:
    one = three(SHARES % "{a: 70, b: 20, c: 10}, by: hash, key: metadata.user")
    other = three(SHARES % "{c: 10, a: 70, b: 20}, by: hash, key: metadata.user")

    metadata = {"user": user}

    assert one.call("x", metadata=metadata).agent == other.call("x", metadata=metadata).agent


@pytest.mark.parametrize("way", WAYS)
def test_round_robin_takes_turns(way: Way) -> None:
    c = three(SHARES % "[a, b, c], by: round_robin")

    assert [ask(c, "x", way=way).agent for _ in range(6)] == ["a", "b", "c"] * 2


def test_the_less_busy_of_two_is_taken() -> None:
    async def asked() -> Counter[str]:
        free = asyncio.Event()

        async def slow(request: Request) -> str:
            del request
            await free.wait()
            return "a"

        c = conductor(SHARES % "[a, b], by: least_busy", a=slow, b=Scripted("b"))
        tasks = [asyncio.create_task(c.acall(f"{n}")) for n in range(40)]
        for _ in range(5):
            await asyncio.sleep(0)
        free.set()
        return Counter([(await task).agent for task in tasks])

    answered = asyncio.run(asked())

    # Only where both draws fell on it does the busy one get the call: a quarter of the time.
    assert 4 <= answered["a"] <= 16


@pytest.mark.parametrize(
    ("flow", "problem"),
    [
        ("{a: 0, b: 0}", "no share is above zero"),
        ("{a: -1, b: 2}", "the share of 'a' is -1"),
        ("[a, b], by: hash", "`by: hash` and `key:` belong together"),
        ("[a, b], key: metadata.user", "`by: hash` and `key:` belong together"),
    ],
)
def test_shares_that_make_no_sense_are_refused(flow: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        three(SHARES % flow)

    assert problem in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("text", "tier", "path"),
    [
        ("hi", "gold", "choose/0/a"),
        ("hello there", "free", "choose/1/fallback/0/b"),
        ("hi", "free", "choose/else/c"),
    ],
)
def test_the_first_true_branch_is_used(text: str, tier: str, path: str, way: Way) -> None:
    answer = ask(three(CHOOSE), text, way=way, metadata={"tier": tier})

    assert [one.path for one in answer.attempts] == [path]
