"""A fingerprint stands for what a policy means: not for how it is written, and for all of it."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from conductor_mw import RegisterLayer, hookimpl
from conductor_mw.plugins import Plugins
from conductor_mw.policy import Policy, load, load_text
from conductor_mw.policy.findings import Findings
from conductor_mw.policy.fingerprint import options_meaning
from conductor_mw.policy.source import read
from conductor_mw.policy.tree import Sources

TEXT = """
workflow: {name: desk, description: Answers mail.}
env: [REGION, ZONE]
signals:
  tier: {from: metadata.tier, type: string, one_of: [free, pro], default: free, doc: What they pay.}
  busy: {expr: "agents.large.in_flight > 3 && tier == 'free'"}
  mood: {function: mood}
agents:
  - id: small
    simulated: {answer: Hi, latency: 80ms, seed: 1}
    labels: [eu, cheap]
    price: {input: 0.15, output: 0.6}
    timeout: 10s
    retry: 1
  - id: large
    model: openai/gpt-4o-mini
    prompt: Be brief.
    parameters: {temperature: 0.2, stop: [a, b]}
    max_output_tokens: 900
    base_url: http://127.0.0.1:4000
    api_key: ${env:KEY}
    timeout: {whole: 20s, idle: 1s}
    retry: {times: 2, on: [timeout, rate_limit], wait: 1s, longest: 4s}
  - {id: host}
flows:
  quick: {fallback: [small, host], on: [timeout, budget]}
  split: {balance: {small: 1, large: 3}, by: hash, key: tier}
  desk: {choose: [{when: busy, use: quick}], else: split}
routing:
  rules:
    - {id: pro, condition: "tier == 'pro' && input.tokens > 5", target: desk}
    - {condition: "mood == 'bad' || env.REGION == 'eu'", target: large, on_error: skip,
       fallback: {budget: host}}
  default: quick
  fallback: {timeout: small, budget: small}
  deadline: 60s
guarantees:
  - never: {when: "tier == 'free'", agents_without: eu}
  - never: {when: input.has_images, agents: [host, large]}
  - at_most: {calls: 9, dollars: 0.5, seconds: 90}
