"""A step: what stands beside `use:` changes what is asked, how long it may take, what is taken."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from conductor_mw import Attempt, Failure, Part, PolicyError, attempts_of
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from tests.kit import conductor

STEP = "agents: [{id: a}, {id: b}]\nrouting: {default: {use: a, %s}}\n"
TALK = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "What is 6 x 7?"},
]


class Noting:
    """An agent that notes what a step says beside the request."""

    def __init__(self) -> None:
        self.terms: list[Mapping[str, object]] = []

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        self.terms.append(attempt.terms)
        yield Part("yes", finish="stop")


def paths(answer: Any) -> list[str]:
    return [one.path for one in answer.attempts]


@pytest.mark.parametrize("way", WAYS)
def test_a_prompt_takes_the_conversations_place(way: Way) -> None:
    a = Scripted("42")
    c = conductor(STEP % 'prompt: "Only this: {input.text}"', a=a)

    assert ask(c, TALK, way=way).text == "42"
    assert [one.text for one in a.asked[0].messages] == ["Only this: What is 6 x 7?"]


@pytest.mark.parametrize("way", WAYS)
def test_a_system_prompt_leads_and_parameters_are_set(way: Way) -> None:
    a = Scripted("42")
    c = conductor(STEP % 'system: "You speak {input.language}.", parameters: {temperature: 0}', a=a)

    ask(c, TALK, way=way, top_p=0.5)

    messages = a.asked[0].messages
    assert [one.role for one in messages] == ["system", "user", "assistant", "user"]
    assert messages[0].text == "You speak en."
    assert a.asked[0].parameters == {"temperature": 0, "top_p": 0.5}


def test_the_apps_own_request_is_left_as_it_was() -> None:
    messages = [{"role": "user", "content": "Hello"}]
    c = conductor(STEP % "prompt: other, system: more, parameters: {seed: 1}", a=Scripted("x"))

    c.call(messages)

    assert messages == [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize("way", WAYS)
def test_a_step_that_takes_too_long_fails_as_a_timeout(way: Way) -> None:
    c = conductor(STEP % "timeout: 2s", a=Scripted(5.0, "late"))

    with pytest.raises(TimeoutError) as caught:
        ask(c, "x", way=way)

    assert [one.kind for one in attempts_of(caught.value)] == ["timeout"]


def test_a_step_cannot_outlast_the_run() -> None:
    clock = VirtualClock()
    c = conductor(STEP % "timeout: 1h", a=Scripted(5.0, "late"), clock=clock)

    with pytest.raises(TimeoutError):
        c.call("x", deadline=1)

    assert clock.monotonic() == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_repeats_the_whole_step_with_other_parameters(way: Way) -> None:
    a = Scripted(ConnectionError("1"), takes=[[ConnectionError("2")], ["third"]])
    c = conductor(STEP % "retry: {times: 3, with: [{temperature: 0.5}, {temperature: 1}]}", a=a)

    answer = ask(c, "x", way=way, temperature=0)

    assert answer.text == "third"
    assert [one.parameters["temperature"] for one in a.asked] == [0, 0.5, 1]
    assert paths(answer) == ["a", "try#2/a", "try#3/a"]


def test_the_last_parameters_are_kept_for_further_tries() -> None:
    a = Scripted(ConnectionError("no"))
    c = conductor(STEP % "retry: {times: 3, with: [{seed: 1}]}", a=a)

    with pytest.raises(ConnectionError):
        c.call("x")

    assert [one.parameters.get("seed") for one in a.asked] == [None, 1, 1, 1]


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_is_not_accepted_is_asked_for_again(way: Way) -> None:
    a = Scripted("short", takes=[["long enough"]])
    step = 'accept: "answer.chars > 5", retry: {times: 1, on: [low_confidence], wait: 1ms}'

    answer = ask(conductor(STEP % step, a=a), "x", way=way)

    assert answer.text == "long enough"
    assert answer.accepted is True


@pytest.mark.parametrize("way", WAYS)
def test_an_output_of_another_form_is_no_answer(way: Way) -> None:
    schema = "output: {type: object, required: [items]}"
    step = f"{schema}, retry: {{times: 1, on: [invalid_output]}}"
    a = Scripted("no json", takes=[['{"items": []}']])

    assert ask(conductor(STEP % step, a=a), "x", way=way).text == '{"items": []}'
    with pytest.raises(Failure) as caught:
        ask(conductor(STEP % schema, a=Scripted("[]")), "x", way=way)

    assert caught.value.kind == "invalid_output"


@pytest.mark.parametrize("way", STREAMS)
def test_nothing_is_repeated_once_the_caller_saw_something(way: Way) -> None:
    a = Scripted("one ", ConnectionError("reset"))

    with pytest.raises(ConnectionError):
        ask(conductor(STEP % "retry: 3", a=a), "x", way=way)

    assert len(a.asked) == 1


@pytest.mark.parametrize("way", STREAMS)
def test_a_dressed_step_still_streams(way: Way) -> None:
    a = Scripted("one ", RuntimeError("after the first part"))
    c = conductor(STEP % "prompt: hello, timeout: 5s, retry: 2", a=a)

    assert read_one(c, "x", way=way).text == "one "
    assert a.closed == 1


def test_every_try_counts_for_the_worst_case() -> None:
    c = conductor(STEP % "retry: 2", a=Scripted("x"))

    assert c.decide("x").flow.worst_calls == 3


def test_a_step_that_changes_nothing_is_its_target() -> None:
    plain = conductor("agents: [{id: a}]\nrouting: {default: a}\n", a=Scripted("x"))
    used = conductor("agents: [{id: a}]\nrouting: {default: {use: a}}\n", a=Scripted("x"))

    assert plain.policy.fingerprint == used.policy.fingerprint


def test_a_step_may_be_a_flow() -> None:
    step = "agents: [{id: a}, {id: b}]\nrouting: {default: {use: {fallback: [a, b]}, prompt: p}}\n"
    b = Scripted("b")

    assert conductor(step, a=Scripted(ConnectionError("no")), b=b).call("x").text == "b"
    assert b.asked[0].text == "p"


@pytest.mark.parametrize("way", WAYS)
def test_what_a_person_is_shown_and_may_do_travels_beside_the_request(way: Way) -> None:
    leads = Noting()
    text = """
