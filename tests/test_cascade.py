"""Cascades: cheap first, until an answer is accepted; what is given where none is."""

from __future__ import annotations

from typing import Any

import pytest

from conductor_mw import Conductor, Failure, Part, PolicyError, Suspend, ToolCall
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import Diary, conductor

AGENTS = "agents: [{id: a}, {id: b}, {id: c}, {id: d}]\n"
CASCADE = AGENTS + 'routing: {default: {cascade: [a, b, c], accept: "answer.chars > 4"}}\n'


def cascade(body: str = "", **agents: object) -> Conductor:
    """Give a conductor over a cascade; who has no lines says what is never accepted."""
    text = AGENTS + f"routing: {{default: {body}}}\n" if body else CASCADE
    bound: dict[str, Any] = {name: Scripted("no") for name in "abcd"} | agents
    return conductor(text, **bound)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_is_accepted_is_given_and_nobody_else_is_asked(way: Way) -> None:
    b = Scripted("never")
    c = cascade(a=Scripted("a good ", "answer"), b=b)

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent, answer.accepted) == ("a good answer", "a", True)
    assert [one.path for one in answer.attempts] == ["cascade/0/a"]
    assert b.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_is_not_accepted_goes_on_to_the_next_and_is_never_seen(way: Way) -> None:
    c = cascade(b=Scripted("nor"), c=Scripted("it is ", "well"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent) == ("it is well", "c")
    assert [(one.path, one.purpose, one.visible) for one in answer.attempts] == [
        ("cascade/0/a", "candidate", False),
        ("cascade/1/b", "candidate", False),
        ("cascade/2/c", "candidate", False),
    ]
    assert answer.usage.output_tokens == 15


@pytest.mark.parametrize("way", STREAMS)
def test_the_parts_of_an_accepted_answer_are_given_as_they_came(way: Way) -> None:
    c = cascade(a=Scripted("one ", "two ", "three"))

    assert read_one(c, "hello", way=way).text == "one "


@pytest.mark.parametrize("way", WAYS)
def test_where_no_answer_is_accepted_the_last_one_is_given_and_says_so(way: Way) -> None:
    c = cascade(c=Scripted("nay"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent, answer.accepted) == ("nay", "c", False)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "body",
    [
        "{fallback: [{cascade: [a, b], accept: 'answer.chars > 4'}, d], on: [low_confidence]}",
        "{cascade: [a, b], accept: 'answer.chars > 4'}, fallback: {low_confidence: d}",
    ],
)
def test_where_somebody_stands_ready_no_unaccepted_answer_is_given(body: str, way: Way) -> None:
    c = cascade(body, d=Scripted("d is there"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.accepted) == ("d is there", True)
    assert [one.agent for one in answer.attempts] == ["a", "b", "d"]


@pytest.mark.parametrize("way", WAYS)
def test_a_step_that_fails_is_passed_over(way: Way) -> None:
    c = cascade(a=Scripted(Failure("auth")), b=Scripted("from b"))

    answer = ask(c, "hello", way=way)

    assert answer.text == "from b"
    assert [one.kind for one in answer.attempts] == ["auth", None]


@pytest.mark.parametrize("way", WAYS)
def test_a_step_that_refuses_is_passed_over(way: Way) -> None:
    c = cascade(a=Scripted("I'm sorry, but I can't help with that."), b=Scripted("from b"))

    assert ask(c, "hello", way=way).text == "from b"


@pytest.mark.parametrize("way", WAYS)
def test_where_a_failure_counts_it_ends_the_cascade(way: Way) -> None:
    b = Scripted("from b")
    c = cascade(
        "{cascade: [a, b], accept: 'answer.chars > 4', on_failure: fail}",
        a=Scripted(ConnectionError("reset")),
        b=b,
    )

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)

    assert b.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_where_the_last_step_fails_the_last_answer_there_was_is_given(way: Way) -> None:
    c = cascade(a=Scripted("so"), b=Scripted("hm"), c=Scripted(ConnectionError("reset")))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent, answer.accepted) == ("hm", "b", False)


@pytest.mark.parametrize("way", WAYS)
def test_where_every_step_fails_the_cascade_fails_like_the_last_one(way: Way) -> None:
    c = cascade(
        "{fallback: [{cascade: [a, b], accept: 'true'}, d], on: [rate_limit]}",
        a=Scripted(Failure("auth")),
        b=Scripted(Failure("rate_limit")),
        d=Scripted("d is there"),
    )

    assert ask(c, "hello", way=way).text == "d is there"


