"""The proxy sends a request to a model group itself only where the policy would do nothing more."""

from __future__ import annotations

from typing import Any

import pytest
from conductor_mw_litellm.hop import hop_of

from conductor_mw import Conductor

GROUPS = ["small", "large"]
PLAIN = """
agents:
  - {id: little, model: small}
  - {id: much, model: large}
signals: {to: {from: metadata.to, type: string, default: ""}}
routing:
  rules: [{id: hard, condition: "to == 'large' || 'weather' in input.tools", target: much}]
  default: little
"""


def group(policy: str, **data: object) -> str | None:
    asked = {"messages": [{"role": "user", "content": "hi"}], "model": "smart", **data}
    found = hop_of(Conductor.from_text(policy), asked, GROUPS)
    return None if found is None else found.group


def test_a_rule_names_the_group() -> None:
    assert group(PLAIN) == "small"
    assert group(PLAIN, metadata={"to": "large"}) == "large"
    tool: dict[str, Any] = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    assert group(PLAIN, tools=[tool], stream=True) == "large"


def test_the_headers_say_what_was_decided() -> None:
    conductor = Conductor.from_text(PLAIN)
    found = hop_of(
        conductor,
        {"messages": [{"role": "user", "content": "hi"}], "metadata": {"to": "large"}},
        GROUPS,
    )

    assert found is not None
    decision = found.headers["x-conductor-decision"]
    assert found.headers == {
        "x-conductor-agent": "much",
        "x-conductor-rule": "hard",
        "x-conductor-target": "much",
        "x-conductor-fingerprint": conductor.policy.fingerprint,
        "x-conductor-decision": decision,
    }
    assert len(decision) == 16


AGENT = "{id: little, model: small"
MORE = {
    "no group": (AGENT, "{id: little, model: openai/of-ours"),
    "no model": (AGENT, "{id: little, simulated: Hello"),
    "prompt": (AGENT, f"{AGENT}, prompt: Be brief."),
    "parameters": (AGENT, f"{AGENT}, parameters: {{temperature: 0}}"),
    "timeout": (AGENT, f"{AGENT}, timeout: 5s"),
    "retry": (AGENT, f"{AGENT}, retry: 2"),
    "window": (AGENT, f"{AGENT}, context_window: 1000"),
    "capabilities": (AGENT, f"{AGENT}, capabilities: {{vision: false}}"),
    "address": (AGENT, f"{AGENT}, base_url: 'http://127.0.0.1:1/v1'"),
    "flow": ("default: little", "default: {fallback: [little, much]}"),
    "rescue": ("default: little", "default: little\n  fallback: {rate_limit: much}"),
    "layer": ("routing:", "plugins: {metrics: {}}\nrouting:"),
    "calls": ("routing:", "guarantees: [{at_most: {calls: 3}}]\nrouting:"),
    "seconds": ("routing:", "guarantees: [{at_most: {seconds: 3}}]\nrouting:"),
    "forbidden": ("routing:", "guarantees: [{never: {when: 'true', agents: [little]}}]\nrouting:"),
    "broken": ('condition: "', 'condition: "int(to) == 1 || '),
}  # fmt: skip


@pytest.mark.parametrize("more", MORE)
def test_where_the_policy_says_more_it_is_asked(more: str) -> None:
    before, after = MORE[more]
    assert before in PLAIN

    assert group(PLAIN.replace(before, after)) is None
