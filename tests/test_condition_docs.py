"""The reference page says what the language does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conductor_mw.rules import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    STRING,
    Scope,
    limits,
    list_of,
    map_of,
)
from conductor_mw.rules import (
    compile as condition,
)
from conductor_mw.rules.signatures import CONVERSIONS, MACROS, METHODS

PAGE = (Path(__file__).parents[1] / "docs" / "conditions.md").read_text(encoding="utf-8")
SCOPE = Scope(
    {
        "input.tokens": INT,
        "input.type": STRING,
        "input.text": STRING,
        "input.domain": STRING,
        "input.complexity": STRING,
        "input.pii": list_of(STRING),
        "tier": STRING,
        "metadata": map_of(STRING, DYN),
        "agents.deep-think.open": BOOL,
        "agents.deep-think.p95_ms": DOUBLE,
    }
)
EXAMPLES = [
    line
    for block in re.findall(r"```cel\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_loads(text: str) -> None:
    if "matches" in text:
        pytest.importorskip("re2")

    assert condition(text, BOOL, SCOPE).text == text


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("name", [*CONVERSIONS, *METHODS, *MACROS, "has"])
def test_every_function_is_named(name: str) -> None:
    assert f"{name}(" in PAGE


@pytest.mark.parametrize(
    "limit",
    [
        "MAX_TEXT",
        "MAX_DEPTH",
        "MAX_MACROS",
        "MAX_STEPS",
        "MAX_DECISION_STEPS",
        "MAX_PATTERN",
        "MAX_PROGRAM",
        "MAX_PROGRAMS",
    ],
)
def test_every_limit_is_named(limit: str) -> None:
    assert f"{getattr(limits, limit):,}" in PAGE.partition("## Limits")[2]
