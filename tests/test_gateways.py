"""What a policy says of ways, routers and further tokens is checked, and means what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conductor_mw import Conductor, ConductorError, Failure, Outcome, PolicyError
from conductor_mw.agents.access import access_of
from conductor_mw.agents.answered import Beside, price_of
from conductor_mw.agents.gateway import Gateway
from conductor_mw.money import Price
from conductor_mw.parts import Usage
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load, load_text
from conductor_mw.policy.entry import GatewayEntry
from conductor_mw.testing import WAYS, Scripted, Way, ask

PAGE = (Path(__file__).parents[1] / "docs" / "gateways.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
CORE = Plugins.core()
HEAD = "agents: [{id: a, model: openai/gpt-4o-mini, via: edge}]\nrouting: {default: a}\n"
ROUTER = """
agents:
  - id: a
    model: azure/x-router
    max_output_tokens: 1000
    price: {input: 1, output: 0}
    prices:
      p-*: {input: 2, output: 9}
      p-mini-*: {input: 1, output: 3}
      p-pro: {input: 4, output: 8, cached_input: 1}
routing: {default: a}
"""


def gateway(settings: str, **more: str) -> Gateway:
    """Give the gateway that a policy with these settings has."""
    text = f"gateways: {{edge: {{base_url: 'https://g.example/v1', {settings}}}}}\n" + HEAD
    found = load_text(text, plugins=CORE, env={}, **more).agents["a"].gateway  # type: ignore[arg-type]
    assert found is not None
    return found


def refused(text: str) -> str:
    with pytest.raises(PolicyError) as found:
        load_text(text, plugins=CORE, env={})
    return "\n".join(str(one) for one in found.value.findings)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_of_the_page_loads_without_a_warning(example: str) -> None:
    assert load_text(example, plugins=CORE, env={}).warnings == ()


def test_every_key_stands_in_the_pages_table() -> None:
    missing = [key for key in GatewayEntry.model_fields if f"\n| `{key}` |" not in PAGE]

    assert missing == []


@pytest.mark.parametrize("way", WAYS)
def test_a_native_agent_needs_the_object_of_the_app(way: Way) -> None:
    text = "agents: [{id: a, model: openai/gpt-4o, via: native}]\nrouting: {default: a}\n"

    answer = ask(Conductor.from_text(text, agents={"a": Scripted("mine")}), "?", way=way)

    assert answer.text == "mine"
    with pytest.raises(ConductorError, match="the app binds no object to it"):
        Conductor.from_text(text)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("headers: {authorization: sk-123}", "a key must not stand in a policy"),
        ("headers: {x-portkey-api-key: abc}", "a key must not stand in a policy"),
        ("headers: {x-a: 'é'}", "no header with a value of plain ASCII"),
        ('headers: {x-a: "b\\r\\nc: d"}', "no header with a value of plain ASCII"),
        ("headers: {'x:a': b}", "no header"),
        ("ttl_header: x-ttl", "there is no time to tell"),
        ("ttl_header: 'x ttl', cache_ttl: 1h", "is no header"),
        ("timeout_header: ''", "is no header"),
        ("hit: {header: 'a b'}", "is no header"),
        ("hit: {header: x-cache, value: ''}", "an empty value marks no hit"),
        ("hit: {header: x-cache, value: []}", "an empty value marks no hit"),
        ("hit: vercel", "cloudflare"),
        ("speaks: latin", "no key 'speaks'"),
    ],
)
@pytest.mark.parametrize("environment", [False, True])
def test_a_mistake_is_found_with_its_place(settings: str, said: str, environment: bool) -> None:
    text = f"gateways: {{edge: {{base_url: 'https://g.example', {settings}}}}}\n" + HEAD
    if environment:
        text = "gateways: {edge: {base_url: 'https://g.example'}}\n" + HEAD
        text += f"environments: {{live: {{gateways: {{edge: {{{settings}}}}}}}}}\n"

    found = refused(text)

    assert said in found
    assert re.match(r"<policy>:\d+:\d+: gateways\.edge", found)


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("https://g.example/${env:ACCOUNT}/v1", True),
        ("${env:URL}", True),
        ("${env:URL}/v1", True),
        ("https://me:pass@g.example", False),
        ("${env:URL}@g.example", False),
        ("https://g.example/${ACCOUNT}", False),
        ("ftp://g.example", False),
        ("", False),
    ],
)
def test_an_address_may_hold_what_the_environment_says(address: str, right: bool) -> None:
    text = f"gateways: {{edge: {{base_url: '{address}'}}}}\n" + HEAD

    if right:
        assert load_text(text, plugins=CORE, env={}).warnings == ()
    else:
        assert "base_url" in refused(text)


def test_the_environment_is_read_when_a_call_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = load_text(
        "gateways: {edge: {base_url: 'https://${env:A}.example/${env:B}', "
        "headers: {AUTHORIZATION: 'Bearer ${env:C}'}}}\n" + HEAD,
        plugins=CORE,
        env={},
    ).agents["a"]

    with pytest.raises(Failure, match="the environment variable A is not set"):
        access_of(agent)
    for name in "ABC":
        monkeypatch.setenv(name, name.lower())

    found = access_of(agent)
    assert found.base_url == "https://a.example/b"
    assert found.headers == {"Authorization": "Bearer c"}
    assert "Bearer" not in repr(found)


def test_an_environment_replaces_settings_of_gateways_and_adds_some() -> None:
    text = (
        "gateways: {edge: {base_url: 'https://g.example', headers: {x-a: b}, cache_ttl: 1h}}\n"
        + HEAD
        + "environments:\n"
        "  live: {gateways: {edge: {base_url: 'https://live.example'}}}\n"
        "  far: {gateways: {far: {base_url: 'https://far.example'}}, agents: {a: {via: far}}}\n"
    )

    def way(environment: str) -> Gateway | None:
        return load_text(text, plugins=CORE, env={}, environment=environment).agents["a"].gateway

    live, far = way("live"), way("far")
    assert live is not None
    assert far is not None
    assert (live.base_url, live.sent) == (
        "https://live.example",
        {"x-a": "b", "cf-aig-cache-ttl": "3600"},
    )
    assert (far.name, far.base_url, far.sent) == ("far", "https://far.example", {})


@pytest.mark.parametrize(
    ("settings", "headers", "hit"),
    [
        ("cache_ttl: 1h", {"cf-aig-cache-status": "HIT"}, True),
        ("cache_ttl: 1h", {"cf-aig-cache-status": "MISS"}, False),
        ("cache_ttl: 1h", {"cf-aig-cache-status": "MISS, HIT"}, False),
        ("cache_ttl: 1h", {}, False),
        ("cache_ttl: 1h, ttl_header: x-ttl", {"cf-aig-cache-status": "HIT"}, False),
        ("", {"cf-aig-cache-status": "HIT"}, False),
        ("hit: cloudflare", {"cf-aig-cache-status": "hit"}, True),
        ("hit: portkey", {"x-portkey-cache-status": "SEMANTIC HIT"}, True),
        ("hit: portkey", {"cf-aig-cache-status": "HIT"}, False),
        ("hit: {header: X-Cache}", {"x-cache": "HIT"}, True),
        ("hit: {header: x-cache, value: [fresh, stale]}", {"x-cache": "Stale"}, True),
        ("hit: {header: x-cache, value: [fresh, stale]}", {"x-cache": "HIT"}, False),
    ],
)
def test_only_the_words_of_the_policy_mark_a_hit(
    settings: str, headers: dict[str, str], hit: bool
) -> None:
    found = gateway(settings).hit

    assert (found is not None and found.met(headers)) is hit


def test_a_gateway_and_an_address_of_ones_own_exclude_each_other() -> None:
    head = "gateways: {edge: {base_url: 'https://g.example'}}\nrouting: {default: a}\n"
    for more in ("base_url: 'https://x.example'", "replicas: [{base_url: 'https://x.example'}]"):
        text = head + f"agents: [{{id: a, model: x/y, via: edge, {more}}}]\n"
        assert "a gateway has an address of its own" in refused(text)


def test_the_upper_of_two_files_cannot_lead_calls_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "org.yaml").write_text(
        "gateways: {edge: {base_url: 'https://g.example'}}\n" + HEAD, encoding="utf-8"
    )
    for more in (
        "gateways: {edge: {base_url: 'https://elsewhere.example'}}",
        "agents: [{id: a, via: direct}]",
        "agents: [{id: a, prices: {x: {input: 0, output: 0}}}]",
        "agents: [{id: a, usage: {at_most: 1}}]",
        "environments: {live: {gateways: {edge: {base_url: 'https://elsewhere.example'}}}}",
    ):
        (tmp_path / "team.yaml").write_text(f"include: org.yaml\n{more}\n", encoding="utf-8")
        with pytest.raises(PolicyError) as found:
            load(tmp_path / "team.yaml", plugins=CORE, env={})
        assert "org.yaml" in str(found.value)


# What answers cost


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("p-1", Price.per_million(input=3, output=9)),
        ("p-mini-2026-01-01", Price.per_million(input=2, output=3)),
        ("p-pro", Price.per_million(input=5, output=8, cached_input=2)),
        ("q-1", None),
        ("", None),
    ],
)
def test_the_longest_name_that_fits_says_what_a_routed_answer_costs(
    model: str, price: Price | None
) -> None:
    assert price_of(load_text(ROUTER, plugins=CORE, env={}).agents["a"], model) == price


def test_a_routers_own_price_is_the_dearest_of_all() -> None:
    agent = load_text(ROUTER, plugins=CORE, env={}).agents["a"]

    assert agent.price == Price.per_million(input=5, output=9, cached_input=5)
    assert agent.price is not None
    for price in agent.prices.values():
        assert price is not None
        for usage in (Usage(1_000, 10), Usage(1_000, 10, 1_000), Usage(0, 99)):
            assert price.cost(usage) <= agent.price.cost(usage)


def test_only_a_price_that_the_policy_states_is_added() -> None:
    text = ROUTER.replace("azure/x-router", "openai/gpt-4o-mini")
    text = text.replace("    price: {input: 1, output: 0}\n", "")

    agent = load_text(text, plugins=CORE, env={}).agents["a"]

    assert price_of(agent, "p-1") == Price.per_million(input=2, output=9)


def test_a_price_that_no_list_has_leaves_the_cost_unknown() -> None:
    text = ROUTER.replace("p-pro: {input: 4, output: 8, cached_input: 1}", "p-pro: listed")

    policy = load_text(text, plugins=CORE, env={})

    assert policy.agents["a"].price is None
    assert price_of(policy.agents["a"], "p-pro") is None
    assert price_of(policy.agents["a"], "p-1") is not None
    assert "has no price of 'p-pro'" in str(policy.warnings[0])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("prices: {}", "at least 1"),
        ("prices: {'*': listed}", "names no model"),
        ("prices: {'a*b': {input: 1, output: 1}}", "names no model"),
        ("prices: {x: cheap}", "prices.x"),
        ("prices: {x: {input: -1, output: 1}}", "greater than or equal to 0"),
        ("usage: {input: [prompt_tokens]}", "'prompt_tokens' is counted already"),
        ("usage: {output: [usage.completion_tokens_details.reasoning_tokens]}", "counted already"),
        ("usage: {input: [a.b], output: [usage.a.b]}", "'a.b' stands here a second time"),
        ("usage: {input: ['a[0]']}", "is no place below an answer's `usage`"),
        ("usage: {at_most: -1}", "greater than or equal to 0"),
    ],
)
def test_a_mistake_about_prices_is_found(key: str, said: str) -> None:
    text = f"agents: [{{id: a, model: openai/gpt-4o-mini, {key}}}]\nrouting: {{default: a}}\n"

    assert said in refused(text)


@pytest.mark.parametrize("key", ["prices: {x: {input: 1, output: 1}}", "usage: {at_most: 1}"])
def test_only_models_have_them(key: str) -> None:
    text = f"agents: [{{id: a, simulated: x, {key}}}]\nrouting: {{default: a}}\n"

    assert "an agent of the kind 'simulated' has no" in refused(text)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"x": "many"}, {"x": {"y": -3}}, {"x": {"y": 1.5}}, {"x": {"y": True}}, {"x": [9]}],
)
def test_a_strange_report_adds_nothing(usage: object) -> None:
    assert Beside(output=(("x", "y"),)).of(usage) == Usage()


def test_money_is_no_part_of_what_a_policy_means_and_the_way_is() -> None:
    def prints(settings: str, agent: str = "") -> tuple[str, str]:
        text = f"gateways: {{edge: {{base_url: 'https://g.example', {settings}}}}}\n" + HEAD
        policy = load_text(text.replace(", via", f"{agent}, via"), plugins=CORE, env={})
        return policy.fingerprint, policy.agents["a"].fingerprint

    usual = prints("")

    for same in (
        prints("hit: portkey"),
        prints("", ", prices: {x: {input: 1, output: 2}}"),
        prints("", ", usage: {at_most: 5}"),
    ):
        assert same == usual
    policy, agent = prints("headers: {x-portkey-config: other}")
    assert policy != usual[0]
    assert agent != usual[1]
    policy, agent = prints("timeout_header: x-t")
    assert policy != usual[0]
    assert agent == usual[1]


def test_who_answered_is_a_word_of_outcomes() -> None:
    assert (Outcome(path="", agent="a").model, Outcome(path="", agent="a").by) == ("", "")