@pytest.mark.parametrize("way", WAYS)
def test_a_condition_without_a_value_is_no_pass(way: Way) -> None:
    c = cascade(
        "{cascade: [a, b], accept: 'answer.output.fine == true'}",
        a=Scripted("no JSON at all"),
        b=Scripted('{"fine": true}'),
    )

    assert ask(c, "hello", way=way).text == '{"fine": true}'


@pytest.mark.parametrize("way", WAYS)
def test_a_score_alone_must_be_a_half(way: Way) -> None:
    c = cascade(
        "{cascade: [a, b], score: {length: {min: 5}}}", a=Scripted("no"), b=Scripted("long enough")
    )

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.score, answer.accepted) == ("long enough", 1.0, True)


@pytest.mark.parametrize("way", WAYS)
def test_every_answer_is_judged_and_the_judge_is_paid_for(way: Way) -> None:
    judge = Scripted('{"because": "bad", "score": 2}', takes=[['{"because": "good", "score": 9}']])
    c = cascade("{cascade: [a, b], score: {judge: d, rubric: Is it right?}}", d=judge)

    answer = ask(c, "hello", way=way)

    assert (answer.agent, answer.score) == ("b", 0.9)
    assert [one.agent for one in answer.attempts] == ["a", "d", "b", "d"]


@pytest.mark.parametrize("way", WAYS)
def test_a_cascade_in_a_cascade_is_judged_by_the_outer_one(way: Way) -> None:
    inner = "{cascade: [a, b], accept: 'answer.chars > 4'}"
    c = cascade(f"{{cascade: [{inner}, c], accept: 'answer.chars > 2'}}", b=Scripted("yes"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.accepted) == ("yes", True)
    assert [one.path for one in answer.attempts] == [
        "cascade/0/cascade/0/a",
        "cascade/0/cascade/1/b",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_every_escalation_is_told(way: Way) -> None:
    diary = Diary()
    c = conductor(
        CASCADE, observers=[diary.events.append], a=Scripted("no"), b=Scripted(Failure("auth")),
        c=Scripted("it is well"), d=Scripted(),
    )  # fmt: skip

    ask(c, "hello", way=way)

    told = [dict(event.data) for event in diary.events if event.name == "escalated"]
    assert told == [
        {"step": 1, "kind": "low_confidence", "score": None},
        {"step": 2, "kind": "auth", "score": None},
    ]


@pytest.mark.parametrize("way", STREAMS)
def test_a_caller_that_stops_reading_leaves_nothing_open(way: Way) -> None:
    a = Scripted("one ", "two ", "three")
    c = cascade(a=a)

    read_one(c, "hello", way=way)

    assert a.closed == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [Suspend("gate"), TypeError("a bug")])
def test_what_is_no_failure_is_not_passed_over(error: Exception, way: Way) -> None:
    b = Scripted("from b")
    c = cascade(a=Scripted(error), b=b)

    with pytest.raises(type(error)):
        ask(c, "hello", way=way)

    assert b.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_tool_calls_of_an_accepted_answer_arrive(way: Way) -> None:
    call = Part(tool_calls=(ToolCall(0, "c1", "search", "{}"),), finish="tool_calls")
    c = cascade("{cascade: [a, b], accept: \"'search' in answer.tool_calls\"}", b=Scripted(call))

    answer = ask(c, "hello", way=way)

    assert [one.name for one in answer.tool_calls] == ["search"]


def test_the_bound_counts_every_step_and_every_judge() -> None:
    text = """
agents: [{id: a, retry: 2}, {id: b}, {id: j, retry: 1}]
routing: {default: {cascade: [a, b], score: {judge: j, rubric: Is it right?}}}
"""
    c = conductor(text, a=Scripted("a"), b=Scripted("b"), j=Scripted("j"))

    assert c.policy.default_flow is not None
    assert c.policy.default_flow.worst_calls == (3 + 1) + 2 * 2


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{cascade: [a, b]}", ":2:30: .*nothing says when an answer is good enough"),
        ("{cascade: [], accept: 'true'}", "at least 1"),
        ("{cascade: [a], accept: 'answer.score > 0.5'}", "nothing scores the answer"),
        ("{cascade: [a], accept: 'answer.words > 1'}", "answer.words"),
        ("{cascade: [a], accept: 'true', on_failure: skip}", "continue"),
        ("{cascade: [a, nobody], accept: 'true'}", "no agent or flow 'nobody'"),
    ],
)
def test_what_cannot_be_meant_is_refused(body: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        cascade(body)