agents: [{id: leads, human: leads}]
routing:
  default:
    use: leads
    show: "Refund? {transcript}"
    choices: [approve, reject]
    timeout: 2d
    on_timeout: fail
    quorum: 2
"""

    assert ask(conductor(text, leads=leads), "Give it back", way=way).text == "yes"
    assert leads.terms == [
        {
            "show": "Refund? user: Give it back",
            "choices": ["approve", "reject"],
            "timeout": 172_800.0,
            "on_timeout": "fail",
            "quorum": 2,
        }
    ]


def test_words_for_people_are_refused_on_models() -> None:
    text = "agents: [{id: m, model: openai/gpt-4o-mini}]\nrouting: {default: {use: m, quorum: 2}}\n"

    with pytest.raises(PolicyError, match=r"2:37: routing\.default\.quorum: 'quorum' is for a"):
        conductor(text)


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("promt: x", "no key 'promt'\n  did you mean 'prompt'?"),
        ('prompt: "{input.txt}"', "no signal 'input.txt'\n  did you mean 'input.text'?"),
        ('prompt: "{input.text"', "'{' begins no place for a value"),
        ('accept: "answer.score > 0.5"', "nothing scores the answer"),
        ("timeout: 3", "3 has no unit; write for example 3s"),
        ("output: {type: strin}", "strin"),
        ("fallback: [a, b]", "a flow cannot be of two kinds: 'use' and 'fallback'"),
    ],
)
def test_mistakes_in_a_step_are_found_at_load(step: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(STEP % step, a=Scripted("x"))

    assert problem in str(caught.value)


def test_terms_on_which_nobody_can_be_asked_are_refused() -> None:
    text = """
agents: [{id: leads, human: leads}]
routing: {default: {use: leads, choices: [reject], on_timeout: approve}}
"""
    with pytest.raises(PolicyError, match=r"3:20: routing\.default: "):
        conductor(text)


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        (
            "{use: a, parameters: {api_key: sk-123}}",
            "2:41: routing.default.parameters: the parameter 'api_key' may hold a key",
        ),
        (
            "{use: a, retry: {times: 1, with: [{api_base: 'https://x.example'}]}}",
            "2:55: routing.default.retry.with.0: LiteLLM would go past this policy because of",
        ),
        (
            "{balance: [{use: a, parameters: {headers: {Authorization: Bearer x}}}]}",
            "may hold a key",
        ),
        ("{repeat: a, max: 2, until: 'true', with: [{api_key: x}]}", "may hold a key"),
    ],
)
def test_a_steps_parameters_hold_no_key_and_lead_nowhere_else(flow: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(f"agents: [{{id: a}}]\nrouting: {{default: {flow}}}\n", a=Scripted("x"))

    assert said in str(caught.value)
    assert "sk-123" not in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_nobody_waits_before_asking_again_for_a_better_answer(way: Way) -> None:
    clock = VirtualClock()
    c = conductor(
        "agents: [{id: a}]\nrouting: {default: {use: a, output: {type: integer}, "
        "retry: {times: 1, on: [invalid_output, timeout], wait: 9s, longest: 9s}}}\n",
        clock=clock,
        a=Scripted("no number", takes=[["4"]]),
    )

    assert ask(c, "hello", way=way).text == "4"
    assert sum(clock.slept) == 0


@pytest.mark.parametrize(
    "text",
    [
        "workflow: {routing: {route: {code: {use: a, parameters: {api_key: sk-1}}}, default: a}}\n",
        "workflow: {routing: {route: {code: a}, default: {use: a, parameters: {api_key: sk-1}}}}\n",
        "routing: {default: a, fallback: {timeout: {use: a, parameters: {api_key: sk-1}}}}\n",
        "routing: {default: {use: a, shadow: {use: {use: b, parameters: {api_key: sk-1}}}}}\n",
        "routing: {default: {use: a, score: {use: {use: b, parameters: {api_key: sk-1}}}}}\n",
    ],
)
def test_no_place_of_a_policy_holds_a_key_among_a_steps_parameters(text: str) -> None:
    with pytest.raises(PolicyError, match="'api_key' may hold a key"):
        conductor("agents: [{id: a}, {id: b}]\n" + text, a=Scripted("x"), b=Scripted("y"))


def test_an_agents_scorer_holds_no_key_among_its_parameters() -> None:
    text = (
        "agents: [{id: a, score: {use: {use: b, parameters: {api_key: sk-1}}}}, {id: b}]\n"
        "routing: {default: a}\n"
    )

    with pytest.raises(PolicyError, match="'api_key' may hold a key"):
        conductor(text, a=Scripted("x"), b=Scripted("y"))
