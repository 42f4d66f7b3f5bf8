"""How long a decision takes, from an app's messages to a `Decision`, beside other engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Final

from conductor_mw import Conductor, Decision, Facts, SystemClock
from conductor_mw.lenses import to_request
from conductor_mw.live import Board

from . import peers, policies
from .policies import Case
from .report import Limit, Row
from .timing import Pace, side_by_side

TITLE: Final = "Decisions"

MakePeer = Callable[[Case], peers.Decide]

_CEL: Final[Mapping[str, tuple[str, MakePeer]]] = {
    "common-expression-language": ("cel", peers.common_expression_language),
    "cel-expr-python": ("cel_expr_python", peers.cel_expr_python),
}
_ROUTERS: Final[Mapping[str, tuple[str, MakePeer]]] = {
    "LiteLLM Router": ("litellm", peers.litellm_router),
    "RunnableBranch": ("langchain_core", peers.runnable_branch),
}
_LARGEST_FOR_ROUTERS: Final = 100


def measure(pace: Pace) -> list[Row]:
    """Give one row for each size and sort of policy, and the split of one decision."""
    rows = [_row(*one, pace) for one in _cases() if len(one[1].conditions) <= pace.largest]
    return [*rows, *_split(policies.mixed(min(100, pace.largest)), pace)]


def _cases() -> Iterator[tuple[str, Case, list[Limit]]]:
    small = [Limit("p50", 10e-6), Limit("p99", 50e-6)]
    for rules in (10, 100, 1_000, 10_000):
        limits = small if rules == 100 else []
        yield f"{rules:,} rules, mixed, last matches", policies.mixed(rules), limits
    for rules in (10, 100, 1_000, 10_000):
        limits = [Limit("p50", 20e-6)] if rules == 10_000 else []
        yield f"{rules:,} rules, one a tenant", policies.tenants(rules), limits
    for rules in (10, 100, 1_000, 10_000):
        limits = [Limit("p50", 500e-6)] if rules == 10_000 else []
        yield f"{rules:,} rules, nothing to index", policies.unindexable(rules), limits
    if find_spec("re2") is not None:
        for rules in (10, 100, 1_000):
            yield f"{rules:,} rules, 1 in 20 a regex", policies.with_regexes(rules), []
    yield "100 rules, one reads input.type", policies.classified(100), []
    yield "100 rules, 100 kB prompt", policies.mixed(100, size=100_000), []
    if find_spec("re2") is not None:
        yield "100 rules, 1 in 20 a regex, 100 kB", policies.with_regexes(100, size=100_000), []
    yield "100 rules, input.type, 100 kB", policies.classified(100, size=100_000), []


def _row(name: str, case: Case, limits: list[Limit], pace: Pace) -> Row:
    conductor = Conductor.from_text(case.policy)
    messages, metadata = case.messages, case.metadata
    last = f"#{len(case.conditions) - 1}"

    def ours() -> Decision:
        return conductor.decide(messages, metadata=metadata)

    if ours().rule != last:
        raise AssertionError(f"{name}: {ours()!r} is not the last rule")
    timed = side_by_side({"ours": ours, **_peers(case)}, pace)
    mine = timed.pop("ours")
    return Row(
        name,
        seconds={"p50": mine.p50, "p99": mine.p99},
        ratios={peer: mine.over(theirs) for peer, theirs in timed.items()},
        limits=limits,
    )


def _peers(case: Case) -> dict[str, peers.Decide]:
    made: dict[str, MakePeer] = {}
    if not any("input.type" in condition for condition in case.conditions):
        # Engines of conditions only: they cannot classify a text.
        made |= {name: make for name, (module, make) in _CEL.items() if find_spec(module)}
    if len(case.conditions) <= _LARGEST_FOR_ROUTERS:
        made |= {name: make for name, (module, make) in _ROUTERS.items() if find_spec(module)}
    return {name: make(case) for name, make in made.items()}


def _split(case: Case, pace: Pace) -> Iterator[Row]:
    """Time the stages of one decision, each with all that comes before it."""
    conductor = Conductor.from_text(case.policy)
    policy, clock, board = conductor.policy, SystemClock(), Board()
    messages, metadata = case.messages, case.metadata

    def request() -> object:
        return to_request(messages, metadata=metadata)

    def facts() -> Facts:
        asked = to_request(messages, metadata=metadata)
        return Facts(asked, policy.signals, clock.now(), board, policy.live_signals)

    def first() -> int:
        return policy.table.first(facts())

    def decision() -> Decision:
        known = facts()
        return Decision(policy, known, policy.table.first(known))

    def door() -> Decision:
        return conductor.decide(messages, metadata=metadata)

    stages: dict[str, Callable[[], object]] = {
        "request": request,
        "facts": facts,
        "table.first": first,
        "Decision": decision,
        "Conductor.decide": door,
    }
    timed = side_by_side(stages, pace)
    before = 0.0
    for name, one in timed.items():
        yield Row(
            f"— of which {name}",
            seconds={"p50": one.p50 - before},
            note=f"{len(case.conditions)} mixed rules",
        )
        before = one.p50
