"""List prices and answer limits of models, from LiteLLM's table, without importing LiteLLM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from conductor_mw.money import Price

_TABLE: Final = "model_prices_and_context_window_backup.json"
_PICO: Final = 10**12


@dataclass(frozen=True, slots=True)
class ListPrice:
    """What a list says about a model.

    Attributes:
        price: pico-dollars per token, or None where the list has none.
        max_output_tokens: the most it can answer, or None where the list does not say.
        source: which list, for example `litellm 1.109.1`.
    """

    price: Price | None
    max_output_tokens: int | None
    source: str


def list_price(model: str) -> ListPrice | None:
    """Give what LiteLLM's list says about a model, or None where it is unknown.

    Args:
        model: the LiteLLM name, with or without its provider: `openai/gpt-4o-mini`.
    """
    table, source = _table()
    found = table.get(model)
    if found is None and "/" in model:
        # The list has most of OpenAI's and Anthropic's models without the provider.
        provider, _, name = model.partition("/")
        found = table.get(name)
        if found is not None and found[3] != provider:
            found = None
    if found is None:
        return None
    price = None if found[0] is None or found[1] is None else Price(found[0], found[1], found[2])
    return ListPrice(price, found[4], source)


def forget() -> None:
    """Read the list again when it is next needed.

    For a process in which LiteLLM was installed or replaced meanwhile: a notebook, or a test.
    """
    _table.cache_clear()


_Row = tuple[int | None, int | None, int | None, str, int | None]


@cache
def _table() -> tuple[Mapping[str, _Row], str]:
    """Read the list once a process; 3 MB of JSON become the five columns that matter."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}, "unknown"
    path = Path(spec.origin).with_name(_TABLE)
    try:
        # Decimal: a price such as 1.5e-07 is exact in the file and not in a float.
        listed: dict[str, dict[str, Any]] = json.loads(path.read_bytes(), parse_float=Decimal)
        number = version("litellm")
    except (OSError, ValueError, PackageNotFoundError):
        return {}, "unknown"
    return {name: row(entry) for name, entry in listed.items()}, f"litellm {number}"


def row(entry: Mapping[str, Any]) -> _Row:
    """Give a model's columns: prices in, out and cached, its provider, its longest answer."""
    longest = entry.get("max_output_tokens", entry.get("max_tokens"))
    return (
        _pico(entry.get("input_cost_per_token")),
        _pico(entry.get("output_cost_per_token")),
        _pico(entry.get("cache_read_input_token_cost")),
        str(entry.get("litellm_provider", "")),
        longest if isinstance(longest, int) and longest > 0 else None,
    )


def _pico(dollars: object) -> int | None:
    if isinstance(dollars, bool) or not isinstance(dollars, int | Decimal) or dollars < 0:
        return None
    return int((Decimal(dollars) * _PICO).to_integral_value(rounding=ROUND_CEILING))
