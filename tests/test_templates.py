"""Templates: a closed mini-language; what is put in is never read again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Failure, PolicyError
from conductor_mw.policy import load_text
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import conductor

ONE = "agents: [{id: a}]\nsignals: {vip: {from: metadata.vip, type: bool, default: false}}\n"


def asked(template: str, prompt: str = "Hello", **options: Any) -> str:
    """Give the text that an agent is asked where a step has this template."""
    a = Scripted("x")
    step = json.dumps({"use": "a", "prompt": template})
    conductor(f"{ONE}routing: {{default: {step}}}\n", a=a).call(prompt, **options)
    return a.asked[0].text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{input.text}", "Hello"),
        ("", ""),
        ("no place", "no place"),
        ("{{input.text}}", "{input.text}"),
        ("{{{input.text}}}", "{Hello}"),
        ('{{"text": {input.text|json}}}', '{"text": "Hello"}'),
        ("{input.chars}", "5"),
        ("{vip} {input.wants}", "false []"),
        ("{transcript}", "user: Hello"),
        ("{metadata.topic}", "rivers"),
    ],
)
def test_places_are_filled(template: str, text: str) -> None:
    assert asked(template, metadata={"topic": "rivers"}) == text


@given(st.text())
def test_a_users_text_is_put_in_as_it_is(text: str) -> None:
    assert asked("<{input.text}>", text or "x") == f"<{text or 'x'}>"


@given(st.text())
def test_a_users_text_stays_inside_its_quotes(text: str) -> None:
    assert json.loads(asked('{{"q": {input.text|json}}}', text or "x")) == {"q": text or "x"}


@pytest.mark.parametrize("way", WAYS)
def test_what_an_agent_says_is_never_read_as_a_template(way: Way) -> None:
    text = """
agents: [{id: a}, {id: b}]
routing: {default: {sequence: [{id: draft, use: a}, {use: b, prompt: "{draft.text}"}]}}
"""
    b = Scripted("x")

    ask(conductor(text, a=Scripted("{input.text} {{ {"), b=b), "secret", way=way)

    assert b.asked[0].text == "{input.text} {{ {"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{", "'{' begins no place for a value; write '{{' for a brace"),
        ("}", "'}' closes nothing; write '}}' for a brace"),
        ("{}", "'{' begins no place"),
        ("{ input.text }", "'{' begins no place"),
        ("{input.text + 1}", "'{' begins no place"),
        ("{input.text.size()}", "'{' begins no place"),
        ("{input['text']}", "'{' begins no place"),
        ("{input.text|html}", "'{' begins no place"),
        ("{input.text.__class__}", "string has no field '__class__'"),
        ("{input.txt}", "no signal 'input.txt'\n  did you mean 'input.text'?"),
        ("{answer.text}", "'answer.text'"),
        ("{input}", "'input' is a group of signals"),
    ],
)
def test_mistakes_are_found_at_load(template: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        asked(template)

    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (
            "Say {{input.text}}",
            [
                (
                    "{{input.text}} is text with braces here, not a value\n"
                    "  write {input.text} for the value"
                )
            ],
        ),
        ('Answer as {{"score": 1}}, {{nothing.known}}', []),
    ],
)
def test_double_braces_around_a_name_are_warned_of(template: str, told: list[str]) -> None:
    warnings = conductor(
        "agents: [{id: a}]\nrouting:\n  default:\n    use: a\n"
        f"    prompt: {json.dumps(template)}\n"
    ).policy.warnings

    assert [str(one).partition("prompt: ")[2] for one in warnings] == told


def test_an_error_points_into_the_template() -> None:
    text = "agents: [{id: a}]\nrouting:\n  default:\n    use: a\n    prompt: 'Hi {input.txt}'\n"

    with pytest.raises(PolicyError, match="<policy>:5:18: "):
        conductor(text)


def test_a_value_that_is_missing_is_a_failure_and_no_empty_text() -> None:
    with pytest.raises(Failure, match=r"no value for \{metadata\.topic\}") as caught:
        asked("{metadata.topic}")

    assert caught.value.kind == "invalid_output"


def test_a_filled_text_has_an_end() -> None:
    with pytest.raises(Failure, match="passes 1000000 characters") as caught:
        asked("{input.text}" * 20, "x" * 60_000)

    assert caught.value.kind == "context_overflow"


def test_a_named_flow_that_reads_a_step_is_told_why_it_cannot() -> None:
    text = (
        "agents: [{id: a, simulated: x}]\n"
        'flows: {y: {use: a, prompt: "{d.text}"}}\n'
        "routing: {default: {sequence: [{id: d, use: a}, y]}}\n"
    )

    with pytest.raises(PolicyError) as caught:
        load_text(text)

    assert str(caught.value) == (
        "<policy>:2:31: flows.y.prompt: no signal 'd.text'\n"
        "  a flow with a name reads the request only; one in place reads the steps around it"
    )
