"""Run strategies on recorded outcomes: `python -m benchmarks.strategies [--rows N] [pool ...]`."""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from . import tables
from .intervals import RESAMPLES
from .measuring import measure
from .outcomes import DATA, POOLS, load
from .pages import FIGURES, files

_CORES: Final = 2


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for and print it, or write it into the documentation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strategies", description=__doc__)
    parser.add_argument("pools", nargs="*", metavar="pool", help=f"any of {', '.join(POOLS)}")
    parser.add_argument("--data", type=Path, default=DATA, help="where the outcomes lie")
    parser.add_argument("--rows", type=int, help="only so many of the measured rows of each pool")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help="of the bootstrap")
    parser.add_argument("--write", action="store_true", help="write docs/figures.md and the others")
    parser.add_argument(
        "--render", action="store_true", help="write the tables of the last full run anew"
    )
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.pools if name not in POOLS]
    if unknown:
        parser.error(f"no pool {unknown[0]!r}; there are {', '.join(POOLS)}")
    if chosen.write and (chosen.pools or chosen.rows):
        parser.error("--write goes with every pool and every row")
    if chosen.render:
        _write(json.loads(FIGURES.read_text(encoding="utf-8")))
        return 0
    if not chosen.data.is_dir():
        print(
            f"the recorded outcomes are not at {chosen.data}; see docs/figures.md", file=sys.stderr
        )
        return 1
    found: dict[str, Any] = {}
    names = chosen.pools or POOLS
    one = partial(_one, folder=chosen.data, rows=chosen.rows, resamples=chosen.resamples)
    with ProcessPoolExecutor(min(_CORES, len(names))) as workers:
        for name, pool in zip(names, workers.map(one, names), strict=True):
            found[name] = pool
            if not chosen.write:
                print(f"### {pool['title']}\n\n{tables.whole(pool)}\n", flush=True)
    if chosen.write:
        _write(found)
    return 0


def _write(found: dict[str, Any]) -> None:
    for path, text in files(found):
        path.write_text(text, encoding="utf-8")


def _one(name: str, folder: Path, rows: int | None, resamples: int) -> dict[str, Any]:
    return measure(load(name, folder), rows=rows, resamples=resamples, tell=_tell)


def _tell(what: str) -> None:
    print(f"running {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