plugins: {lamp: {watts: 5}, bell: {}}
store: memory:x
"""


@dataclass(frozen=True)
class Lamp:
    """A layer for these tests."""

    watts: int = 40
    colours: frozenset[str] = frozenset({"red", "green", "blue"})


@dataclass(frozen=True)
class Bell:
    """Another."""

    loud: bool = False


class Layers:
    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        register("lamp", Lamp, rank=60)
        register("bell", Bell, rank=70)


PLUGINS = Plugins.core()
PLUGINS.add(Layers(), "layers")


def mood(_: object) -> str:
    return "good"


def ninety_nine(_: str) -> str:
    return "99"


def compiled(text: str, plugins: Plugins = PLUGINS) -> Policy:
    return load_text(text, plugins=plugins, env={}, app_signals={"mood": mood})


def fingerprint(document: dict[str, Any]) -> str:
    return compiled(json.dumps(document)).fingerprint


DOCUMENT: dict[str, Any] = json.loads(json.dumps(read(TEXT, "p", Sources(), Findings())))
FINGERPRINT = compiled(TEXT).fingerprint


def shuffled(value: Any, dice: random.Random) -> Any:
    """The same data with the keys of every mapping in another order."""
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        items = [(key, shuffled(inner, dice)) for key, inner in mapping.items()]
        dice.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [shuffled(inner, dice) for inner in cast("list[Any]", value)]
    return value


def commented(text: str, dice: random.Random) -> str:
    """The same text with comments and empty lines between its lines."""
    between = ["", "\n", "# a comment: {not: yaml}\n", "   # deeper\n"]
    return "".join(line + dice.choice(between) for line in text.splitlines(keepends=True))


@given(
    st.randoms(use_true_random=False),
    st.sampled_from([True, False, None]),
    st.sampled_from([None, "'", '"']),
    st.integers(2, 6),
)
def test_formatting_order_of_keys_and_comments_do_not_change_it(
    dice: random.Random, flow: bool | None, quote: str | None, indent: int
) -> None:
    document = shuffled(DOCUMENT, dice)

    text = yaml.safe_dump(
        document, default_flow_style=flow, indent=indent, sort_keys=False, width=10_000
    )
    if quote is not None:  # quotes would make text of numbers, so only keys and texts get them
        text = json.dumps(document, indent=indent, ensure_ascii=quote == "'")
    if flow is False and quote is None:
        text = commented(text, dice)

    assert compiled(text).fingerprint == FINGERPRINT


@given(st.randoms(use_true_random=False))
def test_the_order_of_what_has_no_order_does_not_change_it(dice: random.Random) -> None:
    document = copy.deepcopy(DOCUMENT)
    for unordered in (
        document["agents"][0]["labels"],
        document["signals"]["tier"]["one_of"],
        document["flows"]["quick"]["on"],
        document["guarantees"][1]["never"]["agents"],
        document["agents"],
        document["guarantees"],
        document["env"],
    ):
        dice.shuffle(unordered)

    assert fingerprint(document) == FINGERPRINT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("timeout: 10s", "timeout: 10000ms"),
        ("timeout: 10s", "timeout: {whole: 10s}"),
        ("retry: 1", "retry: {times: 1}"),
        ("deadline: 60s", "deadline: 1m"),
        ("model: openai/gpt-4o-mini", "model: {model: openai/gpt-4o-mini}"),
        ("&& input.tokens > 5", "  &&   (input.tokens > 5)"),
        ("tier == 'pro'", 'tier == \\"pro\\"'),
        ("small: 1, large: 3", "large: 75, small: 25"),
        ("input: 0.15, output: 0.6", "input: 3, output: 9"),
        ("name: desk", "name: other"),
        ("description: Answers mail.", "description: Answers letters."),
        ("doc: What they pay.", "doc: Their plan."),
        ("bell: {}", "bell: {loud: false}"),
        ("watts: 5}", "watts: 5, colours: [green, red, blue, red]}"),
        ("3 && tier == 'free'\"}", "3 && tier == 'free'\", type: bool}"),
        ("temperature: 0.2, stop", "temperature: 0.20, stop"),
        ("workflow:", "version: 1\nmode: enforce\nworkflow:"),
    ],
)
def test_another_way_to_say_the_same_does_not_change_it(old: str, new: str) -> None:
    assert old in TEXT

    assert compiled(TEXT.replace(old, new)).fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("workflow:", "mode: observe\nworkflow:"),
        ("env: [REGION, ZONE]", "env: [REGION]"),
        ("from: metadata.tier", "from: metadata.plan"),
        ("one_of: [free, pro]", "one_of: [free, pro, max]"),
        ("default: free, doc", "doc"),
        ("default: free", "default: pro"),
        ("in_flight > 3", "in_flight > 4"),
        ("{function: mood}", "{function: mood, one_of: [good]}"),
        ("answer: Hi", "answer: Ho"),
        ("latency: 80ms", "latency: 81ms"),
        ("seed: 1", "seed: 2"),
        ("[eu, cheap]", "[eu]"),
        ("timeout: 10s", "timeout: 11s"),
        ("idle: 1s", "first_part: 1s"),
        ("retry: 1", "retry: 2"),
        ("times: 2", "times: 3"),
        ("on: [timeout, rate_limit]", "on: [timeout]"),
        ("wait: 1s", "wait: 2s"),
        ("longest: 4s", "longest: 5s"),
        ("gpt-4o-mini", "gpt-4o"),
        ("prompt: Be brief.", "prompt: Be clear."),
        ("temperature: 0.2", "temperature: 0.3"),
        ("stop: [a, b]", "stop: [b, a]"),
        ("max_output_tokens: 900", "max_output_tokens: 901"),
        ("127.0.0.1:4000", "127.0.0.1:4001"),
        ("${env:KEY}", "${env:OTHER}"),
        ("fallback: [small, host]", "fallback: [host, small]"),
        ("on: [timeout, budget]", "on: [timeout]"),
        ("small: 1, large: 3", "small: 1, large: 4"),
        ("by: hash, key: tier", "by: hash, key: input.model"),
        ("by: hash, key: tier", "by: round_robin"),
        ("when: busy", "when: '!busy'"),
        ("use: quick", "use: small"),
        ("else: split", "else: quick"),
        ("id: pro", "id: paying"),
        ("tokens > 5", "tokens > 6"),
        ("tokens > 5", "tokens >= 5"),
        ("target: desk", "target: split"),
        ("on_error: skip", "on_error: match"),
        ("{budget: host}", "{budget: large}"),
        ("default: quick", "default: split"),
        ("timeout: small, budget", "connection: small, budget"),
        ("deadline: 60s", "deadline: 59s"),
        ("when: \"tier == 'free'\", agents_without", "when: \"tier == 'pro'\", agents_without"),
        ("agents_without: eu", "agents_without: cheap, id: named"),
        ("agents: [host, large]", "agents: [host]"),
        ("calls: 9", "calls: 8"),
        ("dollars: 0.5", "dollars: 0.4"),
        ("seconds: 90", "seconds: 30"),
        ("watts: 5", "watts: 6"),
        ("bell: {}", "bell: {loud: true}"),
        (", bell: {}", ""),
        ("store: memory:x", "store: memory:y"),
        ("store:", "order: [bell, lamp]\nstore:"),
    ],
)
def test_whatever_means_something_changes_it(old: str, new: str) -> None:
    assert old in TEXT
    changed = TEXT.replace(old, new)
    if "id: named" in new:  # both labels stand on the same agent: only the agents would tell
        changed = TEXT.replace("labels: [eu, cheap]", "labels: [cheap]").replace(
            "- {id: host}", "- {id: host, labels: [eu]}"
        )

    assert compiled(changed).fingerprint != FINGERPRINT


def test_the_order_of_rules_changes_it() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["routing"]["rules"].reverse()

    assert fingerprint(document) != FINGERPRINT


def test_another_version_of_a_plugin_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PLUGINS, "version", ninety_nine)

    assert compiled(TEXT).fingerprint != FINGERPRINT


@pytest.mark.parametrize("seed", ["1", "2"])
def test_it_is_the_same_in_every_process(seed: str) -> None:
    # Sets of text have another order in every process; none of them may reach the hash.
    example = Path(__file__).parents[1] / "examples" / "support-desk" / "conductor.yaml"
    program = (
        "import sys\n"
        "from conductor_mw.plugins import Plugins\n"
        "from conductor_mw.policy import load\n"
        "print(load(sys.argv[1], plugins=Plugins.core()).fingerprint)"
    )

    found = subprocess.run(
        [sys.executable, "-c", program, str(example)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == load(example, plugins=Plugins.core()).fingerprint


class Shelf(BaseModel):
    """Options with a set, of pydantic's sort."""

    books: frozenset[str] = frozenset({"d", "c", "b", "a", "e", "f"})
    lamp: Lamp = Lamp()


