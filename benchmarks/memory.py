"""How much memory a large policy and a large prompt take, each in a process of its own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from .fresh import fresh
from .report import Limit, Row
from .timing import Pace

TITLE: Final = "Memory"

_MOST: Final = 300_000_000
_LEAST: Final = 1_000_000
# On Linux `ru_maxrss` begins with what the parent process had: only VmHWM is the child's own.
_START: Final = """
import json, resource, sys, tracemalloc
from benchmarks import peers, policies
from conductor_mw import Conductor
size = {size}
def highest():
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""
# Python's own memory is traced in one process and the process as a whole is looked at in another:
# tracing takes memory itself.
_TRACED: Final = """
tracemalloc.start()
kept = work()
now, peak = tracemalloc.get_traced_memory()
print(json.dumps([now, peak]))
"""
_WHOLE: Final = """
before = highest()
kept = work()
after = highest()
print(json.dumps([after - before, after]))
"""
_LOAD: Final = """
case = policies.mixed(size)
text = case.policy
def work(): return Conductor.from_text(text)
"""
_PEER: Final = """
case = policies.mixed(size)
peers.{peer}(policies.mixed(10))()
def work(): return peers.{peer}(case)
"""
_DECIDE: Final = """
case = policies.{sort}(100, size=size)
conductor = Conductor.from_text(case.policy)
conductor.decide("Hello", metadata=case.metadata)
messages = case.messages
def work(): return conductor.decide(messages, metadata=case.metadata).to_dict()
"""

_SORTS: Final = {
    "mixed": "mixed",
    "classified": "with input.type",
    "with_regexes": "with regexes",
}


def measure(pace: Pace) -> list[Row]:
    """Give a row for the largest policy and one for prompts of 1 MB."""
    rules = pace.largest
    prompt = 1_000_000
    rows = [_loading(rules)]
    sorts = ["mixed", "classified", *(["with_regexes"] if find_spec("re2") is not None else [])]
    for sort in sorts:
        start = _START.format(size=prompt) + _DECIDE.format(sort=sort)
        _, peak = fresh(start + _TRACED)
        _, whole = fresh(start + _WHOLE)
        rows.append(
            Row(
                f"1 MB prompt decided and explained, 100 rules {_SORTS[sort]}",
                bytes={"peak": peak, "whole process": whole},
                limits=[Limit("whole process", _MOST)],
            )
        )
    return rows


def _loading(rules: int) -> Row:
    start = _START.format(size=rules) + _LOAD
    kept, peak = fresh(start + _TRACED)
    grown, whole = fresh(start + _WHOLE)
    ratios: dict[str, float] = {}
    for peer, module in (
        ("common_expression_language", "cel"),
        ("cel_expr_python", "cel_expr_python"),
    ):
        if find_spec(module) is not None:
            theirs, _ = fresh(_START.format(size=rules) + _PEER.format(peer=peer) + _WHOLE)
            # What fits into memory that the process had anyway cannot be compared.
            if theirs >= _LEAST:
                ratios[peer.replace("_", "-")] = grown / theirs
    return Row(
        f"{rules:,} rules loaded, mixed",
        bytes={"kept": kept, "peak": peak, "whole process": whole},
        ratios=ratios,
        limits=[Limit("whole process", _MOST)],
    )
