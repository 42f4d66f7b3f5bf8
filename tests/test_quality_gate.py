"""`accept:` and `score:` on agents and steps: what is not good enough is a failure, unseen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import (
    Conductor,
    Event,
    Failure,
    PolicyError,
    Suspend,
    attempts_of,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import conductor

RESCUED = """
agents:
  - {id: a, score: {use: s}, accept: answer.score >= 0.8}
  - {id: b}
  - {id: s}
routing: {default: a, fallback: {low_confidence: b}}
"""
STEPS = """
agents: [{id: a}, {id: b}, {id: s}]
routing:
  default:
    fallback: [{use: a, score: {use: s}, accept: answer.score >= 0.8}, b]
    on: [low_confidence]
"""
PLACES = pytest.mark.parametrize("text", [RESCUED, STEPS], ids=["agent", "step"])


def of_three(text: str, score: str = "0.2", **agents: Any) -> Conductor:
    a, b, s = Scripted("weak ", "answer"), Scripted("strong answer"), Scripted(score)
    bound: dict[str, Any] = {"a": a, "b": b, "s": s, **agents}
    return conductor(text, **bound)


def failure_of(c: Conductor, *, way: Way = "call") -> Failure:
    with pytest.raises(Failure) as caught:
        ask(c, "Question", way=way)
    return caught.value


def refused(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        conductor(text)
    return str(caught.value)


@PLACES
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_below_the_bar_is_the_failure_low_confidence(text: str, way: Way) -> None:
    answer = ask(of_three(text), "Question", way=way)

    assert answer.text == "strong answer"
    assert (answer.agent, answer.score) == ("b", None)
    assert [(one.agent, one.purpose) for one in answer.attempts] == [
        ("a", "candidate"),
        ("s", "score"),
        ("b", "answer"),
    ]


@PLACES
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_above_the_bar_is_given_with_its_score(text: str, way: Way) -> None:
    answer = ask(of_three(text, "0.9"), "Question", way=way)

    assert answer.text == "weak answer"
    assert (answer.agent, answer.score, answer.accepted) == ("a", 0.9, True)


@PLACES
@pytest.mark.parametrize("way", STREAMS)
def test_no_part_of_an_answer_that_was_not_accepted_is_seen(text: str, way: Way) -> None:
    assert read_one(of_three(text), "Question", way=way).text == "strong answer"


@pytest.mark.parametrize("way", STREAMS)
def test_an_accepted_answer_arrives_in_its_parts(way: Way) -> None:
    c = of_three(RESCUED, "0.9")

    assert read_one(c, "Question", way=way).text == "weak "


@pytest.mark.parametrize("way", WAYS)
def test_where_nobody_stands_ready_the_caller_gets_the_failure(way: Way) -> None:
    text = "agents: [{id: a, score: {length: {min: 99}}}]\nrouting: {default: a}"

    failure = failure_of(conductor(text, a=Scripted("short")), way=way)

    assert failure.kind == "low_confidence"
    assert failure.agent == "a"
    assert failure.problem == "the answer was not accepted; its score is 0"
    assert [one.agent for one in attempts_of(failure)] == ["a"]


@pytest.mark.parametrize("way", WAYS)
def test_a_gate_whose_scorer_failed_lets_nothing_through(way: Way) -> None:
    c = of_three(RESCUED, "no idea")

    assert failure_of(c, way=way).kind == "scorer_failed"


def test_a_failed_scorer_is_a_failure_of_its_own_kind_to_route_on() -> None:
    text = RESCUED.replace("low_confidence: b", "scorer_failed: b")

    assert of_three(text, "no idea").call("Question").text == "strong answer"


@pytest.mark.parametrize("way", WAYS)
def test_leaving_a_run_is_no_low_score(way: Way) -> None:
    with pytest.raises(Suspend):
        ask(of_three(RESCUED, s=Scripted(Suspend("later"))), "Question", way=way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("accept", "answer", "accepted"),
    [
        ("answer.chars >= 5 && answer.text.contains('w')", "two words", True),
        ("answer.chars >= 5", "no", False),
        ("answer.output.sure == true", '{"sure": true}', True),
        ("answer.output.sure == true", '{"sure": false}', False),
        ("answer.finish == 'stop' && answer.agent == 'a'", "x", True),
        ("size(answer.tool_calls) == 0 && answer.success", "x", True),
        ("input.text == 'Question'", "x", True),
        ("answer.tokens > 5", "x", False),
    ],
)
def test_a_condition_alone_may_read_the_answer(
    accept: str, answer: str, accepted: bool, way: Way
) -> None:
    policy = {"agents": [{"id": "a", "accept": accept}], "routing": {"default": "a"}}
    c = conductor(json.dumps(policy), a=Scripted(answer))

    if accepted:
        assert ask(c, "Question", way=way).accepted
    else:
        assert failure_of(c, way=way).kind == "low_confidence"


@pytest.mark.parametrize("way", WAYS)
def test_a_condition_without_a_value_is_never_a_pass(way: Way) -> None:
    text = "agents: [{id: a, accept: 'answer.output.sure != false'}]\nrouting: {default: a}"

    failure = failure_of(conductor(text, a=Scripted("prose")), way=way)

    assert failure.kind == "scorer_failed"
    assert failure.problem.startswith("`accept` has no value for this answer: ")


def test_a_score_alone_accepts_from_a_half() -> None:
    text = "agents: [{id: a, score: {use: s}}, {id: s}]\nrouting: {default: a}"

    assert conductor(text, a=Scripted("x"), s=Scripted("0.5")).call("?").accepted
    below = conductor(text, a=Scripted("x"), s=Scripted("0.4999"))
    assert failure_of(below).kind == "low_confidence"


# Around each other


@pytest.mark.parametrize("way", WAYS)
def test_gates_stand_inside_one_another_each_at_its_place(way: Way) -> None:
    text = """
