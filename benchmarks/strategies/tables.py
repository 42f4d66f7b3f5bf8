"""Turns the figures into the Markdown tables of the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

Figures = Mapping[str, Any]
"""What `measuring.measure` gives for one pool."""

_MICRO: Final = 1e6  # mean nano-dollars a request, divided by this, are dollars per 1,000 requests
_MINUS: Final = "\N{MINUS SIGN}"
_GROUPS: Final = ("single", "rule", "table", "cascade", "best", "vote", "oracle")
_SUMMARY: Final = (
    ("`input.tokens < 64` → small, else large", "rule_tokens64"),
    ("`input.type == 'simple'` → small, else large", "rule_simple"),
    ("table over `input.type`, chosen to keep 98 %", "table_type_98"),
    ("table over the task tag, chosen to keep 98 %", "table_task_98"),
    ("table over the task tag, chosen to keep 100 %", "table_task_100"),
    ("cascade small → large; judge knows", "cascade2_0"),
    ("… judge errs in 0.1", "cascade2_10"),
    ("… judge errs in 0.1, paid", "cascade2_10_paid"),
    ("… judge errs in 0.2", "cascade2_20"),
    ("… judge knows what middle knows, paid", "cascade2_like_middle"),
    ("cascade through all models, at most 16; judge knows", "cascade_all_0"),
    ("… judge errs in 0.1", "cascade_all_10"),
    ("… judge errs in 0.2", "cascade_all_20"),
    ("best of large and small; judge knows", "best2_0"),
    ("… judge errs in 0.1", "best2_10"),
    ("… judge errs in 0.2", "best2_20"),
    ("best of the three best small; judge knows", "best_small_0"),
    ("… judge errs in 0.1, paid", "best_small_10_paid"),
    ("… judge errs in 0.2", "best_small_20"),
    ("… judge knows what middle knows, paid", "best_small_like_middle"),
    ("majority of the three best small: at least", "majority_small_low"),
    ("… at most", "majority_small_high"),
    ("small and middle agree, otherwise large: at least", "consensus_low"),
    ("… at most", "consensus_high"),
)
_DECISIONS: Final = frozenset(
    (
        "100 rules, mixed, last matches",
        "1,000 rules, mixed, last matches",
        "10,000 rules, mixed, last matches",
        "10,000 rules, one a tenant",
        "1,000 rules, 1 in 20 a regex",
        "100 rules, one reads input.type",
        "100 rules, input.type, 100 kB",
    )
)
_BREAK_EVEN: Final = (
    ("cascade small → large", "cascade2"),
    ("… judge paid", "cascade2_paid"),
    ("cascade small → middle → large", "cascade3"),
    ("… judge paid", "cascade3_paid"),
    ("cascade through all models, at most 16", "cascade_all"),
    ("… judge paid", "cascade_all_paid"),
)
_MEANS: Final = (
    ("rule or table: nothing is asked", ("rule_", "table_"), ""),
    ("judge errs in 0.1, paid", ("cascade", "best"), "_10_paid"),
    ("judge knows what middle knows, paid", ("cascade", "best"), "_like_middle"),
    ("judge knows, costs nothing", ("cascade", "best"), "_0"),
)
"""What a strategy needs, and how the keys of those that need it begin and end."""
_SMALL: Final = (
    ("table over the task tag, chosen to keep 98 %", "table_task_98"),
    ("table over the task tag, chosen to keep 100 %", "table_task_100"),
    ("cascade small → large; judge knows", "cascade2_0"),
    ("… judge errs in 0.1", "cascade2_10"),
    ("… judge errs in 0.2", "cascade2_20"),
    ("best of the three best small; judge errs in 0.1, paid", "best_small_10_paid"),
    ("cheapest of the right answers, known beforehand", "oracle"),
)


def models(pools: Mapping[str, Figures]) -> str:
    """Give which models were chosen, and on how many prompts everything was measured."""
    lines = _head(["data", "prompts measured", "small", "middle", "large", "cost is"])
    for pool in pools.values():
        chosen = pool["chosen"]
        cells = [pool["title"], f"{pool['rows']:,}", chosen["small"], chosen["middle"] or "—"]
        lines.append(_line([*cells, chosen["large"], pool["note"]]))
    return "\n".join(lines)


def summary(pools: Mapping[str, Figures]) -> str:
    """Give what the strategies save and keep, one column a pool."""
    lines = _head(["strategy", *(pool["title"] for pool in pools.values())])
    mixtures = [f"{_percent(pool['mixtures']['98']['cheaper'])} / 98 %" for pool in pools.values()]
    lines.append(_line(["best blind mixture that keeps 98 %", *mixtures]))
    for label, key in _SUMMARY:
        lines.append(_line([label, *_each(pools, key, _saved)]))
    return "\n".join(lines)


def break_even(pools: Mapping[str, Figures]) -> str:
    """Give how often the judge of a cascade may err, one column a pool."""
    lines = _head(["strategy", *(pool["title"] for pool in pools.values())])
    for label, key in _BREAK_EVEN:
        found = [pool["break_even"].get(key) for pool in pools.values()]
        cells = ["—" if one is None else f"{_error(one[0])} / {_error(one[1])}" for one in found]
        lines.append(_line([label, *cells]))
    return "\n".join(lines)


def saved(pools: Mapping[str, Figures]) -> str:
    """Give the most that strategies save where they keep 98 % or 100 %, by what they need."""
    lines = _head(["kept", "by means of", *(pool["title"] for pool in pools.values())])
    for keep in (98, 100):
        mixtures = [pool["mixtures"][f"{keep}"]["cheaper"] for pool in pools.values()]
        cells = [_percent(share) for share in mixtures]
        lines.append(_line([f"≥ {keep} %", "blind mixture", *cells]))
        for label, starts, end in _MEANS:
            cells = [_most_saved(pool, keep / 100, starts, end) for pool in pools.values()]
            lines.append(_line(["", label, *cells]))
    return "\n".join(lines)


def _most_saved(pool: Figures, keep: float, starts: tuple[str, ...], end: str) -> str:
    found = [
        one["cheaper"]
        for key, one in pool["entries"].items()
        if key.startswith(starts) and key.endswith(end) and one["kept"] >= keep
    ]
    return _percent(max(found)) if found and max(found) > 0 else "—"


def decisions(benchmarks: str) -> str:
    """Give the rows of docs/benchmarks.md that say how long a decision takes."""
    lines = _head(["policy and prompt", "a decision"])
    for line in benchmarks.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in _DECISIONS:
            lines.append(_line([cells[0], cells[2]]))
    return "\n".join(lines)


def small(pools: Mapping[str, Figures]) -> str:
    """Give the share of requests that a small model answers, one column a pool."""
    lines = _head(["strategy", *(pool["title"] for pool in pools.values())])
    for keep in ("98", "100"):
        shares = [_percent(pool["mixtures"][keep]["small"]) for pool in pools.values()]
        label = f"best blind mixture that keeps {keep} %"
        lines.append(_line([label, *(f"{share} / {keep} %" for share in shares)]))
    for label, key in _SMALL:
        lines.append(_line([label, *_each(pools, key, _on_small)]))
    return "\n".join(lines)


def alone(pools: Mapping[str, Figures]) -> str:
    """Give what the cheapest and the small model save alone, beside the best and the dearest."""
    lines = _head(
        ["data", "sent there", "cheaper than the best", "than the dearest", "quality kept"]
    )
    for pool in pools.values():
        singles = [one for one in pool["entries"].values() if one["group"] == "single"]
        dearest = max(singles, key=lambda one: one["cost"])
        cheapest = min(singles, key=lambda one: one["cost"])
        chosen = pool["entries"][pool["chosen"]["small"]]
        for number, one in enumerate([cheapest] if cheapest is chosen else [cheapest, chosen]):
            title = "" if number else pool["title"]
            over = f"{_percent(1 - one['cost'] / dearest['cost'])} ({dearest['label']})"
            cells = [title, one["label"], _percent(one["cheaper"]), over, _percent(one["kept"])]
            lines.append(_line(cells))
    return "\n".join(lines)


def whole(pool: Figures) -> str:
    """Give every strategy of a pool; of the single models those that matter."""
    lines = _head(
        ["strategy", "quality", "$ per 1,000", "cheaper", "kept", "mixture", "gain", "pays"]
    )
    for group in _GROUPS:
        for key, one in pool["entries"].items():
            if one["group"] == group and (group != "single" or _matters(pool, key, one)):
                lines.append(_row(one))
    return "\n".join(lines)


def pays(one: Mapping[str, Any]) -> str:
    """Say whether a strategy gives more than the best blind mixture at its cost.

    >>> pays({"group": "cascade", "gain_within": [0.01, 0.03], "cheaper": 0.2})
    'yes'
    """
    if one["group"] in {"single", "oracle"}:
        return ""
    low, high = one["gain_within"]
    if low > 0:
        return "yes" if one["cheaper"] >= 0 else "yes, dearer"
    return "**no**" if high < 0 else "unclear"


def _matters(pool: Figures, key: str, one: Mapping[str, Any]) -> bool:
    """Show the chosen models, those that mixtures are made of, and the dearest."""
    costs = [other["cost"] for other in pool["entries"].values() if other["group"] == "single"]
    chosen = {pool["chosen"][name] for name in ("small", "middle", "large")}
    return key in chosen or one["gain"] == 0 or one["cost"] == max(costs)


def _row(one: Mapping[str, Any]) -> str:
    priced = f"{one['cost'] / _MICRO:.3f}"
    gain = f"{_points(one['gain'])} {_interval(one['gain_within'])}"
    blind = f"{one['blind']:.3f}"
    if one["group"] in {"single", "oracle"}:
        gain = _points(one["gain"]) if one["gain"] else ""
    cells = [one["label"], f"{one['quality']:.3f}", priced, _percent(one["cheaper"])]
    return _line([*cells, _percent(one["kept"]), blind, gain, pays(one)])


def _each(
    pools: Mapping[str, Figures], key: str, show: Callable[[Figures, Mapping[str, Any]], str]
) -> Iterator[str]:
    for pool in pools.values():
        one = pool["entries"].get(key)
        yield "—" if one is None else show(pool, one)


def _saved(_pool: Figures, one: Mapping[str, Any]) -> str:
    mark = {"yes": "", "yes, dearer": "", "unclear": " ?", "**no**": " **✗**"}[pays(one)]
    return f"{_percent(one['cheaper'])} / {_percent(one['kept'])}{mark}"


def _on_small(pool: Figures, one: Mapping[str, Any]) -> str:
    return f"{_percent(one['small'] / pool['rows'])} / {_percent(one['kept'])}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %".replace("-", _MINUS)


def _points(gain: float) -> str:
    return f"{100 * gain:+.1f}".replace("-", _MINUS)


def _interval(pair: Sequence[float]) -> str:
    return f"[{_points(pair[0])}, {_points(pair[1])}]"


def _error(share: float) -> str:
    return f"{share:.2f}"


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), "|---" + "|--:" * (len(cells) - 1) + "|"]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
