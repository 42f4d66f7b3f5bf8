"""Compile what answers cost beside an agent's own price: routed models, and further tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from conductor_mw.agents.answered import ANY, Beside
from conductor_mw.agents.base import AgentOptions
from conductor_mw.agents.prices import list_price
from conductor_mw.money import Price, dearest_of
from conductor_mw.policy.document import AgentEntry, PriceEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import shown

_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}(\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,4}")
_USAGE: Final = "usage."
_INPUT: Final = ("prompt_tokens_details", "input_tokens_details")
_OUTPUT: Final = ("completion_tokens_details", "output_tokens_details")
COUNTED: Final = frozenset(
    {
        *("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"),
        *(
            f"{details}.{name}"
            for details in _INPUT
            for name in (
                "cached_tokens",
                "orchestration_input_tokens",
                "orchestration_input_cached_tokens",
            )
        ),
        *(
            f"{details}.{name}"
            for details in _OUTPUT
            for name in ("reasoning_tokens", "orchestration_output_tokens")
        ),
    }
)
"""What every answer is billed by already, or what is a part of that."""


def price_of_entry(entry: PriceEntry) -> Price:
    """Give the price that a policy states."""
    return Price.per_million(
        input=entry.input, output=entry.output, cached_input=entry.cached_input
    )


def compile_prices(
    draft: Draft,
    entry: AgentEntry,
    kind: str,
    options: AgentOptions,
    own: tuple[Price | None, str],
    at: Loc,
) -> tuple[Mapping[str, Price | None], Price | None, str]:
    """Give the prices of the models that a router's answers name, and its dearest.

    Args:
        draft: the policy while it is compiled; findings go to it.
        entry: the agent as the policy writes it.
        kind: its kind.
        options: the options of its kind.
        own: its own price and where that stands; what the policy states, a router takes on top.
        at: where the agent stands.

    Returns:
        The prices by model; the agent's price, for a router the dearest there is; and its source.
    """
    price, source = own
    if entry.prices is None:
        return {}, price, source
    # What a list has for the name of a router may be its own fee or a price of everything.
    fee = price if source == "policy" else None
    if kind != "model":
        draft.find(
            (*at, "prices"),
            "unknown-key",
            f"an agent of the kind {kind!r} has no 'prices'",
            "it belongs to agents with `model:` whose answers name another model",
            key=True,
        )
        return {}, price, source
    provider, _, _ = str(getattr(options, "model", "")).partition("/")
    found: dict[str, Price | None] = {}
    for name, stated in entry.prices.items():
        here = (*at, "prices", name)
        if not name.rstrip(ANY) or ANY in name[:-1] or len(name) > 200:
            draft.find(
                here, "wrong-value", f"{shown(name)} names no model", "only a last `*` stands for "
                "whatever follows", key=True,
            )  # fmt: skip
            continue
        if isinstance(stated, PriceEntry):
            routed: Price | None = price_of_entry(stated)
        else:
            routed = _listed(draft, name, provider, here)
        found[name] = routed if routed is None or fee is None else routed + fee
    known = [one for one in found.values() if one is not None]
    if not known or len(known) < len(found):
        return found, None, "unknown"
    return found, dearest_of(known), "policy"


def _listed(draft: Draft, name: str, provider: str, at: Loc) -> Price | None:
    listed = None
    if not name.endswith(ANY):
        listed = list_price(f"{provider}/{name}") or list_price(name)
    if listed is None or listed.price is None:
        draft.find(
            at,
            "unknown-price",
            f"LiteLLM's list has no price of {shown(name)}, so what it answers has no known cost",
            "write its price: {input: ..., output: ...}",
            severity="warning",
        )
        return None
    return listed.price


def compile_usage(draft: Draft, entry: AgentEntry, kind: str, at: Loc) -> Beside | None:
    """Give the tokens that an agent's answers report outside the usual counts."""
    if entry.usage is None:
        return None
    if kind != "model":
        draft.find(
            (*at, "usage"),
            "unknown-key",
            f"an agent of the kind {kind!r} has no 'usage'",
            "it belongs to agents with `model:`",
            key=True,
        )
        return None
    said = entry.usage
    twice: set[str] = set()
    return Beside(
        _paths(draft, said.input, twice, (*at, "usage", "input")),
        _paths(draft, said.output, twice, (*at, "usage", "output")),
        said.at_most,
    )


def _paths(
    draft: Draft, given: Sequence[str], seen: set[str], at: Loc
) -> tuple[tuple[str, ...], ...]:
    found: list[tuple[str, ...]] = []
    for position, text in enumerate(given):
        path = text.removeprefix(_USAGE)
        problem = mend = ""
        if not _PATH.fullmatch(path):
            problem = f"{shown(text)} is no place below an answer's `usage`"
            mend = "write names with dots between them: `agents.output_tokens`"
        elif path in COUNTED:
            problem, mend = f"{shown(path)} is counted already", "remove it"
        elif path in seen:
            problem, mend = f"{shown(path)} stands here a second time", "remove it"
        if problem:
            draft.find((*at, position), "wrong-value", problem, mend)
        seen.add(path)
        found.append(tuple(path.split(".")))
    return tuple(found)
