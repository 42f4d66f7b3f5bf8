"""Asking several at once: what most of them say, as soon as that is certain."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Attempted, Conductor, Failure, Io, Parts
from conductor_mw.flows.ballot import certain, standings
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import Diary
from tests.racing import PATIENCE, Held, branches_end, in_simulated_time, paths, several


@pytest.mark.parametrize("way", WAYS)
def test_what_most_say_is_given_in_the_words_of_the_first_who_said_it(way: Way) -> None:
    c = several(
        "{parallel: [a, b, c], take: majority}",
        a=Scripted("Five"),
        b=Scripted(" The ", "answer is FOUR\n"),
        c=Scripted("the answer is four"),
    )  # fmt: skip

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent) == (" The answer is FOUR\n", "b")
    assert paths(answer) == ["parallel/0/a", "parallel/1/b", "parallel/2/c"]


@pytest.mark.parametrize("way", WAYS)
def test_a_vote_may_count_a_part_of_an_answer(way: Way) -> None:
    c = several(
        "{parallel: [a, b, c], take: majority, by: answer.output.label}",
        a=Scripted('{"label": "spam", "why": 1}'),
        b=Scripted('{"label": "ham", "why": 2}'),
        c=Scripted('{"label": "ham", "why": 3}'),
    )

    assert json.loads(ask(c, "hello", way=way).text) == {"label": "ham", "why": 2}


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_without_the_part_that_counts_does_not_vote(way: Way) -> None:
    c = several(
        "{parallel: [a, b, c], take: majority, by: answer.output.label, need: 3}",
        c=Scripted('{"label": "ham"}'),
    )

    with pytest.raises(Failure, match="`by` has no value") as caught:
        ask(c, "hello", way=way)

    assert caught.value.kind == "invalid_output"


@pytest.mark.parametrize("way", WAYS)
def test_a_majority_that_is_certain_waits_for_nobody(way: Way) -> None:
    slow = Held("slow")
    c = several(
        "{parallel: [a, b, c], take: majority}", a=Scripted("yes"), b=Scripted("yes"), c=slow
    )

    answer = ask(c, "hello", way=way)
    slow.latch.open()
    branches_end()

    assert answer.text == "yes"
    assert slow.closed == slow.asked


@pytest.mark.parametrize("way", ["call", "stream"])
def test_a_thread_that_is_let_go_while_a_layer_settles_settles_all_the_same(way: Way) -> None:
    settling = threading.Event()
    settled: list[str] = []

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        try:
            async for part in proceed(attempt):
                yield part
        finally:
            if attempt.agent.id == "c":
                await Io(lambda: settling.wait(PATIENCE))
                await Io(lambda: settled.append("c"))

    c = several(
        "{parallel: [a, b, c], take: majority}", attempt_layers=[around],
        a=Scripted("yes"), b=Scripted("yes"),
    )  # fmt: skip

    assert ask(c, "hello", way=way).text == "yes"
    settling.set()
    branches_end()

    assert settled == ["c"]


@pytest.mark.parametrize("way", WAYS)
def test_a_tie_goes_to_the_first_in_the_definition(way: Way) -> None:
    c = several("{parallel: [a, b, c, d], take: majority}", c=Scripted("b"), d=Scripted("a"))

    assert ask(c, "hello", way=way).text == "a"


@pytest.mark.parametrize("way", WAYS)
def test_a_tie_may_be_somebody_elses_to_settle(way: Way) -> None:
    c = several("{parallel: [a, b], take: majority, otherwise: d}", d=Scripted("d ", "settles it"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent) == ("d settles it", "d")
    assert "parallel/otherwise/d" in paths(answer)


@pytest.mark.parametrize("way", WAYS)
def test_too_few_equal_votes_are_low_confidence(way: Way) -> None:
    c = several("{parallel: [a, b, c], take: majority, quorum: 2}")

    with pytest.raises(Failure, match="1 of the answers agree, 2 are needed") as caught:
        ask(c, "hello", way=way)

    assert caught.value.kind == "low_confidence"


@pytest.mark.parametrize("way", WAYS)
def test_voters_that_fail_are_left_out_while_enough_answer(way: Way) -> None:
    agents = {"a": Scripted(Failure("auth")), "b": Scripted("x"), "c": Scripted("x")}

    assert ask(several("{parallel: [a, b, c], take: majority, need: 2}", **agents), "hello",
               way=way).text == "x"  # fmt: skip
    with pytest.raises(Failure) as caught:
        ask(several("{parallel: [a, b, c], take: majority, need: 3}", **agents), "hello", way=way)
    assert caught.value.kind == "auth"


@pytest.mark.parametrize("way", WAYS)
def test_where_enough_can_no_longer_answer_nobody_waits(way: Way) -> None:
    slow = Held("slow")
    c = several("{parallel: [a, b], take: majority, need: 2}", a=slow, b=Scripted(Failure("auth")))

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way)

    slow.latch.open()
    branches_end()
    assert caught.value.kind == "auth"


def test_who_has_not_answered_in_time_is_left_out() -> None:
    async def work(c: Conductor) -> str:
        return (await c.acall("hello")).text

    text = in_simulated_time(
        "agents: [{id: a}, {id: b}, {id: c}]\n"
        "routing: {default: {parallel: [a, b, c], take: majority, timeout: 5s}}\n",
        work, a=Scripted(60.0, "late"), b=Scripted(60.0, "late"), c=Scripted(1.0, "in time"),
    )  # fmt: skip
    assert text == "in time"


@pytest.mark.parametrize("way", WAYS)
def test_one_agent_may_vote_several_times(way: Way) -> None:
    a = Scripted("x", takes=[["y"], ["y"], ["z"]])
    c = several("{parallel: [a], samples: 3, take: majority}", a=a)

    answer = ask(c, "hello", way=way)

    assert len(a.asked) == 3
    assert answer.text == "y"


@given(
    votes=st.lists(
        st.tuples(st.sampled_from("xyz"), st.integers(1, 50)),
        min_size=1, max_size=7, unique_by=lambda one: one[1],
    )
)  # fmt: skip
def test_stopping_early_never_changes_the_result(votes: list[tuple[str, int]]) -> None:
    names = [f"a{n}" for n in range(len(votes))]
    agents = {
        name: Scripted(float(seconds), value)
        for name, (value, seconds) in zip(names, votes, strict=True)
    }

    async def work(c: Conductor) -> str:
        return (await c.acall("hello")).text

    ids = ", ".join(f"{{id: {name}}}" for name in names)
    text = (
        f"agents: [{ids}]\n"
        f"routing: {{default: {{parallel: [{', '.join(names)}], take: majority}}}}\n"
    )
    given_ = in_simulated_time(text, work, **agents)

    assert given_ == standings({n: value for n, (value, _) in enumerate(votes)})[0].value
    assert all(agent.closed == 1 for agent in agents.values())


@given(
    votes=st.dictionaries(st.integers(0, 5), st.sampled_from("xy"), max_size=6),
    quorum=st.integers(1, 4),
    ties=st.booleans(),
)
def test_a_vote_is_certain_exactly_when_no_further_vote_can_change_it(
    votes: dict[int, str], quorum: int, *, ties: bool
) -> None:
    waiting = [index for index in range(6) if index not in votes][:3]

    def result(cast: dict[int, str]) -> object:
        ranks = standings(cast)
        if not ranks or ranks[0].votes < quorum:
            return None
        tie = len(ranks) > 1 and ranks[1].votes == ranks[0].votes
        return None if tie and not ties else ranks[0].value

    results = {
        result({**votes, **dict(zip(waiting, rest, strict=True))})
        for rest in itertools.product("xyzuv", repeat=len(waiting))
    }

    if certain(votes, waiting, quorum=quorum, ties=ties):
        assert len(results) == 1
    elif votes and ties:
        assert len(results) > 1


@pytest.mark.parametrize("way", WAYS)
def test_the_winner_is_told(way: Way) -> None:
    diary = Diary()
    c = several(
        "{parallel: [a, b, c], take: majority}",
        observers=[diary.events.append],
        a=Scripted("x"), b=Scripted("secret"), c=Scripted("secret"),
    )  # fmt: skip

    ask(c, "hello", way=way)

    (told,) = [dict(event.data) for event in diary.events if event.name == "won"]
    assert (told["take"], told["step"]) == ("majority", 2)
    assert "secret" not in repr(diary.events)
