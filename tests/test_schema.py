"""The JSON Schema says what loads: editors complete from it and mark what would be refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conductor_mw.errors import PolicyError
from conductor_mw.plugins import Plugins
from conductor_mw.policy import json_schema, load_text
from conductor_mw.policy.findings import Findings
from conductor_mw.policy.source import read
from conductor_mw.policy.tree import Sources

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with LiteLLM")

CORE = Plugins.core()
SCHEMA = json_schema(CORE)
INSTALLED = json_schema(Plugins.installed())
ROOT = Path(__file__).parents[1]
HEAD = "agents: [{id: a, simulated: x}, {id: b}]\n"


def complaints(text: str, schema: dict[str, Any] = SCHEMA) -> list[str]:
    tree = read(text, "p.yaml", Sources(), Findings())
    validator = jsonschema.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(json.loads(json.dumps(tree)))]


def test_it_is_a_valid_schema_of_its_dialect() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


OTHERS = {ROOT / "examples" / "litellm" / "config.yaml"}
"""What is no policy: the configuration of LiteLLM's proxy."""


@pytest.mark.parametrize(
    "path",
    sorted({*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("tests/golden/*.yaml")} - OTHERS),
    ids=lambda path: path.parent.name,
)
def test_it_accepts_every_policy_we_ship(path: Path) -> None:
    assert complaints(path.read_text(), INSTALLED) == []


@pytest.mark.parametrize(
    "text",
    [
        "routing: {default: a}",
        "routing: {default: {fallback: [a, {balance: {a: 1, b: 2.5}}]}, deadline: 30s}",
        "routing: {rules: [{condition: 'true', target: a, fallback: {timeout: b}}], default: a}",
        (
            "flows: {x: {choose: [{when: 'true', use: {fallback: [a]}}], else: b}}\n"
            "routing: {default: x}"
        ),
        (
            "routing: {default: {sequence: [a, {id: x, use: b, undo: a, when: 'true', retry: 2,\n"
            "  timeout: 2s, prompt: p, on_failure: continue}, {fallback: [a, b]}], answer: x}}"
        ),
        "routing: {default: {repeat: {use: a, system: s}, until: 'true', with: [{seed: 1}]}}",
        "routing: {default: {for_each: '{input.wants}', use: a, max: 3, as: w, join: {use: b}}}",
        "routing: {default: {balance: [{use: a, share: 3, prompt: p}, b], sticky: input.text}}",
        "workflow: {name: n, routing: {type: declarative, route: {simple: a}, default: b}}",
        "version: 1\nmode: observe\nenv: [REGION]\nstore: memory:x\nrouting: {default: a}",
        (
            "signals: {t: {from: metadata.t, one_of: [1, x, 2.5, true], type: dyn, default: x}}\n"
            "routing: {default: a}"
        ),
        (
            "guarantees: [{never: {when: 'true', agents: [b]}}, {at_most: {calls: 1}}]\n"
            "routing: {default: a}"
        ),
        "environments: {live: {agents: {b: {model: m, retry: {times: 1}}}}}\nrouting: {default: a}",
        "plugins: {}\norder: []\nrouting: {default: a}",
    ],
)
def test_what_loads_is_accepted(text: str) -> None:
    load_text(HEAD + text, plugins=CORE, env={})

    assert complaints(HEAD + text) == []


@pytest.mark.parametrize(
    "text",
    [
        "routng: {default: a}",
        "routing: {default: 7}",
        "routing: {default: {fallbak: [a]}}",
        "routing: {default: {fallback: []}}",
        "routing: {default: {fallback: [a], balance: {a: 1}}}",
        "routing: {default: {sequence: []}}",
        "routing: {default: {sequence: [{use: a, undoo: b}]}}",
        "routing: {default: {for_each: '{input.wants}', use: a}}",
        "routing: {default: {use: a, retry: {with: [{seed: 1}], tims: 2}}}",
        "routing: {rules: [{condition: 'true'}]}",
        "routing: {rules: [{condition: 5, target: a}]}",
        "routing: {rules: [{condition: 'true', target: a, on_error: no}]}",
        "routing: {deadline: 30}",
        "routing: {deadline: 30 s}",
        "routing: {fallback: {timeot: a}}",
        "mode: off",
        "version: 2",
        "version: '1'",
        "flows: {X: {fallback: [a]}}",
        "flows: {x: {fallback: a}}",
        "guarantees: [{never: {agents: [a]}}]",
        "guarantees: [{at_most: {calls: 0}}]",
        "plugins: {cache: {}}",
        "workflow: {routing: {route: {}}}",
        "env: REGION",
        "environments: {live: {rules: []}}",
    ],
)
def test_what_it_marks_is_refused(text: str) -> None:
    assert complaints(HEAD + text) != []

    with pytest.raises(PolicyError):
        load_text(HEAD + text, plugins=CORE, env={})


@pytest.mark.parametrize(
    "agent",
    [
        "{simulated: x}",
        "{id: A, simulated: x}",
        "{id: a, simulated: x, model: y}",
        "{id: a, simulated: {answr: x}}",
        "{id: a, simulated: {latency: 5}}",
        "{id: a, model: {model: ''}}",
        "{id: a, modl: x}",
        "{id: a, price: {input: 1}}",
        "{id: a, price: {input: -1, output: 1}}",
        "{id: a, retry: -1}",
        "{id: a, retry: {times: 1, on: [timeot]}}",
        "{id: a, timeout: {whole: 1s, all: 2s}}",
        "{id: a, labels: eu}",
        "{id: a, max_output_tokens: 0}",
    ],
)
def test_a_wrong_agent_is_marked_and_refused(agent: str) -> None:
    text = f"agents: [{agent}]\nrouting: {{default: a}}"

    assert complaints(text) != []

    with pytest.raises(PolicyError):
        load_text(text, plugins=CORE, env={})


def test_every_key_says_what_it_is_for() -> None:
    def silent(properties: dict[str, Any]) -> list[str]:
        return [key for key, one in properties.items() if "description" not in one]

    ours = {
        "AgentEntry", "ClassTable", "EnvironmentEntry", "NeverEntry", "RetryEntry", "RoutingEntry",
        "RuleEntry", "SignalEntry", "TimeoutEntry", "Workflow",
    }  # fmt: skip

    missing = silent(SCHEMA["properties"])
    for name in sorted(ours):
        missing += [f"{name}.{key}" for key in silent(SCHEMA["$defs"][name]["properties"])]
        assert SCHEMA["$defs"][name]["description"]

    assert missing == []


def test_kinds_and_flows_of_plugins_are_part_of_it() -> None:
    agent = SCHEMA["$defs"]["AgentEntry"]["properties"]

    assert {"model", "simulated"} <= set(agent)
    assert "bound" not in agent
    assert len(SCHEMA["$defs"]["Flow"]["anyOf"]) == len(CORE.flows.names)
