"""A loop: the same step until its answer is good enough, and what it knows of the last time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_mw import Conductor, Event, Failure, PolicyError
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask
from tests.kit import conductor

LOOP = "agents: [{id: a}, {id: b}]\nrouting: {default: {repeat: %s}}\n"
SOLVE = """
agents: [{id: planner}, {id: worker}, {id: verifier}]
flows:
  solve:
    repeat:
      sequence:
        - id: plan
          use: planner
          prompt: "Task: {input.text} Last time: {verify.text}"
        - id: work
          use: worker
          prompt: "{plan.text}"
        - id: verify
          use: verifier
          prompt: "Is this right? {work.text}"
          output: {type: object, required: [ok], properties: {ok: {type: boolean}}}
      answer: work
    until: verify.ok
    max: 5
routing: {default: solve}
"""


def counting(*texts: str) -> Scripted:
    first, *others = texts
    return Scripted(first, takes=[[text] for text in others])


def asked(agent: Scripted) -> list[str]:
    return [one.text for one in agent.asked]


@pytest.mark.parametrize("way", WAYS)
def test_it_runs_until_the_answer_is_good_enough(way: Way) -> None:
    a = counting("no", "no", "yes", "never")
    c = conductor(LOOP % "a, until: \"answer.text == 'yes'\", max: 4", a=a)

    answer = ask(c, "x", way=way)

    assert answer.text == "yes"
    assert answer.accepted is True
    assert [one.path for one in answer.attempts] == ["repeat#1/a", "repeat#2/a", "repeat#3/a"]


@pytest.mark.parametrize("way", WAYS)
def test_the_last_answer_is_given_where_none_was_good_enough(way: Way) -> None:
    c = conductor(LOOP % 'a, until: "false", max: 2', a=counting("1", "2", "3"))

    answer = ask(c, "x", way=way)

    assert answer.text == "2"
    assert answer.accepted is False


def test_three_times_are_the_usual_limit() -> None:
    c = conductor(LOOP % 'a, until: "false"', a=counting("1", "2", "3", "4"))

    assert c.call("x").text == "3"
    assert c.decide("x").flow.worst_calls == 3


@pytest.mark.parametrize("way", WAYS)
def test_low_confidence_goes_to_whoever_stands_ready(way: Way) -> None:
    text = """
agents: [{id: a}, {id: b}]
flows: {again: {repeat: a, until: "false", max: 2}}
routing: {default: again, fallback: {low_confidence: b}}
"""
    assert ask(conductor(text, a=Scripted("a"), b=Scripted("b")), "x", way=way).text == "b"


@pytest.mark.parametrize("way", WAYS)
def test_every_time_has_its_own_parameters(way: Way) -> None:
    a = Scripted("no")
    loop = 'a, until: "false", max: 4, with: [{temperature: 0.2}, {temperature: 0.7}, {seed: 1}]'

    ask(conductor(LOOP % loop, a=a), "x", way=way, temperature=0)

    found = [(one.parameters["temperature"], one.parameters.get("seed")) for one in a.asked]
    assert found == [(0.2, None), (0.7, None), (0, 1), (0, 1)]


@pytest.mark.parametrize("way", WAYS)
def test_a_prompt_reads_the_answer_of_the_time_before(way: Way) -> None:
    a = counting("one", "two", "three")
    loop = '{use: a, prompt: "<{previous.text}> {previous.success} {previous.chars}"}'

    ask(conductor(LOOP % (loop + ", until: \"previous.text == 'two'\""), a=a), "x", way=way)

    assert asked(a) == ["<> false 0", "<one> true 3", "<two> true 3"]


@pytest.mark.parametrize("way", WAYS)
def test_planner_worker_and_verifier_take_turns(way: Way) -> None:
    planner = Scripted("plan")
    c = conductor(
        SOLVE,
        planner=planner,
        worker=counting("first", "second"),
        verifier=counting('{"ok": false}', '{"ok": true}'),
    )

    answer = ask(c, "sum", way=way)

    assert (answer.text, answer.agent, answer.accepted) == ("second", "worker", True)
    assert asked(planner) == ["Task: sum Last time: ", 'Task: sum Last time: {"ok": false}']
    assert answer.attempts[-1].path == "solve/repeat#2/sequence/verify/verifier"


@pytest.mark.parametrize("way", WAYS)
def test_the_turns_have_an_end(way: Way) -> None:
    c = conductor(
        SOLVE, planner=Scripted("p"), worker=Scripted("w"), verifier=Scripted('{"ok": false}')
    )

    answer = ask(c, "sum", way=way)

    assert (answer.text, answer.accepted) == ("w", False)
    assert len(answer.attempts) == c.decide("x").flow.worst_calls == 15


def test_two_loops_over_one_flow_know_nothing_of_each_other() -> None:
    text = """