def test_a_set_of_options_has_one_order_in_every_process() -> None:
    assert options_meaning(Shelf()) == {
        "books": ["a", "b", "c", "d", "e", "f"],
        "lamp": {"watts": 40, "colours": ["blue", "green", "red"]},
    }


AGENT = "agents: [{id: a, %s}]\nrouting: {default: a}"


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("simulated: x", "simulated: {answer: x}", True),
        ("simulated: x", "simulated: y", False),
        ("simulated: x", "simulated: x, price: {input: 1, output: 1}", True),
        ("simulated: x", "simulated: x, labels: [eu]", True),
        ("simulated: x", "simulated: x, timeout: 9s, retry: 3", True),
        ("simulated: x", "simulated: x, prompt: y", False),
        ("simulated: x", "simulated: x, parameters: {n: 1}", False),
        ("simulated: x", "simulated: x, max_output_tokens: 5", False),
        ("simulated: x", "model: x", False),
    ],
)
def test_an_agent_s_own_fingerprint_stands_for_what_shapes_its_answers(
    one: str, two: str, same: bool
) -> None:
    first = compiled(AGENT % one).agents["a"].fingerprint
    second = compiled(AGENT % two).agents["a"].fingerprint

    assert (first == second) is same


def test_editing_a_rule_leaves_the_agents_fingerprints_as_they_were() -> None:
    changed = compiled(TEXT.replace("tokens > 5", "tokens > 6"))

    assert {name: agent.fingerprint for name, agent in changed.agents.items()} == {
        name: agent.fingerprint for name, agent in compiled(TEXT).agents.items()
    }