agents: [{id: a, score: {use: s}}, {id: s}]
routing: {default: {use: {use: a, score: {use: s}}, score: {use: s}}}
"""
    s = Scripted("0.6", takes=[["0.7"], ["0.9"]])

    answer = ask(conductor(text, a=Scripted("x"), s=s), "?", way=way)

    assert answer.score == 0.9
    assert [one.path for one in answer.attempts] == [
        "accept/accept/a",
        "accept/accept/a/score/s/s",
        "accept/accept/score/s/s",
        "accept/score/s/s",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_an_agents_own_gate_holds_wherever_it_is_used(way: Way) -> None:
    gated = "agents: [{id: a, accept: answer.chars > 9}, {id: b}]\nrouting: {default: %s}"
    for target in (
        "{fallback: [a, b], on: [low_confidence]}",
        "{cascade: [a, b], accept: answer.chars > 0}",
        "{parallel: [a, b], take: first}",
        "{sequence: [{id: one, use: {fallback: [a, b], on: [low_confidence]}}]}",
    ):
        c = conductor(gated % target, a=Scripted("short"), b=Scripted("b"))

        assert ask(c, "?", way=way).text == "b", target


def test_an_agent_that_scores_may_be_scored_itself() -> None:
    text = """
agents: [{id: a, score: {use: s}}, {id: s, accept: 'answer.output > 0.3'}]
routing: {default: a}
"""
    c = conductor(text, a=Scripted("x"), s=Scripted("0.2"))

    failure = failure_of(c)

    assert failure.kind == "scorer_failed"
    assert isinstance(failure.__cause__, Failure)
    assert failure.__cause__.kind == "low_confidence"


def test_a_score_may_come_from_a_flow() -> None:
    text = """
