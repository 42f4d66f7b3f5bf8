"""What agents declare that they can, and what happens to a request that needs more."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from conductor_mw import Failure, PolicyError, attempts_of, to_request
from conductor_mw.agents import capabilities
from conductor_mw.agents.prices import abilities, list_price
from conductor_mw.errors import Finding
from conductor_mw.policy import load_text
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import conductor

needs_litellm = pytest.mark.skipif(find_spec("litellm") is None, reason="LiteLLM is not installed")

PAIR = """
agents:
  - {id: blind, capabilities: {tools: false, vision: false, audio: false, json: false}}
  - {id: able}
routing:
  default: {fallback: [blind, able], on: [incapable]}
"""
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def said(*pieces: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *pieces]}]


NEEDS: list[Any] = [
    pytest.param(said(IMAGE), {}, id="vision"),
    pytest.param(said(SOUND), {}, id="audio"),
    pytest.param("hello", {"tools": [TOOL]}, id="tools"),
    pytest.param("hello", {"response_format": {"type": "json_object"}}, id="json"),
    pytest.param("hello", {"response_format": {"type": "json_schema"}}, id="schema"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("prompt", "options"), NEEDS)
def test_a_request_goes_past_an_agent_that_cannot_answer_it(
    prompt: Any, options: dict[str, Any], way: Way
) -> None:
    blind = Scripted("blind")
    c = conductor(PAIR, blind=blind, able=Scripted("able"))

    answer = ask(c, prompt, way=way, **options)

    assert answer.text == "able"
    assert [(one.agent, one.kind) for one in answer.attempts] == [
        ("blind", "incapable"),
        ("able", None),
    ]
    assert blind.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_what_needs_nothing_is_answered_by_anybody(way: Way) -> None:
    c = conductor(PAIR, blind=Scripted("blind"), able=Scripted("able"))

    assert ask(c, "Please answer as JSON.", way=way).text == "blind"


@pytest.mark.parametrize("way", WAYS)
def test_without_a_fallback_the_failure_is_told_and_nothing_was_sent(way: Way) -> None:
    blind = Scripted("blind")
    seen: list[str] = []

    async def layer(attempt: Any, proceed: Any) -> Any:
        seen.append(attempt.agent.id)
        async for part in proceed(attempt):
            yield part

    text = "agents: [{id: blind, capabilities: {vision: false}}]\nrouting: {default: blind}\n"
    c = conductor(text, attempt_layers=[layer], blind=blind)

    with pytest.raises(Failure, match="holds an image, and it declares no vision") as caught:
        ask(c, said(IMAGE), way=way)

    assert caught.value.kind == "incapable"
    assert (blind.asked, seen) == ([], [])
    assert [one.kind for one in attempts_of(caught.value)] == ["incapable"]


SMALL = "agents: [{id: a, context_window: 100}]\nrouting: {default: a}\n"


@pytest.mark.parametrize("way", WAYS)
def test_what_is_surely_too_long_is_an_overflow_before_it_is_sent(way: Way) -> None:
    agent = Scripted("a")

    with pytest.raises(Failure, match="longer than its 100 tokens") as caught:
        ask(conductor(SMALL, a=agent), "word " * 1000, way=way)

    assert caught.value.kind == "context_overflow"
    assert agent.asked == []


@pytest.mark.parametrize("text", ["word " * 80, " " * 100_000, "x" * 1600, "नमस्ते " * 80])
def test_what_may_fit_is_sent(text: str) -> None:
    assert conductor(SMALL, a=Scripted("a")).call(text).text == "a"


def test_the_fewest_tokens_leave_blanks_out() -> None:
    c = conductor(SMALL, a=Scripted("a"))
    run = c.begin(to_request("x" * 3200 + " " * 100_000))

    assert capabilities.least_tokens(run.request, 100) == 200


# Where it is known at load.

AGENTS = """
agents:
  - {id: blind, simulated: x, capabilities: {vision: false, tools: false, json: false}}
  - {id: dull, simulated: x, capabilities: {vision: false}}
  - {id: able, simulated: x}
  - {id: strict, simulated: x, capabilities: {vision: false}, accept: "answer.chars > 3"}
