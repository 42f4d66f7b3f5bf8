"""Balance over variants and over agents that rest: who answers is stable, and told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Conductor, PolicyError
from conductor_mw.signals import AgentState
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import conductor

SHARES = "agents: [{id: a}, {id: b}, {id: c}]\nrouting: {default: {balance: %s}}\n"


def three(balance: str, **agents: Any) -> Conductor:
    usual: dict[str, Any] = {"a": Scripted("a"), "b": Scripted("b"), "c": Scripted("c")}
    return conductor(SHARES % balance, **(usual | agents))


def resting(c: Conductor, *agents: str) -> Conductor:
    """Give the conductor with the circuits of these agents open."""
    runtime = c._governor.runtime  # pyright: ignore[reportPrivateUsage]  # a breaker is handed the same board
    runtime.board.watch_agents(lambda name: AgentState(open=name in agents))
    return c


@pytest.mark.parametrize("way", WAYS)
def test_variants_of_one_agent_have_prompts_and_parameters_of_their_own(way: Way) -> None:
    a = Scripted("a")
    variants = """
      [{id: plain, use: a, share: 50}, {id: warm, use: a, share: 50, parameters: {temperature: 1}}]
    """
    c = three(variants.strip(), a=a)

    paths = Counter(ask(c, f"{n}", way=way).attempts[0].path.partition("/a")[0] for n in range(40))

    assert set(paths) == {"balance/plain", "balance/warm"}
    warm = sum(one.parameters.get("temperature") == 1 for one in a.asked)
    assert warm == paths["balance/warm"]


def test_a_variant_without_a_name_is_called_by_its_position() -> None:
    c = three("[{use: a, share: 0}, {use: {fallback: [b, c]}}, {use: c, share: 0}]")

    assert c.call("x").attempts[0].path == "balance/1/fallback/0/b"


@pytest.mark.parametrize("way", WAYS)
def test_sticky_keeps_a_conversation_on_one_variant(way: Way) -> None:
    c = three("[{use: a}, {use: b}], sticky: metadata.conversation")

    found = {
        talk: {ask(c, f"{n}", way=way, metadata={"conversation": talk}).agent for n in range(3)}
        for talk in range(8)
    }

    assert all(len(agents) == 1 for agents in found.values())
    assert set().union(*found.values()) == {"a", "b"}


def test_sticky_is_short_for_a_hash_with_a_key() -> None:
    short = three("{a: 1, b: 2}, sticky: metadata.user")
    long = three("{a: 1, b: 2}, by: hash, key: metadata.user")

    assert short.policy.fingerprint == long.policy.fingerprint


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "how", ["", ", by: round_robin", ", by: least_busy", ", sticky: input.text"]
)
def test_an_agent_whose_circuit_is_open_is_passed_over(how: str, way: Way) -> None:
    c = resting(three("[a, b, c]" + how), "b")

    assert {ask(c, f"{n}", way=way).agent for n in range(24)} == {"a", "c"}


def test_where_every_circuit_is_open_one_is_asked_all_the_same() -> None:
    c = resting(three("{a: 1, b: 1, c: 0}"), "a", "b")

    assert {c.call(f"{n}").agent for n in range(24)} == {"a", "b"}


def test_a_dressed_agent_rests_as_well() -> None:
    c = resting(three("[{use: a, prompt: hello, timeout: 5s}, {use: b}]"), "a")

    assert {c.call(f"{n}").agent for n in range(12)} == {"b"}


@given(users=st.lists(st.text(max_size=8), unique=True, max_size=12))
def test_a_resting_agent_moves_nobody_but_its_own_users(users: list[str]) -> None:
    well = three("[a, b, c], sticky: metadata.user")
    poor = resting(three("[a, b, c], sticky: metadata.user"), "b")

    for user in users:
        before = well.call("x", metadata={"user": user}).agent
        after = poor.call("x", metadata={"user": user}).agent
        assert before in (after, "b")
        assert after == poor.call("x", metadata={"user": user}).agent


@pytest.mark.parametrize(
    ("balance", "problem"),
    [
        ("[{use: a, share: 0}]", "no share is above zero"),
        ("[{use: a, share: -1}, {use: b, share: 2}]", "the share of '0' is -1"),
        ("[{id: x, use: a}, {id: x, use: b}]", "'x' stands there twice"),
        ("[a, b], sticky: metadata.user, by: weight", "`sticky:` says how already"),
        ("[{use: a, weight: 3}]", "no key 'weight'"),
        ("[{use: nobody}]", "no agent or flow 'nobody'"),
    ],
)
def test_mistakes_are_found_at_load(balance: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        three(balance)

    assert problem in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_request_without_the_key_is_left_to_chance(way: Way) -> None:
    c = conductor(
        "agents: [{id: a}, {id: b}]\n"
        "routing: {default: {balance: {a: 50, b: 50}, sticky: metadata.user}}\n",
        a=Scripted("a"),
        b=Scripted("b"),
    )

    assert {ask(c, "hello", way=way).text for _ in range(40)} == {"a", "b"}
    assert len({ask(c, "hello", way=way, metadata={"user": "ana"}).text for _ in range(9)}) == 1
