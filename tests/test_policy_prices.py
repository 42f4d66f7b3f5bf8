"""An agent's price comes from the policy, else from the list that LiteLLM ships."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from conductor_mw.agents import prices
from conductor_mw.agents.prices import ListPrice, list_price
from conductor_mw.money import Price
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load_text

needs_litellm = pytest.mark.skipif(find_spec("litellm") is None, reason="LiteLLM is not installed")
CORE = Plugins.core()


def nothing(_: str) -> None:
    return None


@needs_litellm
def test_a_price_of_the_list_is_exact() -> None:
    found = list_price("openai/gpt-4o-mini")

    assert found is not None
    assert found.price == Price(150_000, 600_000, 75_000)
    assert found.max_output_tokens == 16_384
    assert found.source.startswith("litellm 1.")


@needs_litellm
def test_a_model_is_found_with_and_without_its_provider() -> None:
    assert list_price("gpt-4o-mini") == list_price("openai/gpt-4o-mini")
    assert list_price("anthropic/gpt-4o-mini") is None
    assert list_price("nobody/nothing") is None


@needs_litellm
def test_a_model_without_a_price_of_its_own_gets_the_list_s() -> None:
    text = "agents: [{id: a, model: openai/gpt-4o-mini}]\nrouting: {default: a}"

    agent = load_text(text, plugins=CORE, env={}).agents["a"]

    assert agent.price == Price(150_000, 600_000, 75_000)
    assert agent.price_source.startswith("litellm ")
    assert agent.max_output_tokens == 16_384


def test_the_policy_s_own_price_and_limit_go_first() -> None:
    text = (
        "agents: [{id: a, model: openai/gpt-4o-mini, price: {input: 1, output: 2},"
        " max_output_tokens: 7}]\nrouting: {default: a}"
    )

    agent = load_text(text, plugins=CORE, env={}).agents["a"]

    assert (agent.price, agent.price_source) == (Price(1_000_000, 2_000_000), "policy")
    assert agent.max_output_tokens == 7


def test_an_unknown_model_has_no_price() -> None:
    text = "agents: [{id: a, model: ollama/my-own}]\nrouting: {default: a}"

    agent = load_text(text, plugins=CORE, env={}).agents["a"]

    assert (agent.price, agent.price_source, agent.max_output_tokens) == (None, "unknown", None)


def test_without_litellm_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "find_spec", nothing)
    prices.forget()

    assert list_price("openai/gpt-4o-mini") is None
    prices.forget()


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, (None, None, None, "", None)),
        (
            {"input_cost_per_token": -1, "output_cost_per_token": True, "max_tokens": "8"},
            (None, None, None, "", None),
        ),
        ({"max_tokens": 8, "litellm_provider": "x"}, (None, None, None, "x", 8)),
    ],
)
def test_a_strange_row_of_the_list_gives_no_price(
    entry: dict[str, object], expected: tuple[object, ...]
) -> None:
    assert prices.row(entry) == expected


def test_a_price_needs_both_sides() -> None:
    assert ListPrice(None, 8, "litellm 1").price is None


@needs_litellm
def test_looking_up_a_price_imports_no_litellm() -> None:
    program = (
        "import sys\nfrom conductor_mw.agents.prices import list_price\n"
        "assert list_price('gpt-4o-mini')\nassert 'litellm' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
