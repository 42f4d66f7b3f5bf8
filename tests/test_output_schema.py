"""`output:` on agents and steps: an answer of another form is `invalid_output`, and unseen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conductor_mw import Conductor, Failure, PolicyError
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import conductor

TICKET = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "urgent": {"type": "boolean"}},
    "required": ["title"],
    "additionalProperties": False,
}


def desk(*answers: str, place: str = "agent", schema: object = TICKET, **more: Any) -> Conductor:
    """Give a conductor whose agent `a` must answer in a form, else `b` answers."""
    agent: dict[str, Any] = {"id": "a", **more}
    step: Any = "a"
    if place == "agent":
        agent["output"] = schema
    else:
        step = {"use": "a", "output": schema}
    policy = {
        "agents": [agent, {"id": "b"}],
        "routing": {"default": step, "fallback": {"invalid_output": "b"}},
    }
    takes: list[Any] = [[one] for one in answers[1:]]
    a = Scripted(answers[0], takes=takes)
    return conductor(json.dumps(policy), a=a, b=Scripted("{}"))


PLACES = pytest.mark.parametrize("place", ["agent", "step"])


@PLACES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "text",
    ['{"title": "Help"}', '```json\n{"title": "Help", "urgent": true}\n```', ' {"title":""}'],
)
def test_an_answer_of_the_form_is_given_as_it_was_said(text: str, place: str, way: Way) -> None:
    assert ask(desk(text, place=place), "?", way=way).text == text


@PLACES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "text",
    ["", "Help", "null", "[]", "{}", '{"title": 1}', '{"title": "Help", "more": 1}', "[" * 50_000],
    ids=lambda text: text[:12],
)
def test_an_answer_of_another_form_is_invalid_output(text: str, place: str, way: Way) -> None:
    answer = ask(desk(text, place=place), "?", way=way)

    assert answer.text == "{}"
    assert [one.agent for one in answer.attempts] == ["a", "b"]


@PLACES
@pytest.mark.parametrize("way", STREAMS)
def test_nothing_of_another_form_is_seen(place: str, way: Way) -> None:
    assert read_one(desk("Help", place=place), "?", way=way).text == "{}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Help", "the answer is no JSON"),
        ("  ", "the answer is empty"),
        ("{}", 'the answer does not meet its schema: it lacks "title"'),
    ],
)
def test_the_failure_says_what_is_wrong_and_not_what_was_said(text: str, problem: str) -> None:
    policy = {"agents": [{"id": "a", "output": TICKET}], "routing": {"default": "a"}}

    with pytest.raises(Failure) as caught:
        conductor(json.dumps(policy), a=Scripted(text)).call("?")

    assert (caught.value.kind, caught.value.problem) == ("invalid_output", problem)
    assert caught.value.agent == "a"


def test_null_is_json_where_the_schema_takes_it() -> None:
    assert desk("null", schema={"type": "null"}).call("?").text == "null"


@pytest.mark.parametrize("way", WAYS)
def test_a_step_that_is_repeated_may_mend_it(way: Way) -> None:
    policy = {
        "agents": [{"id": "a"}],
        "routing": {
            "default": {
                "use": "a",
                "output": TICKET,
                "retry": {"times": 1, "on": ["invalid_output"]},
            }
        },
    }
    a = Scripted("Help", takes=[['{"title": "Help"}']])

    assert ask(conductor(json.dumps(policy), a=a), "?", way=way).text == '{"title": "Help"}'


def test_the_form_comes_first_and_then_the_score() -> None:
    c = desk("Help", score={"json_schema": {"required": ["urgent"]}}, accept="answer.score == 1")

    answer = c.call("?")

    assert answer.text == "{}"
    below = desk('{"title": ""}', score={"json_schema": {"required": ["urgent"]}})
    with pytest.raises(Failure) as caught:
        below.call("?")
    assert caught.value.kind == "low_confidence"


@PLACES
@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "strin"}, "output: the schema is wrong at type"),
        ({"$ref": "https://example.com/x"}, "leads to no schema of this document"),
        ({"pattern": "("}, "the pattern '('"),
        ("string", "output: must be a mapping, not 'string'"),
    ],
)
def test_a_wrong_schema_is_refused_at_its_place(schema: object, problem: str, place: str) -> None:
    with pytest.raises(PolicyError) as caught:
        desk("x", schema=schema, place=place)

    assert problem in str(caught.value)
    assert ("agents.0.output" if place == "agent" else "routing.default.output") in str(
        caught.value
    )


def test_the_schemas_of_a_policy_are_bounded_together() -> None:
    def of(*sizes: int) -> str:
        steps = [{"use": "a", "output": {"enum": list(range(size))}} for size in sizes]
        policy = {"agents": [{"id": "a"}], "routing": {"default": {"fallback": steps}}}
        return json.dumps(policy)

    assert conductor(of(5000, 4900, 5000)).policy  # the same schema twice counts once
    with pytest.raises(PolicyError) as caught:
        conductor(of(5000, 5001))
    assert "fallback.1.output: the schemas of the policy have more than 10,000 parts" in str(
        caught.value
    )
