"""Every kind of failure leads to the target that the policy names for it, and to no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conductor_mw import (
    FAILURE_KINDS,
    Attempted,
    Failure,
    FailureKind,
    Part,
    Parts,
    Request,
    attempts_of,
)
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import conductor

EVERYWHERE = """
agents: [{{id: a}}, {{id: rescue}}, {{id: other}}]
routing:
  default: a
  fallback: {{{kind}: rescue, {unlike}: other}}
"""
OF_THE_RULE = """
agents: [{{id: a}}, {{id: rescue}}, {{id: other}}]
routing:
  rules: [{{condition: "true", target: a, fallback: {{{kind}: rescue}}}}]
  fallback: {{{kind}: other, {unlike}: other}}
  default: other
"""
IN_A_FALLBACK = """
agents: [{{id: a}}, {{id: rescue}}, {{id: other}}]
routing:
  default: {{fallback: [a, rescue], on: [{kind}]}}
  fallback: {{{kind}: other, {unlike}: other}}
"""
JSON = {"response_format": {"type": "json_object"}}
FORMS = {"routing.fallback": EVERYWHERE, "rule": OF_THE_RULE, "flow": IN_A_FALLBACK}


def named(name: str, message: str = "") -> Exception:
    error: Exception = type(name, (Exception,), {})(message)
    return error


def refusing(request: Request) -> Part:
    del request
    return Part("I cannot help with that.", finish="stop")


# How each kind comes about at an agent itself; the SDKs' names stand for their exceptions.
BY_AGENT: dict[FailureKind, object] = {
    "timeout": Scripted(TimeoutError("slow")),
    "connection": Scripted(ConnectionResetError("reset")),
    "rate_limit": Scripted(named("RateLimitError")),
    "server_error": Scripted(named("InternalServerError")),
    "auth": Scripted(named("AuthenticationError")),
    "invalid_request": Scripted(named("BadRequestError")),
    "context_overflow": Scripted(named("BadRequestError", "maximum context length")),
    "refusal": refusing,
    "invalid_output": Scripted(named("OutputParserException")),
    "low_confidence": Scripted(Failure("low_confidence")),
    "scorer_failed": Scripted(Failure("scorer_failed")),
    "rejected": Scripted(Failure("rejected")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", BY_AGENT)
def test_what_happens_at_an_agent_leads_to_its_target(
    kind: FailureKind, form: str, way: Way
) -> None:
    unlike = "timeout" if kind != "timeout" else "refusal"
    other = Scripted("other")
    text = FORMS[form].format(kind=kind, unlike=unlike)
    c = conductor(text, a=BY_AGENT[kind], rescue=Scripted("rescued"), other=other)

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.agent) == ("rescued", "rescue")
    assert [(one.agent, one.kind) for one in answer.attempts] == [("a", kind), ("rescue", None)]
    assert other.asked == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["budget", "limited", "circuit_open"])
def test_what_a_layer_refuses_leads_to_its_target_without_a_call(
    kind: FailureKind, form: str, way: Way
) -> None:
    a = Scripted("a")

    async def layer(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Any:
        if attempt.agent.id == "a":
            raise Failure(kind)
        async for part in proceed(attempt):
            yield part

    text = FORMS[form].format(kind=kind, unlike="timeout")
    c = conductor(
        text, attempt_layers=[layer], a=a, rescue=Scripted("rescued"), other=Scripted("other")
    )

    answer = ask(c, "hello", way=way)

    assert answer.text == "rescued"
    assert [(one.agent, one.kind) for one in answer.attempts] == [("a", kind), ("rescue", None)]
    assert a.asked == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("kind", "setting", "guarantee", "options"),
    [
        ("incapable", "capabilities: {json: false}", "", JSON),
        ("context_overflow", "context_window: 1", "", {}),
        ("policy_violation", "", "guarantees: [{never: {when: 'true', agents: [a]}}]\n", {}),
    ],
)  # fmt: skip
def test_what_the_engine_refuses_leads_to_its_target_without_a_call(
    kind: FailureKind, setting: str, guarantee: str, options: Any, form: str, way: Way
) -> None:
    a = Scripted("a")
    text = FORMS[form].format(kind=kind, unlike="timeout") + guarantee
    text = text.replace("{id: a}", f"{{id: a, {setting}}}" if setting else "{id: a}")
    c = conductor(text, a=a, rescue=Scripted("rescued"), other=Scripted("other"))

    answer = ask(c, "long " * 100, way=way, **options)

    assert answer.text == "rescued"
    assert [(one.agent, one.kind) for one in answer.attempts] == [("a", kind), ("rescue", None)]
    assert a.asked == []


def test_every_kind_of_failure_is_in_a_table() -> None:
    of_layers = {"budget", "limited", "circuit_open"}
    of_the_engine = {"incapable", "context_overflow", "policy_violation"}

    assert set(FAILURE_KINDS) == set(BY_AGENT) | of_layers | of_the_engine


CHECKED = """
agents:
  - {{id: a, {check}}}
  - {{id: rescue}}
routing: {{default: a, fallback: {{{kind}: rescue}}}}
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("low_confidence", 'accept: "answer.chars > 20"'),
        ("low_confidence", "score: {regex: '^[0-9]+$'}"),
        ("low_confidence", "score: not_refusal"),
        ("invalid_output", "output: {type: object, required: [total]}"),
    ],
)
def test_an_answer_that_does_not_pass_a_check_leads_to_its_target(
    kind: FailureKind, check: str, way: Way
) -> None:
    text = CHECKED.format(kind=kind, check=check)
    c = conductor(text, a=Scripted("I can't help."), rescue=Scripted("rescued"))

    answer = ask(c, "hello", way=way)

    assert answer.text == "rescued"
    assert answer.agent == "rescue"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", FAILURE_KINDS)
def test_a_kind_that_nobody_names_is_told(kind: FailureKind, way: Way) -> None:
    unlike = "timeout" if kind != "timeout" else "refusal"
    rescue = Scripted("rescued")
    text = f"agents: [{{id: a}}, {{id: b}}]\nrouting: {{default: a, fallback: {{{unlike}: b}}}}\n"
    failure = Failure(kind)

    with pytest.raises(Failure) as caught:
        ask(conductor(text, a=Scripted(failure), b=rescue), "hello", way=way)

    assert caught.value is failure
    assert [one.kind for one in attempts_of(failure)] == [kind]
    assert rescue.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_what_cost_nothing_is_told_to_have_cost_nothing(way: Way) -> None:
    text = EVERYWHERE.format(kind="incapable", unlike="timeout").replace(
        "{id: a}", "{id: a, capabilities: {tools: false}, price: {input: 1, output: 1}}"
    )
    tools = [{"type": "function", "function": {"name": "look"}}]
    c = conductor(text, a=Scripted("a"), rescue=Scripted("rescued"), other=Scripted("other"))

    answer = ask(c, "hello", way=way, tools=tools)

    assert [one.cost.nano if one.cost else 0 for one in answer.attempts][:1] == [0]