"""


def found(condition: str, target: str, more: str = "") -> list[tuple[str, int]]:
    rule = f'{{condition: "{condition}", target: {target}{more}}}'
    text = f"{AGENTS}routing:\n  rules:\n    - {rule}\n  default: able\n"
    findings: tuple[Finding, ...]
    try:
        findings = load_text(text, env={}).warnings
    except PolicyError as error:
        findings = error.findings
    return [(one.severity, one.place.line) for one in findings if one.code == "incapable"]


@pytest.mark.parametrize(
    ("condition", "target"),
    [
        ("input.has_images", "blind"),
        ("input.tokens > 5 && input.has_images", "blind"),
        ("input.has_images == true", "blind"),
        ("size(input.tools) > 0", "blind"),
        ("0 < size(input.tools)", "blind"),
        ("input.tools != []", "blind"),
        ("input.tools.exists(t, t == 'look')", "blind"),
        ("input.has_images", "{fallback: [blind, dull]}"),
        ("input.has_images", "{balance: [blind, dull]}"),
        ("input.has_images", "{cascade: [blind, dull], accept: 'answer.chars > 3'}"),
        ("input.has_images", "{cascade: [blind, dull], score: {judge: able, rubric: Good?}}"),
        ("input.has_images", "strict"),
        ("input.has_images", "{choose: [{when: input.stream, use: blind}], else: dull}"),
    ],
)
def test_a_rule_that_leads_only_to_agents_that_cannot_is_refused(
    condition: str, target: str
) -> None:
    assert found(condition, target) == [("error", 9)]


@pytest.mark.parametrize(
    ("condition", "target"),
    [
        ("input.has_images", "{fallback: [blind, able]}"),
        ("input.has_images", "{balance: [able, dull]}"),
        ("input.has_images", "{fallback: [able, blind], on: [incapable]}"),
        ("input.wants_json", "blind"),
    ],
)
def test_a_rule_that_may_lead_to_an_agent_that_cannot_is_warned_of(
    condition: str, target: str
) -> None:
    assert found(condition, target) == [("warning", 9)]


@pytest.mark.parametrize(
    ("condition", "target", "more"),
    [
        ("input.has_images", "able", ""),
        ("input.has_images || input.tokens > 5", "blind", ""),
        ("!input.has_images", "blind", ""),
        ("size(input.tools) >= 0", "blind", ""),
        ("size(input.tools) == 0", "blind", ""),
        ("input.tools[0] == 'look'", "able", ""),
        ("size(input.tools) > 0", "dull", ""),
        ("input.has_images", "{fallback: [blind, able], on: [incapable]}", ""),
        ("input.has_images", "blind", ", fallback: {incapable: able}"),
        ("input.has_images", "{pick: [blind, able], minimise: cost}", ""),
        ("input.has_images", "{sequence: [{id: one, use: blind, prompt: Hello}]}", ""),
    ],
)
def test_a_rule_that_is_meant_so_is_left_alone(condition: str, target: str, more: str) -> None:
    assert found(condition, target, more) == []


def test_flows_that_share_flows_are_looked_at_once() -> None:
    # Each level doubles the ways through it, and the calls of a `choose` do not add up.
    levels = "".join(
        f"  f{n}: {{choose: [{{when: input.stream, use: f{n + 1}}}], else: f{n + 1}}}\n"
        for n in range(30)
    )
    flows = f"flows:\n{levels}  f30: {{fallback: [blind]}}\n"
    rule = "rules: [{condition: input.has_images, target: f0}]"

    with pytest.raises(PolicyError, match="'blind' cannot"):
        load_text(f"{AGENTS}{flows}routing: {{{rule}, default: able}}\n", env={})


def test_the_finding_says_what_to_write() -> None:
    text = f"{AGENTS}routing: {{rules: [{{condition: input.has_images, target: blind}}]}}\n"

    with pytest.raises(PolicyError) as caught:
        load_text(text, env={})

    assert "routing.rules.0.target: the request holds an image here, and 'blind' cannot" in str(
        caught.value
    )
    assert "name an agent with `capabilities: {vision: true}`" in str(caught.value)


# Where they come from.


@needs_litellm
def test_a_model_has_the_list_s_abilities_and_window() -> None:
    text = "agents: [{id: a, model: openai/gpt-4o-mini}]\nrouting: {default: a}"

    agent = load_text(text, env={}).agents["a"]

    assert agent.capabilities == {"tools": True, "vision": True, "json": True}
    assert agent.context_window == 128_000
    assert agent.declared == {}
    assert list_price("openai/gpt-4o-mini") is not None


@needs_litellm
def test_the_policy_s_own_word_goes_first_and_the_rest_stays() -> None:
    text = (
        "agents: [{id: a, model: openai/gpt-4o-mini, capabilities: {vision: false},"
        " context_window: 9, quality: 0.8}]\nrouting: {default: a}"
    )

    agent = load_text(text, env={}).agents["a"]

    assert agent.capabilities == {"tools": True, "vision": False, "json": True}
    assert (agent.context_window, agent.quality) == (9, 0.8)


def test_a_list_that_knows_no_schema_does_not_forbid_json() -> None:
    entry = {"supports_response_schema": False, "supports_vision": False, "supports_x": True}

    assert abilities(entry) == {"vision": False}


def fingerprint(more: str) -> str:
    return load_text(f"agents: [{{id: a{more}}}]\nrouting: {{default: a}}", env={}).fingerprint


@pytest.mark.parametrize(
    "more",
    [
        ", capabilities: {vision: true}",
        ", context_window: 5",
        ", quality: 0.5",
        ", on_overflow: trim",
        ", retry: {times: 1, with: [{temperature: 0}]}",
    ],
)
def test_what_the_policy_declares_is_part_of_its_meaning(more: str) -> None:
    assert fingerprint(more) != fingerprint("")


def test_an_empty_declaration_means_nothing() -> None:
    assert fingerprint(", capabilities: {}") == fingerprint("")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("capabilities: {sight: true}", "no key 'sight'"),
        ("context_window: 0", "greater than or equal to 1"),
        ("quality: 1.5", "less than or equal to 1"),
    ],
)
def test_a_wrong_declaration_is_refused(more: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        load_text(f"agents: [{{id: a, {more}}}]\nrouting: {{default: a}}", env={})
