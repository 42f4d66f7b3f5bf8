"""The graph of a compiled policy holds everything that may happen to a request, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_mw import Conductor
from conductor_mw.workbench.graph import Graph, draw_svg
from conductor_mw.workbench.graph.build import graph_of

ROOT = Path(__file__).parents[1]
POLICY = """
workflow: {name: shop}
agents:
  - {id: small, simulated: x, labels: [eu], price: {input: 0.15, output: 0.6}, retry: 2}
  - {id: large, model: openai/gpt-4o, timeout: 30s}
  - {id: idle, simulated: x}
flows:
  careful: {fallback: [large, small]}
routing:
  rules:
    - {id: hard, condition: "input.tokens > 9", target: careful, fallback: {refusal: large}}
    - {condition: "input.has_code", target: {balance: {small: 80, careful: 20}}, on_error: skip}
  default: small
  fallback: {timeout: small}
guarantees:
  - never: {when: "input.has_images", agents_without: eu}
  - at_most: {calls: 9, dollars: 0.5, seconds: 60}
"""


def graph() -> Graph:
    return graph_of(Conductor.from_text(POLICY, simulate=True).policy)


def arrows(graph: Graph) -> set[tuple[str, str, str, str]]:
    names = {node.id: node.label for node in graph.nodes}
    return {(names[e.source], e.label, names[e.target], e.kind) for e in graph.edges}


def test_rules_lead_to_their_targets_in_order() -> None:
    drawn = arrows(graph())

    assert ("request", "", "hard", "next") in drawn
    assert ("hard", "", "#1", "next") in drawn
    assert ("#1", "", "default", "next") in drawn
    assert ("hard", "", "careful", "match") in drawn
    assert ("#1", "", "(by weight)", "match") in drawn
    assert ("default", "", "small", "match") in drawn


def test_a_flow_that_several_use_is_drawn_once_with_its_steps() -> None:
    drawn = graph()

    assert [node.label for node in drawn.nodes].count("careful") == 1
    assert {("careful", "1", "large", "step"), ("careful", "2", "small", "step")} <= arrows(drawn)
    assert ("(by weight)", "80 %", "small", "step") in arrows(drawn)
    assert ("(by weight)", "20 %", "careful", "step") in arrows(drawn)


def test_what_happens_after_failures_stands_once_or_at_its_rule() -> None:
    drawn = arrows(graph())

    assert ("timeout", "", "small", "fallback") in drawn
    assert ("hard", "refusal", "large", "on_failure") in drawn
    assert not any(label == "timeout" for _, label, _, _ in drawn)


def test_agents_tell_who_they_are_also_where_nobody_asks_them() -> None:
    agents = {node.label: node for node in graph().nodes if node.kind == "agent"}

    assert agents["small"].badges == ("eu",)
    assert agents["small"].facts == (("input", "$0.15"), ("output", "$0.60"), ("retries", "2"))
    assert (agents["large"].detail, agents["idle"].detail) == ("openai/gpt-4o", "simulated")
    assert ("timeout", "30 s") in agents["large"].facts


def test_guarantees_and_options_are_told_in_words() -> None:
    nodes = graph().nodes

    told = {node.label: node.detail for node in nodes if node.kind == "guarantee"}
    assert told == {
        "never": "agents without the label 'eu' when input.has_images",
        "at most": "9 calls, $0.50, 60 s",
    }
    assert next(node for node in nodes if node.label == "#1").badges == ("on error: skip",)


def test_what_a_step_puts_around_its_target_stands_on_the_arrow() -> None:
    text = """
agents: [{id: small, simulated: x}]
routing:
  default:
    sequence:
      - {id: plan, use: small, prompt: "Plan: {input.text}", timeout: 5s}
      - small
"""

    drawn = arrows(graph_of(Conductor.from_text(text).policy))

    assert ("(sequence)", "plan · within 5 s, prompt", "small", "step") in drawn
    assert ("(sequence)", "2", "small", "step") in drawn


PICTURES = {
    "support-desk": "support-desk/conductor.yaml",
    "planner-worker-verifier": "strategies/planner-worker-verifier.yaml",
    "research": "strategies/research.yaml",
    "support-triage": "strategies/support-triage.yaml",
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_in_the_docs_is_the_examples_policy(name: str) -> None:
    policy = Conductor(ROOT / "examples" / PICTURES[name]).policy
    picture = ROOT / "docs" / "assets" / f"{name}.svg"

    assert picture.read_text(encoding="utf-8") == draw_svg(graph_of(policy))
