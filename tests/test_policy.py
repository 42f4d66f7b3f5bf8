"""A policy file becomes a Policy, or one reading tells everything that is wrong with it."""

from __future__ import annotations

import time
from pathlib import Path
from types import MappingProxyType

import pytest

from conductor_mw.agents.base import Retry, Timeouts
from conductor_mw.agents.simulated import SimulatedOptions
from conductor_mw.errors import ConductorError, PolicyError
from conductor_mw.money import Money, Price
from conductor_mw.plugins import Plugins
from conductor_mw.policy import Policy, load, load_text

CORE = Plugins.core()
HEAD = "agents: [{id: small, simulated: Hello}, {id: large, simulated: Good day}]\n"


def mood(_: object) -> str:
    return "good"


def compiled(text: str, **more: object) -> Policy:
    return load_text(text, plugins=CORE, env={}, **more)  # type: ignore[arg-type]


def refusal(text: str, **more: object) -> str:
    with pytest.raises(PolicyError) as caught:
        compiled(text, **more)
    return str(caught.value).replace("<policy>:", "")


def warnings(text: str) -> str:
    return "\n".join(map(str, compiled(text).warnings)).replace("<policy>:", "")


def test_two_agents_and_two_rules_become_a_policy() -> None:
    policy = compiled(
        HEAD
        + """
workflow: {name: two}
routing:
  rules:
    - {id: long, condition: input.tokens > 500, target: large}
    - {condition: "input.type == 'code'", target: large}
  default: small
"""
    )

    assert policy.name == "two"
    assert [rule.id for rule in policy.rules] == ["long", "#1"]
    assert [rule.target for rule in policy.rules] == ["large", "large"]
    assert str(policy.rules[1].place) == "<policy>:7:7"
    assert (policy.default, policy.mode, policy.deadline) == ("small", "enforce", None)
    assert policy.worst_calls == {"large": 1, "small": 1}
    assert policy.warnings == ()
    assert len(policy.fingerprint) == 64


def test_a_policy_cannot_be_changed() -> None:
    policy = compiled(HEAD + "routing: {default: small}")

    assert isinstance(policy.agents, MappingProxyType)
    with pytest.raises(AttributeError):
        policy.mode = "observe"  # type: ignore[misc]


def test_an_agent_has_everything_its_entry_says() -> None:
    policy = compiled(
        """
agents:
  - id: a
    simulated: {answer: Hi, latency: 80ms}
    prompt: Be brief.
    parameters: {temperature: 0.2, stop: [x]}
    labels: [eu, free-ok]
    price: {input: 0.15, output: 0.6, cached_input: 0.075}
    timeout: {whole: 10s, first_part: 2s, idle: 500ms}
    retry: {times: 3, on: [rate_limit], wait: 200ms, longest: 4s}
    max_output_tokens: 900
    via: direct
  - {id: b, simulated: Hi, timeout: 1m30s, retry: 2}
  - {id: c}
routing: {default: {fallback: [a, b, c]}}
"""
    )

    a, b, c = policy.agents.values()
    assert isinstance(a.options, SimulatedOptions)
    assert (a.kind, a.options.answer, a.options.latency) == ("simulated", "Hi", 0.08)
    assert (a.prompt, a.parameters) == ("Be brief.", {"temperature": 0.2, "stop": ["x"]})
    assert a.labels == {"eu", "free-ok"}
    assert a.price == Price(150_000, 600_000, 75_000)
    assert (a.price_source, a.max_output_tokens) == ("policy", 900)
    assert a.timeouts == Timeouts(10.0, 2.0, 0.5)
    assert a.retry == Retry(3, frozenset({"rate_limit"}), 0.2, 4.0)
    assert (b.timeouts, b.retry, b.price) == (Timeouts(90.0), Retry(2), None)
    assert (c.kind, c.retry) == ("bound", Retry(0))
    assert policy.default == "#default"
    assert policy.worst_calls == {"#default": 4 + 3 + 1}


