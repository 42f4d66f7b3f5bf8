"""Keeps figures, tables and picture of the documentation what the last full run gave."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from . import tables
from .picture import draw

ROOT: Final = Path(__file__).resolve().parents[2]
FIGURES: Final = ROOT / "docs" / "assets" / "figures.json"
PICTURE: Final = ROOT / "docs" / "assets" / "figures.svg"
BENCHMARKS: Final = ROOT / "docs" / "benchmarks.md"
PAGES: Final = (ROOT / "docs" / "figures.md", ROOT / "docs" / "claims.md")
_BLOCK: Final = re.compile(
    r"(<!-- figures: ([a-z_]+) -->\n)(?:(?!<!-- ).)*(<!-- end of figures -->)", re.DOTALL
)
_TABLES: Final[Mapping[str, Callable[[Mapping[str, tables.Figures]], str]]] = {
    "models": tables.models,
    "summary": tables.summary,
    "break_even": tables.break_even,
    "small": tables.small,
    "saved": tables.saved,
    "alone": tables.alone,
}


def files(pools: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Give every file that shows figures, and what must stand in it."""
    yield FIGURES, _laid_out(pools, depth=3) + "\n"
    yield PICTURE, draw(pools)
    for page in PAGES:
        yield page, filled(page.read_text(encoding="utf-8"), pools)


def filled(page: str, pools: Mapping[str, Any]) -> str:
    """Give a page with its tables made anew; a block names a table or a pool."""

    def block(found: re.Match[str]) -> str:
        name = found[2]
        if name == "decisions":
            made = tables.decisions(BENCHMARKS.read_text(encoding="utf-8"))
        else:
            made = _TABLES[name](pools) if name in _TABLES else tables.whole(pools[name])
        return f"{found[1]}\n{made}\n\n{found[3]}"

    return _BLOCK.sub(block, page)


def _laid_out(value: Any, depth: int) -> str:
    """Give JSON with a strategy a line, so that a change of one can be seen in a diff."""
    if depth == 0 or not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    fields = cast("dict[str, Any]", value)
    lines = [f"{json.dumps(key)}: {_laid_out(one, depth - 1)}" for key, one in fields.items()]
    return "{\n" + ",\n".join(lines) + "\n}"