agents: [{id: a, score: {use: {fallback: [s, b]}}}, {id: s}, {id: b}]
routing: {default: a}
"""
    c = of_three(text, s=Scripted(ConnectionError("reset")), b=Scripted("0.75"))

    answer = c.call("Question")

    assert answer.score == 0.75
    assert answer.attempts[-1].path == "a/score/fallback/fallback/1/b"


# What is known before anything runs


@pytest.mark.parametrize(
    ("keys", "problem", "mend"),
    [
        (
            "accept: answer.score > 0.5",
            "`answer.score` has no value here",
            "add `score:` beside it",
        ),
        ("accept: size(answer.scores) > 0", "`answer.score` has no value here", "add `score:`"),
        ("accept: answer.accepted", "`answer.accepted` is what this condition decides", "read"),
        ("accept: answer.scor > 0.5", "answer.scor", "answer.score"),
        ("accept: answer.chars", "bool is needed here, and this is int", "compare it"),
        ("accept: 5", "accept: must be text, not 5", ""),
    ],
)
def test_a_wrong_condition_is_refused_at_its_place(keys: str, problem: str, mend: str) -> None:
    at_agent = refused(f"agents: [{{id: a, {keys}}}]\nrouting: {{default: a}}")
    at_step = refused(f"agents: [{{id: a}}]\nrouting: {{default: {{use: a, {keys}}}}}")

    for said in (at_agent, at_step):
        assert problem in said
        assert mend in said
    assert at_agent.startswith("<policy>:1:")
    assert at_step.startswith("<policy>:2:")
    assert "agents.0.accept: " in at_agent
    assert "routing.default.accept: " in at_step


def test_whoever_scores_is_used_and_counted() -> None:
    c = conductor(RESCUED.replace("{id: s}", "{id: s, retry: 2}"))

    assert c.policy.warnings == ()
    assert c.policy.worst_calls["a"] == (1 + 3) + 1


def test_the_checks_of_an_agent_are_part_of_the_policys_meaning() -> None:
    def fingerprint(keys: str) -> str:
        text = f"agents: [{{id: a{keys}}}, {{id: s}}]\nrouting: {{default: {{fallback: [a, s]}}}}"
        return conductor(text).policy.fingerprint

    prints = [
        fingerprint(""),
        fingerprint(", accept: answer.chars > 1"),
        fingerprint(", accept: answer.chars > 2"),
        fingerprint(", score: not_refusal"),
        fingerprint(", score: {use: s}"),
        fingerprint(", score: {judge: s, rubric: Good?}"),
        fingerprint(", score: {judge: s, rubric: Better?}"),
        fingerprint(", score: {judge: s, rubric: Better?, votes: 3}"),
        fingerprint(", output: {type: object}"),
    ]

    assert len(set(prints)) == len(prints)
    assert fingerprint(", accept: '(answer.chars > 1)'") == prints[1]
    assert fingerprint(", score: {not_refusal: true}") == prints[3]


def test_every_rating_is_told_and_holds_no_content() -> None:
    events: list[Event] = []

    conductor(
        RESCUED, a=Scripted("secret"), b=Scripted("b"), s=Scripted("0.2"), observers=[events.append]
    ).call("Question")

    (rated,) = [one for one in events if one.name == "rated"]
    assert rated.path == "a"
    assert rated.data == {"accepted": False, "score": 0.2, "scores": {"s": 0.2}}


@pytest.mark.parametrize("way", WAYS)
def test_the_deadline_of_the_request_holds_for_whoever_scores(way: Way) -> None:
    text = RESCUED.replace("default: a,", "default: a, deadline: 5s,")
    c = of_three(text, s=Scripted(10.0, "1"))

    failure = failure_of(c, way=way)

    assert failure.kind == "scorer_failed"
    assert isinstance(failure.__cause__, Failure)
    assert failure.__cause__.kind == "timeout"


@given(
    st.lists(st.sampled_from(["0.9", "0.1", "?", "reset"]), min_size=1, max_size=6),
    st.lists(st.sampled_from(["long enough", "no", "reset"]), min_size=1, max_size=6),
)
def test_whatever_fails_no_more_calls_are_made_than_were_counted(
    scores: list[str], answers: list[str]
) -> None:
    text = """
agents:
  - {id: a, retry: {times: 1, wait: 1ms}, accept: answer.chars > 3,
     score: [{judge: s, rubric: Good?, votes: 2, tries: 2}, {use: s}]}
  - {id: b, accept: answer.chars > 3}
  - {id: s, retry: {times: 1, wait: 1ms}}
routing: {default: {fallback: [a, b], on: [low_confidence, scorer_failed, connection]}}
"""

    def script(lines: list[str]) -> Scripted:
        takes: list[Any] = [[ConnectionError("x") if x == "reset" else x] for x in lines]
        return Scripted(*takes[0], takes=takes[1:])

    c = conductor(text, a=script(answers), b=script(answers), s=script(scores))

    kind = None
    try:
        made = len(c.call("Question").attempts)
    except (Failure, ConnectionError) as error:
        made = len(attempts_of(error))
        kind = error.kind if isinstance(error, Failure) else None
    assert kind != "policy_violation"
    assert made <= c.policy.worst_calls["#default"] == 2 + 2 * 2 * 2 + 2 + 1
