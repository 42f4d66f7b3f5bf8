"""Run the benchmarks: `python -m benchmarks [--quick] [--format markdown|json] [name ...]`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Final

from .report import Row, as_json, markdown
from .timing import FULL, QUICK, TINY

_NAMES: Final = (
    "decisions", "loading", "engine", "nodes", "layers", "langchain", "litellm", "imports",
    "memory",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for and print it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"any of {', '.join(_NAMES)}; all by default"
    )
    paces = parser.add_mutually_exclusive_group()
    paces.add_argument("--quick", action="store_true", help="shorter, up to 1,000 rules")
    paces.add_argument("--tiny", action="store_true", help="only shows that everything runs")
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in _NAMES]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(_NAMES)}")
    pace = TINY if chosen.tiny else QUICK if chosen.quick else FULL
    tables: dict[str, list[Row]] = {}
    for name in chosen.names or _NAMES:
        print(f"measuring {name} ...", file=sys.stderr)
        benchmark = importlib.import_module(f".{name}", __package__)
        tables[benchmark.TITLE] = benchmark.measure(pace)
        if chosen.format == "markdown":
            print(markdown({benchmark.TITLE: tables[benchmark.TITLE]}), flush=True)
    if chosen.format == "json":
        print(as_json(tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
