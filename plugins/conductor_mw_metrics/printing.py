"""Print figures in the terminal: a row for each agent or rule, or two of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from conductor_mw.cli.door import Column, Style, harmless, paint, table, width

from .comparing import NO_DIFFERENCE, TOO_FEW, Line
from .figures import FIGURES, Counted
from .histogram import percentile
from .tally import COUNTS

_BARS: Final = "▁▂▃▄▅▆▇█"
_MOST_ROWS: Final = 60
_GAP: Final = 2
_FINGERPRINT: Final = 12

Cell = Callable[[Counted], str]
_Shown = tuple[str, Style, bool, Sequence[str], str]


def stats_lines(
    rows: Sequence[Counted],
    everything: Counted,
    by: str,
    courses: Mapping[str, Sequence[Mapping[int, int]]],
) -> Iterator[str]:
    """Give the lines of the table, painted.

    Args:
        rows: what each row counts.
        everything: what the last line counts.
        by: what the rows are.
        courses: the latency of each row over time.
    """
    total = sum(one.calls for one in rows)
    columns = _columns(by, total, courses)
    shown: list[_Shown] = [
        (head, style, right, [cell(one) for one in rows[:_MOST_ROWS]], cell(everything))
        for head, style, right, cell in columns
    ]
    shown = [one for one in shown if one[0] not in _OPTIONAL or any((*one[3], one[4]))]
    for head in _FIRST_TO_GO:
        if _wide(shown) > width():
            shown = [one for one in shown if one[0] != head]
    heads = [Column(head, right=right, style=style, least=8 if at == 0 else 0)
             for at, (head, style, right, _, _) in enumerate(shown)]  # fmt: skip
    lines: list[Sequence[str]] = [
        [cells[at] for _, _, _, cells, _ in shown] for at in range(min(len(rows), _MOST_ROWS))
    ]
    if len(rows) > _MOST_ROWS:
        lines.append([f"… {len(rows) - _MOST_ROWS:,} more", *[""] * (len(shown) - 1)])
    if len(rows) > 1:
        lines += [[], ["all", *[last for _, _, _, _, last in shown[1:]]]]
    yield table(heads, lines)
    yield from _problems(everything)


def _columns(
    by: str, total: int, courses: Mapping[str, Sequence[Mapping[int, int]]]
) -> Sequence[tuple[str, Style, bool, Cell]]:
    def part(counted: Counted) -> str:
        return share(counted.calls / total) if total else ""

    def name(counted: Counted) -> str:
        return (counted.name[:_FINGERPRINT] if by == "policy" else counted.name) or "(none)"

    def course(counted: Counted) -> str:
        found = [percentile(one, 0.95) for one in courses.get(counted.name, ())]
        return sparkline(found) if sum(value is not None for value in found) > 1 else ""

    return (
        (by, "name", False, name),
        ("calls" if by == "agent" else "requests", "", True, lambda counted: f"{counted.calls:,}"),
        ("share", "quiet", True, part),
        ("p50", "", True, _time("p50_ms")),
        ("p95", "", True, _time("p95_ms")),
        ("p99", "", True, _time("p99_ms")),
        ("first", "", True, _time("first_part_p50_ms")),
        ("errors", "bad", True, _rate("error_rate")),
        ("fallback", "warn", True, _rate("fallback_rate")),
        ("cache", "good", True, _rate("cache_hit_rate")),
        ("tokens", "", True, lambda counted: short(FIGURES["tokens"].value(counted) or 0)),
        ("cost", "value", True, _cost),
        ("p95 over time", "quiet", False, course),
    )


_OPTIONAL: Final = frozenset(("errors", "fallback", "cache", "p95 over time"))
_FIRST_TO_GO: Final = (
    "p95 over time", "share", "first", "p99", "tokens", "cache", "fallback",
)  # fmt: skip


def _wide(shown: Sequence[_Shown]) -> int:
    rooms = [max(map(len, (head, last, *cells))) for head, _, _, cells, last in shown]
    return sum(rooms) + _GAP * (len(rooms) - 1)


def _time(name: str) -> Cell:
    def cell(counted: Counted) -> str:
        found = FIGURES[name].value(counted)
        return "" if found is None else duration(found)

    return cell


def _rate(name: str) -> Cell:
    def cell(counted: Counted) -> str:
        found = FIGURES[name].value(counted)
        return share(found) if found else ""

    return cell


def _cost(counted: Counted) -> str:
    found = money(FIGURES["cost_dollars"].value(counted) or 0.0)
    return f"{found}+?" if FIGURES["unknown_cost"].value(counted) else found


def _problems(everything: Counted) -> Iterator[str]:
    if everything.of.errors:
        kinds = sorted(everything.of.errors.items(), key=lambda one: (-one[1], one[0]))
        yield ""
        yield paint("failed  ", "bad") + harmless(
            " · ".join(f"{kind} {times:,}" for kind, times in kinds)
        )
    unknown = everything.spent.counts[COUNTS.index("unknown_cost")]
    if unknown:
        calls = f"{unknown:,} call{'' if unknown == 1 else 's'}"
        yield paint(f"the cost of {calls} is not known, and not in these sums", "warn")


def compare_lines(
    lines: Sequence[Line], a: Counted, b: Counted, confidence: float
) -> Iterator[str]:
    """Give the lines of a comparison, painted."""
    for letter, one in (("A", a), ("B", b)):
        yield (
            paint(letter, "value")
            + f"  {harmless(one.name)}  "
            + paint(f"{one.calls:,} calls", "quiet")
        )
    yield ""
    columns = (
        Column("figure", style="name", least=10),
        Column("A", right=True),
        Column("B", right=True),
        Column("B less A", right=True, style="quiet"),
        Column(""),
    )
    yield table(columns, [_compared(line) for line in lines])
    yield ""
    once = round(1 / (1 - confidence))
    yield paint(
        f"Intervals hold what is true in {confidence:.0%} of cases: one line in {once} may show a",
        "quiet",
    )
    yield paint("difference where there is none. Who got which traffic is not looked at.", "quiet")


def _compared(line: Line) -> Sequence[str]:
    said = _SHOWN[line.name]
    both = ["" if value is None else said(value) for value in (line.a, line.b)]
    if line.interval is None:
        return (line.name, *both, "", TOO_FEW)
    low, high = (_signed(end, said) for end in line.interval)
    return (line.name, *both, f"{low} … {high}", line.verdict or NO_DIFFERENCE)


def _signed(value: float, said: Callable[[float], str]) -> str:
    return ("-" if value < 0 else "+") + said(abs(value))


def duration(milliseconds: float) -> str:
    """Give a length of time.

    >>> duration(0.5), duration(80.4), duration(1234), duration(95000)
    ('0.5 ms', '80 ms', '1.23 s', '95.0 s')
    """
    if milliseconds < 1000:
        return f"{milliseconds:.{1 if milliseconds < 10 else 0}f} ms"
    return f"{milliseconds / 1000:.{2 if milliseconds < 60_000 else 1}f} s"


def share(part: float) -> str:
    """Give a share in percent.

    >>> share(0.0123), share(0.5), share(1)
    ('1.2 %', '50 %', '100 %')
    """
    return f"{part * 100:.{1 if part < 0.0995 else 0}f} %"


def money(dollars: float) -> str:
    """Give an amount with as many digits as its size needs.

    >>> money(12.345), money(0.01234), money(0.0000123), money(0)
    ('$12.35', '$0.0123', '$0.000012', '$0')
    """
    if not dollars:
        return "$0"
    return f"${dollars:,.{2 if dollars >= 1 else 4 if dollars >= 0.001 else 6}f}"


def short(number: float) -> str:
    """Give a number in few letters.

    >>> short(950), short(12_300), short(4_560_000)
    ('950', '12.3k', '4.56M')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def sparkline(values: Sequence[float | None]) -> str:
    """Give a line of bars from 0 to the highest value; a space where there is none.

    >>> sparkline([1, None, 4, 8])
    '▁ ▄█'
    """
    highest = max((value for value in values if value), default=0.0)
    if not highest:
        return ""
    bars = [
        " " if value is None else _BARS[max(0, round(value / highest * len(_BARS)) - 1)]
        for value in values
    ]
    return "".join(bars).rstrip()


_SHOWN: Final[Mapping[str, Callable[[float], str]]] = {
    name: duration if name.endswith("_ms")
    else money if name.endswith("_dollars")
    else (lambda value: f"{value:.3f}") if name == "quality"
    else share
    for name in FIGURES
}  # fmt: skip