agents: [{id: a}, {id: b}]
flows: {twice: {repeat: {use: a, prompt: "<{previous.text}>"}, until: "false", max: 2}}
routing: {default: {sequence: [twice, twice]}}
"""
    a = counting("1", "2", "3", "4")
    conductor(text, a=a).call("x")

    assert asked(a) == ["<>", "<1>", "<>", "<3>"]


@pytest.mark.parametrize("way", WAYS)
def test_a_time_that_fails_fails_the_loop(way: Way) -> None:
    a = Scripted(ConnectionError("reset"), takes=[["yes"]])

    with pytest.raises(ConnectionError):
        ask(conductor(LOOP % 'a, until: "answer.chars > 0"', a=a), "x", way=way)

    assert len(a.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_time_that_fails_may_be_borne(way: Way) -> None:
    a = Scripted(TimeoutError("slow"), takes=[["yes"]])
    loop = '{use: a, prompt: "{previous.failure}"}, on_failure: continue, until: "true"'

    assert ask(conductor(LOOP % loop, a=a), "x", way=way).text == "yes"
    assert asked(a) == ["", "timeout"]


def test_a_good_answer_is_kept_where_later_times_fail() -> None:
    a = Scripted("poor", takes=[[TimeoutError("slow")]])
    answer = conductor(LOOP % 'a, until: "false", on_failure: continue', a=a).call("x")

    assert (answer.text, answer.accepted) == ("poor", False)


def test_where_every_time_fails_the_failure_reaches_the_caller() -> None:
    with pytest.raises(TimeoutError):
        conductor(
            LOOP % 'a, until: "true", on_failure: continue', a=Scripted(TimeoutError("slow"))
        ).call("x")


def test_a_condition_without_a_value_is_never_good_enough() -> None:
    with pytest.raises(Failure) as caught:
        conductor(LOOP % 'a, until: "answer.confidence > 0.5"', a=Scripted("x")).call("x")

    assert caught.value.kind == "scorer_failed"


@pytest.mark.parametrize("way", STREAMS)
def test_a_score_alone_means_one_half(way: Way) -> None:
    a = counting("short", "long enough")

    assert ask(conductor(LOOP % "a, score: {length: {min: 8}}", a=a), "x", way=way).text == (
        "long enough"
    )


def test_what_was_not_good_enough_is_told() -> None:
    events: list[Event] = []
    conductor(LOOP % 'a, until: "false", max: 2', a=Scripted("x"), observers=[events.append]).call(
        "x"
    )

    told = [(one.attempt, one.data["kind"]) for one in events if one.name == "repeated"]
    assert told == [(1, "low_confidence"), (2, "low_confidence")]


@pytest.mark.parametrize(
    ("loop", "problem"),
    [
        ("a", "nothing says when the answer is good enough"),
        ('a, until: "true", max: 21', "less than or equal to 20"),
        ('a, until: "answer.score > 0.5"', "routing.default.until: `answer.score` has no value"),
        ('a, until: "verify.ok"', "no signal 'verify.ok'"),
        ('{sequence: [{id: previous, use: a}]}, until: "true"', "cannot be called 'previous'"),
        ('a, until: "true", times: 3', "no key 'times'"),
    ],
)
def test_mistakes_in_a_loop_are_found_at_load(loop: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(LOOP % loop, a=Scripted("x"))

    assert problem in str(caught.value)


def test_the_answer_of_the_time_before_is_there_in_loops_only() -> None:
    with pytest.raises(PolicyError, match=r"no signal 'previous\.text'"):
        conductor("agents: [{id: a}]\nrouting: {default: {use: a, prompt: '{previous.text}'}}\n")


# Whatever is nested and whoever fails, no more calls are made than were counted at load.

NAMES = ("good", "poor", "flaky")
BEARS = ("fail", "continue")
KINDS = ("sequence", "undo", "repeat", "retry", "fallback", "for_each")


@st.composite
def flows(draw: st.DrawFn, depth: int = 0) -> Any:  # noqa: PLR0911 - one for each kind
    """Give a flow of several levels; every level has its own names."""
    kind = draw(st.sampled_from(KINDS)) if depth < 3 else ""
    if not kind or (depth and draw(st.booleans())):
        return draw(st.sampled_from(NAMES))
    inner = flows(depth + 1)
    step = draw(inner)
    bears = draw(st.sampled_from(BEARS))
    if kind == "sequence":
        return {"sequence": [step, {"use": draw(inner), "on_failure": bears}, draw(inner)]}
    if kind == "undo":
        return {"sequence": [{"use": step, "undo": draw(st.sampled_from(NAMES))}, "flaky"]}
    if kind == "repeat":
        times = draw(st.integers(1, 3))
        loop = {"until": "answer.text == 'good'", "max": times, "on_failure": bears}
        return {"repeat": step, **loop}
    if kind == "retry":
        return {"use": step, "retry": {"times": 1, "wait": "1ms"}}
    if kind == "fallback":
        return {"fallback": [step, draw(inner)]}
    many = {"for_each": f"{{list{depth}.output}}", "as": f"item{depth}", "max": 3}
    listing = {"id": f"list{depth}", "use": "items", "on_failure": "continue"}
    return {"sequence": [listing, {**many, "use": step, "on_failure": bears}]}


@settings(max_examples=80, deadline=None)
@given(flow=flows(), fates=st.lists(st.booleans(), min_size=1, max_size=12))
def test_no_more_calls_are_made_than_were_counted(flow: Any, fates: list[bool]) -> None:
    flaky: list[Any] = [["good"] if fate else [ConnectionError("reset")] for fate in fates]
    agents = {
        "good": Scripted("good"),
        "poor": Scripted("poor"),
        "flaky": Scripted(*flaky[0], takes=flaky[1:]),
        "items": Scripted("[1, 2, 3]"),
    }
    text = json.dumps({"agents": [{"id": name} for name in agents], "routing": {"default": flow}})
    c = Conductor.from_text(text, agents=agents, clock=VirtualClock())
    kind = ""

    try:
        c.call("x")
    except ConnectionError:
        kind = "connection"
    except Failure as failure:
        kind = failure.kind

    # The run itself would refuse one call more than was counted.
    assert kind != "policy_violation"
    assert sum(len(one.asked) for one in agents.values()) <= c.decide("x").flow.worst_calls
