"""Consensus: all agree and the first one's answer is given, or somebody else answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Conductor, Failure, Part, PolicyError, Suspend
from conductor_mw.flows.ballot import close
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import Diary
from tests.racing import Held, branches_end, in_simulated_time, paths, several


@pytest.mark.parametrize("way", WAYS)
def test_where_all_agree_the_first_ones_answer_is_given(way: Way) -> None:
    d = Scripted("never")
    c = several(
        "{consensus: [a, b, c], otherwise: d}",
        a=Scripted("It  is ", "FOUR"), b=Scripted("it is four"), c=Scripted(" It is four\n"), d=d,
    )  # fmt: skip

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent) == ("It  is FOUR", "a")
    assert paths(answer) == ["consensus/0/a", "consensus/1/b", "consensus/2/c"]
    assert d.asked == []


@pytest.mark.parametrize("way", STREAMS)
def test_the_parts_are_given_as_they_came(way: Way) -> None:
    c = several("{consensus: [a, b]}", a=Scripted("one ", "two"), b=Scripted("one two"))

    assert read_one(c, "hello", way=way).text == "one "


@pytest.mark.parametrize("way", WAYS)
def test_where_they_do_not_agree_somebody_else_answers(way: Way) -> None:
    c = several("{consensus: [a, b], otherwise: d}", d=Scripted("d ", "decides"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent) == ("d decides", "d")
    assert "consensus/otherwise/d" in paths(answer)


@pytest.mark.parametrize("way", WAYS)
def test_who_decides_may_read_what_the_others_said(way: Way) -> None:
    d = Scripted("decided")
    c = several(
        "{consensus: [a, b], otherwise: {use: d, prompt: 'A says {a.text}, B says "
        "{steps.b.text}, all say {answers}'}}",
        a=Scripted("{b.text}"), d=d,
    )  # fmt: skip

    assert ask(c, "hello", way=way).text == "decided"
    assert d.asked[0].text == 'A says {b.text}, B says b, all say ["{b.text}","b"]'


@pytest.mark.parametrize("way", WAYS)
def test_without_anybody_else_it_is_low_confidence(way: Way) -> None:
    with pytest.raises(Failure, match="do not agree") as caught:
        ask(several("{consensus: [a, b]}"), "hello", way=way)

    assert caught.value.kind == "low_confidence"


@pytest.mark.parametrize("way", WAYS)
def test_one_that_fails_agrees_with_nobody(way: Way) -> None:
    failing = Scripted(ConnectionError("reset"))

    assert (
        ask(several("{consensus: [a, b], otherwise: d}", b=failing), "hello", way=way).text == "d"
    )
    with pytest.raises(ConnectionError):
        ask(several("{consensus: [a, b]}", b=Scripted(ConnectionError("reset"))), "hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_after_a_failure_nobody_waits_for_the_others(way: Way) -> None:
    slow = Held("slow")
    c = several("{consensus: [a, b], otherwise: d}", a=slow, b=Scripted(Failure("auth")))

    assert ask(c, "hello", way=way).text == "d"
    slow.latch.open()
    branches_end()
    assert slow.closed == slow.asked


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("agree", "text"),
    [
        ("answers.all(one, one.size() == answers[0].size())", "yes"),
        ("a.chars == b.chars && steps.a.success", "yes"),
        ("answers[0] == answers[1]", "d"),
        ("a.output.x == b.output.x", "d"),  # no JSON: no value, and no agreement
    ],
)
def test_a_condition_may_say_when_they_agree(agree: str, text: str, way: Way) -> None:
    c = several(
        f"{{consensus: [a, b], agree: '{agree}', otherwise: d}}",
        a=Scripted("yes"), b=Scripted("yea"),
    )  # fmt: skip

    assert ask(c, "hello", way=way).text == text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("first", "second", "agreed"),
    [("4", " 4.05\n", True), ("4", "4.2", False), ("4", "four", False), ("nan", "nan", False)],
)
def test_numbers_may_differ_a_little(first: str, second: str, agreed: bool, way: Way) -> None:
    c = several(
        "{consensus: [a, b], tolerance: 0.1, otherwise: d}", a=Scripted(first), b=Scripted(second)
    )

    assert ask(c, "hello", way=way).text == (first if agreed else "d")


@pytest.mark.parametrize("way", WAYS)
def test_a_part_of_the_answers_may_be_compared(way: Way) -> None:
    c = several(
        "{consensus: [a, b], by: answer.output.total, tolerance: 1, otherwise: d}",
        a=Scripted('{"total": 10, "why": "x"}'), b=Scripted('{"total": 10.5, "why": "y"}'),
    )  # fmt: skip

    assert ask(c, "hello", way=way).agent == "a"


def test_who_has_not_answered_in_time_has_failed() -> None:
    async def work(c: Conductor) -> str:
        return (await c.acall("hello")).text

    text = in_simulated_time(
        "agents: [{id: a}, {id: b}, {id: d}]\n"
        "routing: {default: {consensus: [a, b], timeout: 5s, otherwise: d}}\n",
        work, a=Scripted("a"), b=Scripted(60.0, "a"), d=Scripted("d"),
    )  # fmt: skip
    assert text == "d"


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_failure_passes_through(way: Way) -> None:
    c = several("{consensus: [a, b], otherwise: d}", b=Scripted(Suspend("gate")))

    with pytest.raises(Suspend):
        ask(c, "hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_a_disagreement_is_told_without_the_texts(way: Way) -> None:
    diary = Diary()
    c = several(
        "{consensus: [a, b], otherwise: d}", observers=[diary.events.append],
        a=Scripted(Part("a secret")),
    )  # fmt: skip

    ask(c, "hello", way=way)

    (told,) = [event for event in diary.events if event.name == "disagreed"]
    assert dict(told.data) == {"kind": "low_confidence"}
    assert "secret" not in repr(diary.events)


@given(st.lists(st.floats() | st.integers(), min_size=2, max_size=4), st.floats(0, 10))
def test_numbers_agree_when_no_two_are_too_far_apart(values: list[float], tolerance: float) -> None:
    far = any(not abs(float(a) - float(b)) <= tolerance for a in values for b in values)

    assert close(values, tolerance) == (not far)
    assert close([str(value) for value in values if len(str(value)) <= 40], tolerance) >= (not far)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{consensus: [a]}", r"consensus: at least 2 items must stand here$"),
        ("{consensus: [a, b], agree: 'true', by: answer.text}", "says itself what is compared"),
        ("{consensus: [a, b], agree: 'true', tolerance: 1}", "says itself what is compared"),
        ("{consensus: [a, b], agree: 'answers'}", "bool is needed"),
        ("{consensus: [a, b], agree: 'c.text == a.text'}", "'c.text'"),
        ("{consensus: [a, b], tolerance: -1}", "0"),
    ],
)
def test_what_cannot_be_meant_is_refused(body: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        several(body)


def test_the_bound_counts_who_decides() -> None:
    flow = several("{consensus: [a, b], otherwise: {fallback: [c, d]}}").policy.default_flow

    assert flow is not None
    assert flow.worst_calls == 4
