"""A sequence: steps in order, what they know of each other, and whose answer is given."""

from __future__ import annotations

from typing import Any

import pytest

from conductor_mw import (
    Conductor,
    ConductorError,
    EvaluationError,
    Failure,
    Part,
    PolicyError,
    attempts_of,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import conductor

AGENTS = "agents: [{id: a}, {id: b}, {id: c}]\n"


def desk(steps: str, **agents: Any) -> Conductor:
    """Give a conductor over one sequence, its steps written below one another."""
    lines = "".join(f"      - {step.strip()}\n" for step in steps.strip().splitlines())
    usual: dict[str, Any] = {"a": Scripted("A"), "b": Scripted("B"), "c": Scripted("C")}
    text = f"{AGENTS}routing:\n  default:\n    sequence:\n{lines}"
    return conductor(text, **(usual | agents))


def paths(answer: Any) -> list[str]:
    return [one.path for one in answer.attempts]


def asked(agent: Scripted) -> list[str]:
    return [one.text for one in agent.asked]


@pytest.mark.parametrize("way", WAYS)
def test_the_last_step_answers_and_each_gets_the_original_request(way: Way) -> None:
    a, b = Scripted("A"), Scripted("B")
    c = desk("a\nb", a=a, b=b)

    answer = ask(c, "question", way=way)

    assert (answer.text, answer.agent) == ("B", "b")
    assert paths(answer) == ["sequence/1/a", "sequence/2/b"]
    assert asked(a) == asked(b) == ["question"]


@pytest.mark.parametrize("way", WAYS)
def test_later_steps_read_what_earlier_ones_gave(way: Way) -> None:
    b = Scripted("B")
    c = desk(
        """
        {id: draft, use: a}
        {id: deep-check, use: c}
        {use: b, prompt: "{draft.text} {steps.draft.agent} {deep-check.chars} {input.text}"}
        """,
        b=b,
    )

    ask(c, "question", way=way)

    assert asked(b) == ["A a 1 question"]


@pytest.mark.parametrize("way", WAYS)
def test_a_step_runs_when_its_condition_holds(way: Way) -> None:
    c = desk("""
        {id: draft, use: a}
        {id: check, use: b, when: "draft.text == 'A'"}
        {id: never, use: c, when: "steps.check.ran && check.text != 'B'"}
    """)

    answer = ask(c, "x", way=way)

    assert answer.text == "B"
    assert paths(answer) == ["sequence/draft/a", "sequence/check/b"]


def test_a_step_that_was_passed_over_did_not_run() -> None:
    c = Scripted("C")
    desk(
        """
        {id: draft, use: a, when: "false"}
        {use: c, prompt: "{draft.ran} {draft.success} <{draft.text}>"}
        """,
        c=c,
    ).call("x")

    assert asked(c) == ["false false <>"]


def test_where_no_step_runs_nobody_answers() -> None:
    with pytest.raises(Failure, match="no step") as caught:
        desk('{use: a, when: "false"}').call("x")

    assert caught.value.kind == "invalid_output"


@pytest.mark.parametrize("way", WAYS)
def test_the_fields_of_a_declared_output_are_facts(way: Way) -> None:
    b = Scripted("B")
    plan = """{id: plan, use: a, output: {type: object, required: [items, risk], properties:
      {items: {type: array}, risk: {type: number}, text: {type: string}}}}""".replace("\n", " ")
    c = desk(
        f"""
        {plan}
        {{use: b, when: "plan.risk > 0.5 && size(plan.items) == 1", prompt: "{{plan.items}}"}}
        """,
        a=Scripted('{"items": ["x"], "risk": 1, "text": "hidden"}'),
        b=b,
    )

    ask(c, "x", way=way)

    assert asked(b) == ['["x"]']


@pytest.mark.parametrize("way", WAYS)
def test_a_failing_step_fails_the_sequence(way: Way) -> None:
    c = Scripted("C")

    with pytest.raises(ConnectionError) as caught:
        ask(desk("a\nb\nc", b=Scripted(ConnectionError("reset")), c=c), "x", way=way)

    assert [one.path for one in attempts_of(caught.value)] == ["sequence/1/a", "sequence/2/b"]
    assert c.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_a_step_whose_failure_is_borne_leaves_its_kind(way: Way) -> None:
    c = Scripted("C")
    d = desk(
        """
        {id: look, use: b, on_failure: continue}
        {use: c, prompt: "{look.success} {look.failure} {look.ran}"}
        """,
        b=Scripted(TimeoutError("slow")),
        c=c,
    )

    assert ask(d, "x", way=way).text == "C"
    assert asked(c) == ["false timeout true"]


@pytest.mark.parametrize("way", WAYS)
def test_skipping_the_rest_gives_the_last_good_answer(way: Way) -> None:
    c = Scripted("C")
    d = desk("a\n{use: b, on_failure: skip_rest}\nc", b=Scripted(TimeoutError("slow")), c=c)

    assert ask(d, "x", way=way).text == "A"
    assert c.asked == []


def test_skipping_the_rest_before_any_answer_is_the_failure() -> None:
    with pytest.raises(TimeoutError):
        desk("{use: b, on_failure: skip_rest}\nc", b=Scripted(TimeoutError("slow"))).call("x")


@pytest.mark.parametrize("way", WAYS)
def test_a_named_step_answers_for_the_sequence(way: Way) -> None:
    text = f"""{AGENTS}routing:
  default:
    sequence: [{{id: work, use: a}}, {{id: verify, use: b}}]
    answer: work
"""
    answer = ask(conductor(text, a=Scripted("A"), b=Scripted("B")), "x", way=way)

    assert (answer.text, answer.agent) == ("A", "a")
    assert len(answer.attempts) == 2


def test_the_failure_of_the_answering_step_is_the_sequences() -> None:
    text = f"""{AGENTS}routing:
  default:
    sequence: [{{id: work, use: a, on_failure: continue}}, {{id: verify, use: b}}]
    answer: work
"""
    with pytest.raises(TimeoutError):
        conductor(text, a=Scripted(TimeoutError("slow")), b=Scripted("B")).call("x")


@pytest.mark.parametrize("way", STREAMS)
def test_only_the_last_step_streams(way: Way) -> None:
    a, b = Scripted("one ", "two"), Scripted("three ", RuntimeError("after the first part"))

    assert read_one(desk("a\nb", a=a, b=b), "x", way=way).text == "three "
    assert (a.closed, b.closed) == (1, 1)


def test_what_is_hidden_and_what_for_stands_in_the_attempts() -> None:
    answer = desk("a\nb").call("x")

    assert [(one.visible, one.purpose) for one in answer.attempts] == [
        (False, "step"),
        (True, "answer"),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_sequences_nest_and_the_inner_one_reads_the_outer(way: Way) -> None:
    b = Scripted("B")
    c = desk(
        """
        {id: draft, use: a}
        {id: both, use: {sequence: [{id: see, use: c}, {use: b, prompt: "{draft.text}{see.text}"}]}}
        """,
        b=b,
    )

    answer = ask(c, "x", way=way)

    assert asked(b) == ["AC"]
    assert paths(answer)[1:] == [
        "sequence/both/sequence/see/c",
        "sequence/both/sequence/2/b",
    ]


def test_a_flow_with_a_name_reads_the_request_only() -> None:
    text = f"""{AGENTS}
flows: {{inner: {{use: b, prompt: "{{draft.text}}"}}}}
routing: {{default: {{sequence: [{{id: draft, use: a}}, inner]}}}}
"""
    with pytest.raises(PolicyError, match=r"no signal 'draft\.text'"):
        conductor(text)


def test_a_choice_between_two_steps_reads_what_they_gave() -> None:
    c = desk("""
        {id: draft, use: a}
        {use: {choose: [{when: "draft.chars > 5", use: b}], else: c}}
    """)

    assert c.call("x").text == "C"


def test_what_has_no_value_is_an_error_and_never_false() -> None:
    c = desk("""
        {id: draft, use: a}
        {use: b, when: "draft.confidence > 0.5"}
    """)

    with pytest.raises(EvaluationError, match=r"draft\.confidence"):
        c.call("x")


def test_a_prompt_that_reads_what_has_no_value_fails_its_step() -> None:
    c = desk("""
        {id: draft, use: a}
        {use: b, prompt: "{draft.output.name}", on_failure: continue}
    """)

    assert c.call("x").text == "A"


@pytest.mark.parametrize("way", WAYS)
def test_a_rescue_answers_for_the_whole_sequence(way: Way) -> None:
    text = f"""{AGENTS}
flows: {{two: {{sequence: [a, b]}}}}
routing: {{default: two, fallback: {{connection: c}}}}
"""
    c = conductor(text, a=Scripted("A"), b=Scripted(ConnectionError("x")), c=Scripted("C"))

    assert ask(c, "x", way=way).text == "C"


def test_every_step_and_every_undo_counts_for_the_worst_case() -> None:
    c = desk("a\n{use: b, retry: 2, undo: c}")

    assert c.decide("x").flow.worst_calls == 5


def test_a_tool_call_of_the_last_step_reaches_the_app() -> None:
    call = Part(tool_calls=({"index": 0},))  # type: ignore[arg-type]  # only passed on
    answer = desk("a\nb", b=Scripted(call)).stream("x")

    assert any(part.tool_calls for part in answer)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("{id: input, use: a}", "a step cannot be called 'input': 'input."),
        ("{id: answer, use: a}", "a step cannot be called 'answer'"),
        ("{id: x, use: a}\n{id: x, use: b}", "a step cannot be called 'x': 'steps.x'"),
        ("{id: X, use: a}", "'X' is not a name"),
        ('{id: x, use: a, prompt: "{y.text}"}\n{id: y, use: b}', "no signal 'y.text'"),
        (
            '{id: x, use: a}\n{use: b, prompt: "{careful.text}"}',
            "a step is read by its id, and by later steps only",
        ),
        ('{use: a, when: "later.ran"}\n{id: later, use: b}', "no signal 'later.ran'"),
        ("{use: a, undoo: b}", "no key 'undoo'\n  did you mean 'undo'?"),
        ("{id: x, fallback: [a]}", "put the flow below `use:`, for example {id: ..., use: {...}}"),
        ("{use: nobody}", "no agent or flow 'nobody'"),
        ("{use: a, undo: nobody}", "no agent or flow 'nobody'"),
        ("{use: a, on_failure: stop}", "'stop' is not allowed here"),
    ],
)
def test_mistakes_in_a_sequence_are_found_at_load(steps: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        desk(steps)

    assert problem in str(caught.value)


def test_the_answering_step_must_exist() -> None:
    text = f"{AGENTS}routing: {{default: {{sequence: [{{id: work, use: a}}], answer: wrok}}}}\n"

    with pytest.raises(PolicyError, match=r"no step 'wrok'\n  did you mean 'work'"):
        conductor(text)


def test_an_inner_step_may_not_hide_an_outer_one() -> None:
    with pytest.raises(ConductorError, match="cannot be called 'draft'"):
        desk("""
            {id: draft, use: a}
            {use: {sequence: [{id: draft, use: b}]}}
        """)


def test_what_steps_know_together_has_an_end() -> None:
    steps = "".join(
        f"      - {{id: s{n}, use: a, prompt: '{{s{max(0, n - 1)}.text}}'}}\n" for n in range(1, 64)
    )
    flows = "".join(
        f"  f{n}:\n    sequence:\n      - {{id: s0, use: a}}\n{steps}" for n in range(9)
    )

    with pytest.raises(PolicyError, match="know more than 500000 facts together"):
        conductor(f"{AGENTS}flows:\n{flows}routing: {{default: a}}\n")


def test_a_score_that_nobody_gives_is_missed_at_load() -> None:
    text = (
        "agents: [{id: a}, {id: b}]\n"
        "routing: {default: {sequence: [{id: d, use: a%s}, {use: b, when: d.score < 0.5}]}}\n"
    )

    with pytest.raises(PolicyError) as caught:
        conductor(text % "", a=Scripted("x"), b=Scripted("y"))
    assert str(caught.value).endswith(
        "no signal 'd.score'\n  nothing scores it: add `score:` to the step"
    )

    scored = conductor(text % ", score: {length: {min: 1}}", a=Scripted("x"), b=Scripted("y"))
    assert scored.call("hello").text == "x"
