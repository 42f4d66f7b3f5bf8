"""Reads recorded outcomes: what every model of a pool scored on a prompt, and what it cost."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from conductor_mw import Price, Usage

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "routing"
_CHOOSE_BELOW: Final = 35
"""Rows whose prompt hashes to less than this (mod 100) are for choosing; 35 to 69 are measured."""
_PROXY_OUTPUT: Final = 256
_NANO: Final = 10**9


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt, and what became of it; every tuple follows `Pool.models`.

    Attributes:
        id: the prompt's name in its source.
        task: the task tag that an app would know.
        prompt: the text that a rule may read.
        scores: quality, 0 to 1.
        usages: tokens of each model's call.
        costs: nano-dollars of each model's call, as recorded.
    """

    id: str
    task: str
    prompt: str
    scores: tuple[float, ...]
    usages: tuple[Usage, ...]
    costs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """Models that all answered the same prompts.

    Attributes:
        name: how the figures call it.
        title: how the tables call it.
        models: the agents' ids.
        prices: list prices in dollars per million tokens, input and output.
        choose: rows on which models, pairs and tables are chosen.
        measure: rows on which every figure is measured.
        exact: whether a score is right or wrong and nothing between.
        note: what the costs are.
    """

    name: str
    title: str
    models: tuple[str, ...]
    prices: tuple[tuple[float, float], ...]
    choose: tuple[Row, ...]
    measure: tuple[Row, ...]
    exact: bool
    note: str


@dataclass(frozen=True, slots=True)
class _Source:
    title: str
    file: str
    bench: str
    note: str
    without: frozenset[str] = frozenset()


_LISTED: Final = "tokens of prompt and answer at list price"
_SOURCES: Final[Mapping[str, _Source]] = {
    "mmlu_pro": _Source("MMLU-Pro", "mmlu_pro", "", _LISTED),
    "uiuc": _Source(
        "14-task mix",
        "uiuc_llmrouter",
        "",
        "a proxy, as published: prompt tokens and 256 answer tokens at list price",
    ),
    "zeroeval": _Source(
        "ZeroEval",
        "zeroeval",
        "",
        f"{_LISTED}; o1-mini is left out, its hidden tokens were not recorded",
        frozenset({"o1-mini-2024-09-12"}),
    ),
    "routellm_mmlu": _Source(
        "RouteLLM MMLU",
        "routellm",
        "mmlu",
        "prompt tokens at one blended price; an answer is one letter and not counted",
    ),
    "routellm_gsm8k": _Source(
        "RouteLLM GSM8K",
        "routellm",
        "gsm8k",
        "tokens of prompt and answer at one blended price",
    ),
}
POOLS: Final = tuple(_SOURCES)


def load(name: str, folder: Path = DATA) -> Pool:
    """Read a pool.

    Args:
        name: one of `POOLS`.
        folder: where the recorded outcomes lie.

    Raises:
        FileNotFoundError: the outcomes are not there.
        ValueError: a recorded cost is not the recorded tokens at the list price.
    """
    source = _SOURCES[name]
    about = json.loads((folder / f"{source.file}.meta.json").read_text(encoding="utf-8"))
    kept = [at for at, model in enumerate(about["models"]) if model not in source.without]
    prices = [_both(about["price"][about["models"][at]]) for at in kept]
    rows: list[tuple[int, Row]] = []
    with gzip.open(folder / f"{source.file}.dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            if not source.bench or found["bench"] == source.bench:
                rows.append((_bucket(found["prompt"]), _row(found, kept, prices)))
    return Pool(
        name=name,
        title=source.title,
        models=tuple(_agent(about["models"][at]) for at in kept),
        prices=tuple(prices),
        choose=tuple(row for bucket, row in rows if bucket < _CHOOSE_BELOW),
        measure=tuple(row for bucket, row in rows if bucket >= _CHOOSE_BELOW),
        exact=all(score in {0, 1} for _, row in rows for score in row.scores),
        note=source.note,
    )


def mean(rows: Sequence[Row], of: Callable[[Row], float]) -> float:
    """Give the mean of something over rows."""
    return sum(of(row) for row in rows) / len(rows)


def _row(found: Mapping[str, Any], kept: Sequence[int], prices: list[tuple[float, float]]) -> Row:
    asked: int = found["in_tok"]
    usages = tuple(Usage(asked, _answered(found, at)) for at in kept)
    costs = tuple(
        Price.per_million(input=price[0], output=price[1]).cost(usage).nano
        for usage, price in zip(usages, prices, strict=True)
    )
    if "cost" in found:
        recorded = tuple(round(found["cost"][at] * _NANO) for at in kept)
        if recorded != costs:
            raise ValueError(f"{found['id']}: recorded {recorded}, tokens at list price {costs}")
    return Row(
        id=found["id"],
        task=found["cat"],
        prompt=found["prompt"],
        scores=tuple(float(found["score"][at]) for at in kept),
        usages=usages,
        costs=costs,
    )


def _answered(found: Mapping[str, Any], at: int) -> int:
    if "out_tok" in found:
        return int(found["out_tok"][at])
    return _PROXY_OUTPUT if "cost" in found else 0


def _both(price: float | Sequence[float]) -> tuple[float, float]:
    """Give prices in and out; a blended price is both."""
    return (price[0], price[1]) if isinstance(price, Sequence) else (price, price)


def _bucket(prompt: str) -> int:
    # The same hash that the data was split by: no prompt stands on both sides.
    plain = " ".join(prompt.lower().split())
    return int(hashlib.sha256(plain.encode()).hexdigest()[:8], 16) % 100


def _agent(model: str) -> str:
    """Give the agent's id for a model: ids have no dots."""
    return model.replace(".", "-")
