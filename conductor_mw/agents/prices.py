"""What LiteLLM's table says of models, prices and abilities, read without importing LiteLLM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

from conductor_mw.money import Price

_TABLE: Final = "model_prices_and_context_window_backup.json"
_PICO: Final = 10**12
_ABILITIES: Final = {
    "tools": "supports_function_calling",
    "vision": "supports_vision",
    "audio": "supports_audio_input",
    "json": "supports_response_schema",
}


@dataclass(frozen=True, slots=True)
class ListPrice:
    """What a list says about a model.

    Attributes:
        price: pico-dollars per token, or None where the list has none.
        max_output_tokens: the most it can answer, or None where the list does not say.
        source: which list, for example `litellm 1.109.1`.
        context_window: the most tokens that it can be sent, or None where the list does not say.
        capabilities: what it can and cannot, as far as the list says.
    """

    price: Price | None
    max_output_tokens: int | None
    source: str
    context_window: int | None = None
    capabilities: Mapping[str, bool] = field(default_factory=dict[str, bool])


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
        if found is not None and found.row[3] != provider:
            found = None
    if found is None:
        return None
    given, made, cached, _, longest = found.row
    price = None if given is None or made is None else Price(given, made, cached)
    return ListPrice(price, longest, source, found.window, found.abilities)


def forget() -> None:
    """Read the list again when it is next needed.

    For a process in which LiteLLM was installed or replaced meanwhile: a notebook, or a test.
    """
    _table.cache_clear()


_Row = tuple[int | None, int | None, int | None, str, int | None]


class _Listed(NamedTuple):
    """A model of the list."""

    row: _Row
    window: int | None
    abilities: Mapping[str, bool]


@cache
def _table() -> tuple[Mapping[str, _Listed], str]:
    """Read the list once a process; 3 MB of JSON become the few columns that matter."""
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
    known = {
        name: _Listed(row(entry), _tokens(entry.get("max_input_tokens")), abilities(entry))
        for name, entry in listed.items()
    }
    return known, f"litellm {number}"


def row(entry: Mapping[str, Any]) -> _Row:
    """Give a model's columns: prices in, out and cached, its provider, its longest answer."""
    return (
        _pico(entry.get("input_cost_per_token")),
        _pico(entry.get("output_cost_per_token")),
        _pico(entry.get("cache_read_input_token_cost")),
        str(entry.get("litellm_provider", "")),
        _tokens(entry.get("max_output_tokens", entry.get("max_tokens"))),
    )


def abilities(entry: Mapping[str, Any]) -> Mapping[str, bool]:
    """Give what a model can and cannot; what the list leaves out is unknown.

    >>> abilities({"supports_vision": False, "supports_response_schema": False})
    {'vision': False}
    """
    found = {name: entry.get(key) for name, key in _ABILITIES.items()}
    if found["json"] is False:
        # It says that a model takes no schema; it may well answer in JSON.
        del found["json"]
    return {name: can for name, can in found.items() if isinstance(can, bool)}


def _tokens(count: object) -> int | None:
    return count if isinstance(count, int) and count > 0 else None


def _pico(dollars: object) -> int | None:
    if isinstance(dollars, bool) or not isinstance(dollars, int | Decimal) or dollars < 0:
        return None
    return int((Decimal(dollars) * _PICO).to_integral_value(rounding=ROUND_CEILING))
