"""The pages of our layers name every option, and their examples load."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_mw import Plugins
from conductor_mw.policy import load_text
from conductor_mw.policy.layers import options_model
from tests.test_schema import INSTALLED, complaints

ROOT = Path(__file__).parents[1]
PAGES = {"quality": "sampling"}
"""Layers whose page has another name: `quality.md` is about good enough answers."""
AGENTS = "agents: [{id: small, simulated: Hello}, {id: large, simulated: Good day}]\n"
OURS = [
    name
    for name in Plugins.installed().layers.names
    if (ROOT / "plugins" / f"conductor_mw_{name}").is_dir()
]


def page_of(layer: str) -> str:
    return (ROOT / "docs" / f"{PAGES.get(layer, layer)}.md").read_text(encoding="utf-8")


def options() -> Iterator[tuple[str, str]]:
    plugins = Plugins.installed()
    for layer in OURS:
        offer = plugins.layers.get(layer)
        assert offer is not None
        for model in (options_model(offer.options), offer.own):
            for name, field in (model.model_fields if model else {}).items():
                yield layer, field.alias or name


@pytest.mark.parametrize(("layer", "option"), sorted(set(options())))
def test_every_option_stands_in_a_table_of_its_page(layer: str, option: str) -> None:
    assert re.search(rf"^\| `{option}`.* \|", page_of(layer), re.MULTILINE)


def examples() -> Iterator[tuple[str, str]]:
    for layer in OURS:
        for found in re.findall(r"^```yaml\n(.*?)^```$", page_of(layer), re.DOTALL | re.MULTILINE):
            yield layer, found


@pytest.mark.parametrize(("layer", "example"), list(examples()))
def test_every_example_of_a_page_loads(layer: str, example: str) -> None:
    text = example if re.search(r"^agents:", example, re.MULTILINE) else AGENTS + example
    if not re.search(r"^routing:", text, re.MULTILINE):
        text += "routing: {default: {fallback: [small, large]}}\n"

    policy = load_text(text, env={})

    assert policy.agents, layer
    assert complaints(text, INSTALLED) == []


@pytest.mark.parametrize("layer", OURS)
def test_a_page_shows_an_example_with_the_layer(layer: str) -> None:
    assert any(f"{layer}:" in example for name, example in examples() if name == layer)