def test_guarantees_name_the_agents_they_forbid() -> None:
    policy = compiled(
        """
agents:
  - {id: a, simulated: x, labels: [eu]}
  - {id: b, simulated: x, labels: [us, eu]}
  - {id: c, simulated: x}
routing: {default: {fallback: [a, b, c]}}
guarantees:
  - never: {when: "input.tokens > 5", agents_without: eu}
  - {id: home, never: {when: input.has_images, agents_with: us}}
  - never: {when: "input.tokens > 9", agents: [b, c]}
  - at_most: {calls: 6, dollars: 0.05}
  - at_most: {calls: 9, seconds: 60}
"""
    )

    never = policy.guarantees.never
    assert [(one.id, sorted(one.agents)) for one in never] == [
        ("#0", ["c"]),
        ("home", ["b"]),
        ("#2", ["b", "c"]),
    ]
    assert never[0].text == (
        "the policy says never agents without the label 'eu' when input.tokens > 5"
    )
    at_most = policy.guarantees.at_most
    assert (at_most.calls, at_most.cost, at_most.seconds) == (6, Money.of("0.05"), 60)
    assert policy.deadline == 60


def test_failures_go_where_the_rule_or_the_routing_says() -> None:
    policy = compiled(
        """
agents: [{id: a, simulated: x}, {id: b, simulated: x}, {id: c, simulated: x}]
routing:
  rules:
    - {condition: "true", target: a, fallback: {timeout: c}}
    - {condition: "true", target: a}
  default: b
  fallback: {timeout: b, budget: c}
  deadline: 30s
"""
    )

    own, common = policy.rules
    assert [(word, flow.label) for word, flow in own.flow.children] == [
        ("", "a"),
        ("budget", "c"),
        ("timeout", "c"),
    ]
    assert [(word, flow.label) for word, flow in common.flow.children] == [
        ("", "a"),
        ("budget", "c"),
        ("timeout", "b"),
    ]
    assert policy.deadline == 30
    assert policy.worst_calls == {"a": 2, "b": 2}


def test_a_flow_may_stand_in_place_of_a_target() -> None:
    policy = compiled(
        HEAD
        + """
routing:
  rules: [{condition: "true", target: {fallback: [small, {fallback: [large]}]}}]
  default: {balance: {small: 1, large: 3}}
"""
    )

    assert policy.rules[0].target == "#0"
    assert policy.default_flow is not None
    assert [word for word, _ in policy.default_flow.children] == ["75 %", "25 %"]


def test_the_short_form_is_a_rule_for_each_type() -> None:
    policy = compiled(
        HEAD
        + """
workflow:
  name: short
  routing: {type: declarative, route: {simple: small, reasoning: large}, default: small}
"""
    )

    assert [(rule.id, rule.condition.text, rule.target) for rule in policy.rules] == [
        ("simple", "input.type == 'simple'", "small"),
        ("reasoning", "input.type == 'reasoning'", "large"),
    ]
    assert policy.default == "small"


def test_declared_signals_can_be_read_and_live_ones_are_known() -> None:
    policy = compiled(
        HEAD
        + """
env: [REGION, UNSET]
signals:
  tier: {from: metadata.tier, one_of: [free, pro], default: free}
  busy: {expr: "agents.large.in_flight > 3 && tier == 'free'"}
  mood: {function: mood, type: string, one_of: [good, bad]}
routing:
  rules:
    - {condition: busy, target: small}
    - {condition: "mood == 'bad' || env.REGION == 'eu' || time.hour < 6", target: large}
  default: small
""",
        app_signals={"mood": mood},
    )

    assert policy.live_signals == {"agents.large.in_flight", "time.hour"}
    assert {"tier", "busy", "mood", "env"} <= set(policy.signals)
    assert policy.scope.facts["busy"].kind == "bool"


def test_only_the_environment_variables_on_the_list_are_given() -> None:
    policy = load_text(
        HEAD + "env: [REGION, UNSET]\nrouting: {default: {fallback: [small, large]}}",
        plugins=CORE,
        env={"REGION": "eu", "SECRET": "x"},
    )

    assert policy.env == {"REGION": "eu"}


def test_a_missing_default_and_what_nobody_uses_are_warnings() -> None:
    assert warnings(
        """
agents: [{id: a, simulated: x}, {id: b, simulated: x}]
flows: {spare: {fallback: [b]}}
routing: {rules: [{condition: "true", target: a}]}
"""
    ) == (
        "2:38: agents.1.id: no rule leads to the agent 'b'\n"
        "  remove it, or name it in a rule\n"
        "3:9: flows: nothing uses the flow 'spare'\n"
        "  remove it, or name it in a rule\n"
        "4:10: routing: there is no default; a request that no rule matches is refused\n"
        "  add `default:` with the agent or flow that answers the rest"
    )


