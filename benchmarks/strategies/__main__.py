"""Run strategies on recorded outcomes: `python -m benchmarks.strategies [--rows N] [pool ...]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from . import tables
from .intervals import RESAMPLES
from .measuring import measure
from .outcomes import DATA, POOLS, load
from .pages import files


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for and print it, or write it into the documentation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strategies", description=__doc__)
    parser.add_argument("pools", nargs="*", metavar="pool", help=f"any of {', '.join(POOLS)}")
    parser.add_argument("--data", type=Path, default=DATA, help="where the outcomes lie")
    parser.add_argument("--rows", type=int, help="only so many of the measured rows of each pool")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help="of the bootstrap")
    parser.add_argument("--write", action="store_true", help="write docs/figures.md and the others")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.pools if name not in POOLS]
    if unknown:
        parser.error(f"no pool {unknown[0]!r}; there are {', '.join(POOLS)}")
    if chosen.write and (chosen.pools or chosen.rows):
        parser.error("--write goes with every pool and every row")
    if not chosen.data.is_dir():
        print(
            f"the recorded outcomes are not at {chosen.data}; see docs/figures.md", file=sys.stderr
        )
        return 1
    found: dict[str, Any] = {}
    for name in chosen.pools or POOLS:
        found[name] = measure(
            load(name, chosen.data), rows=chosen.rows, resamples=chosen.resamples, tell=_tell
        )
        if not chosen.write:
            print(f"### {found[name]['title']}\n\n{tables.whole(found[name])}\n", flush=True)
    if chosen.write:
        for path, text in files(found):
            path.write_text(text, encoding="utf-8")
    return 0


def _tell(what: str) -> None:
    print(f"running {what} ...", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
