"""Measure the guard on the held-out sentences, and write the tables of docs/guard.md.

Run it as `python -m tests.guard_figures` to write the page anew; a test fails while it is stale.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conductor_mw_guard.finder import standard

from tests.guard_samples import Half, Sample, injections, samples

PAGE: Final = Path(__file__).parents[1] / "docs" / "guard.md"
_MARKS: Final = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_SURE: Final = 1.959964
"""Standard deviations of a 95 % interval."""


@dataclass(slots=True)
class Count:
    """How one kind fared: sentences with it that were found, missed, and found without it."""

    found: int = 0
    missed: int = 0
    wrong: int = 0

    def row(self, name: str) -> str:
        """Give the row of a table."""
        there, said = self.found + self.missed, self.found + self.wrong
        return (
            f"| {name} | {there} | {self.found} | {share(self.found, there)} "
            f"| {self.wrong} | {share(self.found, said)} |"
        )


def share(part: int, whole: int) -> str:
    """Give a share in percent with its 95 % interval (Wilson, 1927).

    >>> share(9, 10)
    '90 % (60-98)'
    """
    if not whole:
        return "-"
    p, z = part / whole, _SURE
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    off = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    low, high = max(0.0, middle - off), min(1.0, middle + off)
    return f"{100 * p:.0f} % ({100 * low:.0f}-{100 * high:.0f})"


def counted(half: Half) -> dict[str, Count]:
    """Give how every kind fared on one half of the sentences."""
    counts: dict[str, Count] = {}
    for sample in samples():
        if sample.half != half:
            continue
        labels = standard().labels(sample.text)
        said = {*labels.pii, *labels.secrets}
        for name in sample.labels | said:
            count = counts.setdefault(name, Count())
            count.found += name in sample.labels and name in said
            count.missed += name in sample.labels and name not in said
            count.wrong += name not in sample.labels
    return counts


def added(counts: Iterable[Count]) -> Count:
    """Give the sum of some counts."""
    total = Count()
    for one in counts:
        total.found += one.found
        total.missed += one.missed
        total.wrong += one.wrong
    return total


def of_kinds(half: Half) -> str:
    """Give the table of personal data and secrets."""
    counts = counted(half)
    secret = {kind.name for kind in standard().kinds if kind.family == "secrets"}
    lines = [
        "| kind | sentences with it | found | recall | found where it is not | precision |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [counts[name].row(f"`{name}`") for name in sorted(counts) if name not in secret]
    lines += [counts[name].row(f"`{name}`") for name in sorted(counts) if name in secret]
    nameless = {"name", "address"}
    groups = (
        ("**all personal data**", counts.keys() - secret),
        ("**the same without names and addresses**", counts.keys() - secret - nameless),
        ("**all secrets**", counts.keys() & secret),
    )
    lines += [added(counts[name] for name in names).row(title) for title, names in groups]
    decoys = [one for one in samples() if one.half == half and not one.labels]
    wrong = [one for one in decoys if any(standard().labels(one.text)[:2])]
    told = f"Of {len(decoys)} sentences with nothing in them, {len(wrong)} were said to hold some"
    return "\n".join([*lines, "", f"{told}: {share(len(wrong), len(decoys))}."])


def of_injections(half: Half) -> str:
    """Give the table of injections."""
    chosen = [one for one in injections() if one.half == half]
    return "\n".join(
        [
            "| | prompts | flagged | share |",
            "|---|--:|--:|--:|",
            _flagged("attacks", [one for one in chosen if one.labels]),
            _flagged("harmless lookalikes", [one for one in chosen if not one.labels]),
        ]
    )


def _flagged(title: str, chosen: Sequence[Sample]) -> str:
    flagged = sum(bool(standard().labels(one.text).injection) for one in chosen)
    return f"| {title} | {len(chosen)} | {flagged} | {share(flagged, len(chosen))} |"


def written(page: str) -> str:
    """Give the page with its tables measured anew."""
    tables = {
        "kinds": of_kinds("held out"),
        "injections": of_injections("held out"),
        "tuning": "\n".join(of_kinds("tuning").splitlines()[-5:-2]),
    }
    return _MARKS.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n\n{found[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