def test_one_reading_tells_every_mistake_in_the_order_of_the_text() -> None:
    assert refusal(
        """
agnts: []
agents:
  - {id: small, simulated: Hello, promt: x}
  - {id: large, model: x, simulated: y}
  - {id: Large, simulated: y}
  - {id: tall, simulated: {answr: 1}}
flows:
  both: {fallback: [small], balance: {large: 1}}
  odd: {fallbak: [small]}
routing:
  rules:
    - {conditon: "true", target: smal}
    - {condition: "input.tokns > 5", target: large, on_error: skp}
  fallback: {timeot: small}
guarantees:
  - never: {when: "true", agents_without: eu}
"""
    ) == (
        "2:1: no key 'agnts'\n"
        "  did you mean 'agents'?\n"
        "4:35: agents.0: no key 'promt'\n"
        "  did you mean 'prompt'?\n"
        "5:27: agents.1: an agent cannot be of two kinds: 'model' and 'simulated'\n"
        "  keep one of them\n"
        "6:10: agents.2.id: 'Large' is not a name\n"
        "  use small letters, digits, '-' and '_', and begin with a letter\n"
        "7:28: agents.3.simulated: no key 'answr'\n"
        "  did you mean 'answer'?\n"
        "9:29: flows.both: a flow cannot be of two kinds: 'fallback' and 'balance'\n"
        "  put one of them inside the other\n"
        "10:9: flows.odd: no flow 'fallbak'\n"
        "  did you mean 'fallback'?\n"
        "13:8: routing.rules.0: no key 'conditon'\n"
        "  did you mean 'condition'?\n"
        "13:34: routing.rules.0.target: no agent or flow 'smal'\n"
        "  did you mean 'small'?\n"
        "14:63: routing.rules.1.on_error: 'skp' is not allowed here\n"
        "  did you mean 'skip'?\n"
        "15:14: routing.fallback.timeot: 'timeot' is not allowed here\n"
        "  did you mean 'timeout'?\n"
        "17:43: guarantees.0.never.agents_without: no agent has the label 'eu'\n"
        "  known: (none)"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEAD + "routing: {rules: [{condition: 'tokens < 5', target: small}]}",
            "2:32: routing.rules.0.condition: no signal 'tokens'\n  did you mean 'input.tokens'?",
        ),
        (
            HEAD + 'routing: {rules: [{condition: "1 < 2 &&& true", target: small}]}',
            "2:40: routing.rules.0.condition: ",
        ),
        (
            HEAD + "routing: {rules: [{condition: input.tokens, target: small}]}",
            ("2:31: routing.rules.0.condition: bool is needed here, and this is int\n"
            "  compare it with something"),
        ),
        (
            HEAD + "flows: {small: {fallback: [large]}}\nrouting: {default: small}",
            ("2:9: flows: the flow 'small' has the name of an agent\n"
            "  agents and flows share one namespace; rename one of them"),
        ),
        (
            HEAD + "flows: {a: {fallback: [b]}, b: {fallback: [{fallback: [a]}]}}\n"
            "routing: {default: a}",
            ("2:56: flows.b.fallback.0.fallback.0: flows go in a circle: a -> b -> a\n"
            "  let one of them end in an agent"),
        ),
        (
            HEAD + "flows: {a: {fallback: [a]}}\nrouting: {default: a}",
            ("2:24: flows.a.fallback.0: flows go in a circle: a -> a\n"
            "  let one of them end in an agent"),
        ),
        (
            "agents: [{id: a, simulated: x}, {id: a, simulated: y}]\nrouting: {default: a}",
            ("1:38: agents.1.id: the agent 'a' is declared a second time\n"
            "  the first is at 1:10; rename one of them"),
        ),
        (
            HEAD + "routing: {default: small, rules: [{id: x, condition: 'true', target: small},"
            " {id: x, condition: 'true', target: large}]}",
            ("2:83: routing.rules.1.id: the rule 'x' stands here a second time\n"
            "  the first is at 2:35; rename one of them"),
        ),
        (
            ("agents: [{id: a, simulated: x, price: {input: -0.1, output: 1}}]\n"
            "routing: {default: a}"),
            "1:47: agents.0.price.input: must be greater than or equal to 0, not -0.1",
        ),
        (
            "agents: [{id: a, simulated: x, timeout: 10}]\nrouting: {default: a}",
            "1:41: agents.0.timeout: 10 has no unit; write for example 10s",
        ),
        (
            "agents: [{id: a, simulated: x, timeout: soon}]\nrouting: {default: a}",
            ("1:41: agents.0.timeout: 'soon' is not a length of time;"
            " write for example 80ms, 10s or 1h30m"),
        ),
        (
            "agents: [{id: a, simulated: x, retry: -1}]\nrouting: {default: a}",
            "1:39: agents.0.retry: must be greater than or equal to 0, not -1",
        ),
        (
            "agents: [{id: a, simulated: {errors: {timeot: 0.5}}}]\nrouting: {default: a}",
            ("1:39: agents.0.simulated.errors.timeot: 'timeot' is not allowed here\n"
            "  did you mean 'timeout'?"),
        ),
        (
            ("agents: [{id: a, simulated: {errors: {timeout: 0.7, budget: 0.7}}}]\n"
            "routing: {default: a}"),
            "1:29: agents.0.simulated: the shares of errors add up to more than 1",
        ),
        (
            "agents: [{id: a, simulated: x, retry: '2'}]\nrouting: {default: a}",
            "1:39: agents.0.retry: must be a whole number or a mapping, not '2'",
        ),
        (
            "agents: [{id: a, simulated: x, labels: [no, 7]}]\nrouting: {default: a}",
            "1:45: agents.0.labels.1: must be text, not 7",
        ),
        (
            "agents: [{id: a, modl: x}]\nrouting: {default: a}",
            "1:18: agents.0: no key 'modl'\n  did you mean 'model'?",
        ),
        (
            "agents: [{id: a, human: {queue: leads, choices: [reject]}}]\nrouting: {default: a}",
            "1:25: agents.0.human: nobody could say yes: add the choice 'approve'",
        ),
        (
            "agents: [{id: a, simulated: x, via: edge}]\nrouting: {default: a}",
            ("1:37: agents.0.via: no gateway 'edge'\n"
            "  known: direct, native"),
        ),
        (
            "gateways: {edge: {base_url: 'https://me:pass@gateway.example'}}\n" + HEAD
            + "routing: {default: small}",
            ("1:29: gateways.edge.base_url: this is no address without user and password\n"
            "  write https://host/path or ${env:NAME}"),
        ),
        (
            "rollout: {policy: next.yaml, percent: 10}\n" + HEAD + "routing: {default: small}",
            ("1:19: rollout.policy: no other version can be named here\n"
            "  a policy that is rolled out, or has no file of its own, rolls nothing out"),
        ),
        (
            HEAD + "routing: {default: {cascade: [small, large]}}",
            ("2:30: routing.default.cascade: nothing says when an answer is good enough\n"
            '  Add `accept:`, `score:` or both, for example `accept: "answer.chars > 20"`.'),
        ),
        (
            HEAD + "routing: {default: {sequence: [{use: large, if: 'true'}]}}",
            "2:45: routing.default.sequence.0: no key 'if'\n  did you mean 'when'?",
        ),
        (
            HEAD + "routing: {default: large, rules: [{when: 'true', target: large}]}",
            ("2:35: routing.rules.0: the key 'condition' is missing\n"
            "2:36: routing.rules.0: no key 'when'\n  did you mean 'condition'?"),
        ),
        (
            "agents: [{id: large, model: gpt-4o, temperature: 0.2}]\nrouting: {default: large}",
            ("1:37: agents.0: no key 'temperature'\n"
            "  write it below `parameters:`, as in parameters: {temperature: ...}"),
        ),
        (
            HEAD + "routing: {default: {agent: large}}",
            ("2:21: routing.default: no flow 'agent'\n"
            "  to ask one agent write `use:`; flows: balance, cascade, choose, consensus, "
            "fallback, for_each, parallel, pick, repeat, sequence, use"),
        ),
        (
            HEAD + "routing: {default: {shadow: large}}",
            ("2:21: routing.default: no flow 'shadow'\n"
            "  'shadow' stands beside `use:`, as in {use: small, shadow: ...}"),
        ),
        (
            HEAD + "routing: {default: SMALL}",
            "2:20: routing.default: no agent or flow 'SMALL'\n  did you mean 'small'?",
        ),
        (
            HEAD + "routing: {default: 7}",
            "2:20: routing.default: must be text or a mapping, not 7",
        ),
        (HEAD + "routing: {default: {}}", ("2:20: routing.default: a flow is empty\n"
            "  known: balance, cascade, choose, consensus, fallback, for_each, parallel, pick,"
            " repeat, sequence, use")),
        (
            HEAD + "plugins: {cahce: {}}\nrouting: {default: small}",
            "2:11: plugins: no plugin 'cahce'\n  known: (none)",
        ),
        (
            HEAD + "store: etcd://x\nrouting: {default: small}",
            "2:8: store: no kind of store 'etcd'\n  known: memory, sqlite",
        ),
        (
            HEAD + "version: 2\nrouting: {default: small}",
            "2:10: version: 2 is not allowed here\n  known: 1",
        ),
        (
            HEAD + "mode: observ\nrouting: {default: small}",
            "2:7: mode: 'observ' is not allowed here\n  did you mean 'observe'?",
        ),
        (
            HEAD + "env: [my-var]\nrouting: {default: small}",
            ("2:7: env.0: 'my-var' is not the name of an environment variable\n"
            "  write for example REGION"),
        ),
        (
            HEAD + "signals: {Tier: {from: metadata.tier}}\nrouting: {default: small}",
            ("2:11: signals: 'Tier' is not a name\n"
            "  use small letters, digits and '_', and begin with a letter"),
        ),
        (
            HEAD + "signals: {a: {expr: b}, b: {expr: a}}\nrouting: {default: small}",
            ("2:21: signals.a.expr: is in a circle: a, b\n"
            "  let one of them read no other\n"
            "2:35: signals.b.expr: is in a circle: a, b\n"
            "  let one of them read no other"),
        ),
        (
            HEAD + "signals: {tier: {form: metadata.tier}}\nrouting: {default: small}",
            "2:18: signals.tier: no key 'form'\n  did you mean 'from'?",
        ),
        (
            HEAD + "guarantees: [{never: {when: 'true', agents: [smal]}}]\n"
            "routing: {default: small}",
            "2:46: guarantees.0.never.agents.0: no agent 'smal'\n  did you mean 'small'?",
        ),
        (
            HEAD + "guarantees: [{never: {when: 'true'}}, {}]\nrouting: {default: small}",
            ("2:22: guarantees.0.never:"
            " write one of `agents_without:`, `agents_with:` and `agents:`\n"
            "2:39: guarantees.1: write either `never:` or `at_most:`"),
        ),
        (
            HEAD + "workflow: {routing: {route: {simple: small}}}\nrouting: {default: small}",
            ("2:12: workflow: `workflow.routing` and `routing` cannot stand together\n"
            "  keep `routing:`; a row is a rule with"
            " condition: \"input.type == 'simple'\""),
        ),
        (
            HEAD + "workflow: {routing: {route: {simpel: small, reasoning: LLM}}}",
            ("2:30: workflow.routing.route: no input.type 'simpel'\n"
            "  did you mean 'simple'?\n"
            "2:56: workflow.routing.route.reasoning: no agent or flow 'LLM'\n"
            "  known: large, small"),
        ),
        (
            "agents: [{id: a, model: x, api_key: sk-123}]\nrouting: {default: a}",
            ("1:37: agents.0.api_key: a key must not stand in a policy\n"
            "  write ${env:NAME} and put the key into that environment variable"),
        ),
        (
            ("agents: [{id: a, model: x, parameters: {extra_headers: {Authorization: Bearer x}}}]\n"
            "routing: {default: a}"),
            ("1:40: agents.0.parameters: the parameter 'authorization' may hold a key,"
            " and a key must not stand in a policy\n"
            "  use the agent's `api_key: ${env:NAME}`"),
        ),
        (
            ("agents: [{id: a, simulated: x, base_url: 'http://127.0.0.1'}]\n"
            "routing: {default: a}"),
            ("1:32: agents.0: an agent of the kind 'simulated' has no 'base_url'\n"
            "  it belongs to agents with `model:`"),
        ),
        (
            HEAD + "include: base.yaml\nrouting: {default: small}",
            "2:10: include: a policy without a file of its own cannot include one",
        ),
        (
            HEAD + "order: [audit]\nrouting: {default: small}",
            "2:9: order.0: 'audit' is not below `plugins:`\n  known: (none)",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_its_mend(text: str, said: str) -> None:
    found = refusal(text)

    if said.endswith(": "):  # what follows is the condition language's own
        found = found[: len(said)]
    assert found == said


def test_a_refused_condition_points_at_the_word_inside_it() -> None:
    said = refusal(
        HEAD + 'routing: {rules: [{condition: "true || input.tokns < 5", target: small}]}'
    )

    assert said.startswith("2:40: routing.rules.0.condition: no signal 'input.tokns'")


@pytest.mark.parametrize(
    "agent",
    [
        "{id: a, model: x, api_key: sk-secret}",
        "{id: a, model: x, api_key: [sk-secret]}",
        "{id: a, model: x, api_key: {sk-secret: sk-secret}}",
        "{id: a, model: {model: x, api_key: sk-secret}}",
        "{id: a, model: {model: x, api_key: [sk-secret]}}",
        "{id: a, model: x, parameters: {api_key: sk-secret}}",
        "{id: a, model: x, parameters: {headers: {X-Api-Key: sk-secret}}}",
        "{id: a, model: x, base_url: 'https://user:sk-secret@host'}",
    ],
)
def test_a_key_is_refused_and_never_repeated(agent: str) -> None:
    said = refusal(f"agents: [{agent}]\nrouting: {{default: a}}")

    assert "sk-" not in said


def test_an_address_has_no_password_in_it() -> None:
    assert refusal(
        "agents: [{id: a, model: x, base_url: 'https://me:pw@host/v1'}]\nrouting: {default: a}"
    ) == (
        "1:38: agents.0.base_url: this is no address without user and password\n"
        "  write https://host/path or ${env:NAME}"
    )


def test_an_agent_that_a_bound_of_dollars_keeps_silent_is_a_warning() -> None:
    assert warnings(
        "agents: [{id: a}]\nrouting: {default: a}\nguarantees: [{at_most: {dollars: 1}}]"
    ) == (
        "1:15: agents.0.id: the price of 'a' is unknown,"
        " so `at_most: dollars` never lets it answer\n"
        "  add `price: {input: ..., output: ...}`"
    )


def test_an_object_for_an_unknown_agent_is_refused() -> None:
    assert refusal(HEAD + "routing: {default: small}", bound=["smal"]) == (
        "1:1: the app binds an object to the agent 'smal', which is not declared\n"
        "  did you mean 'small'?"
    )


def test_a_function_that_the_app_did_not_bind_is_refused() -> None:
    assert refusal(HEAD + "signals: {mood: {function: mod}}\nrouting: {default: small}") == (
        "2:28: signals.mood.function: no function 'mod' is bound\n"
        "  pass Conductor(..., signals={'mod': function})"
    )


def test_only_fifty_mistakes_are_told_and_the_rest_is_counted() -> None:
    rules = ", ".join("{condition: 'true', target: nobody}" for _ in range(70))

    with pytest.raises(PolicyError) as caught:
        compiled(HEAD + f"routing: {{rules: [{rules}]}}")

    assert len(caught.value.findings) == 51
    assert caught.value.findings[-1].problem == "and 20 more"


def test_a_file_gives_its_name_to_places_and_to_the_policy(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(HEAD + "routing: {default: {fallback: [small, large]}}")

    policy = load(path, plugins=CORE)

    assert (policy.name, policy.sources) == ("desk", (str(path),))


def test_a_file_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "gone.yaml"

    with pytest.raises(ConductorError) as caught:
        load(path, plugins=CORE)

    assert not isinstance(caught.value, PolicyError)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert str(caught.value) == (
        f"{path}: the file cannot be read: No such file or directory\n"
        "  check its path and permissions"
    )


def test_a_folder_or_a_path_with_nul_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConductorError, match="the file cannot be read: Is a directory"):
        load(tmp_path, plugins=CORE)
    with pytest.raises(ConductorError, match="the file cannot be read: embedded null byte"):
        load("a\0b", plugins=CORE)


def test_an_endless_file_is_refused_after_the_allowed_size() -> None:
    before = time.monotonic()

    with pytest.raises(PolicyError, match="the file has more than 5242880 bytes"):
        load("/dev/zero", plugins=CORE)

    assert time.monotonic() - before < 60


def test_the_policy_of_the_example_loads_without_a_warning() -> None:
    policy = load(
        Path(__file__).parents[1] / "examples" / "support-desk" / "conductor.yaml", plugins=CORE
    )

    assert policy.warnings == ()
    assert policy.name == "support-desk"


def test_a_misspelt_flow_is_told_wherever_its_key_stands() -> None:
    text = HEAD + "routing: {default: {take: best, paralel: [small, large]}}"

    assert refusal(text) == ("2:33: routing.default: no flow 'paralel'\n  did you mean 'parallel'?")
