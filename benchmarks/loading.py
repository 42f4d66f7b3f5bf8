"""How long it takes to load a policy and to check it, and how it grows with the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Final

import yaml

from conductor_mw import Policy
from conductor_mw.policy import load_text
from conductor_mw.workbench.check import check

from . import peers, policies
from .policies import Case
from .report import Limit, Row
from .timing import Pace, side_by_side

TITLE: Final = "Loading and checking"

_FEW_ROUNDS: Final = 2
_CHECK_LIMITS: Final = {100: 50e-3, 10_000: 3.0}


def measure(pace: Pace) -> list[Row]:
    """Give a row for loading and one for `check`, for each size of policy."""
    rows: list[Row] = []
    for rules in (10, 100, 1_000, 10_000):
        if rules <= pace.largest:
            rows += _rows(f"{rules:,} rules, mixed", policies.mixed(rules), pace)
    if pace.largest >= 10_000:
        rows += _rows("10,000 rules, one a tenant", policies.tenants(10_000), pace)
    return rows


def _paced(pace: Pace, rules: int) -> Pace:
    """Give fewer rounds where one takes many seconds."""
    return replace(pace, rounds=min(pace.rounds, _FEW_ROUNDS)) if rules >= 10_000 else pace


def _rows(name: str, case: Case, pace: Pace) -> list[Row]:
    text = case.policy
    rules = len(case.conditions)

    def load() -> Policy:
        return load_text(text)

    policy = load()
    cases: dict[str, Callable[[], object]] = {"load": load}
    cases["yaml.safe_load"] = lambda: yaml.safe_load(text)
    cases["yaml.CSafeLoader"] = lambda: yaml.load(text, yaml.CSafeLoader)
    if find_spec("cel") is not None:
        cases["common-expression-language"] = lambda: peers.common_expression_language(case)
    if find_spec("cel_expr_python") is not None:
        cases["cel-expr-python"] = lambda: peers.cel_expr_python(case)
    timed = side_by_side(cases | {"check": lambda: check(policy)}, _paced(pace, rules))
    loading, checking = timed.pop("load"), timed.pop("check")
    both = loading.p50 + checking.p50
    limit = _CHECK_LIMITS.get(rules)
    return [
        Row(
            f"{name}: load",
            seconds={"p50": loading.p50, "a rule": loading.p50 / rules},
            ratios={peer: loading.over(theirs) for peer, theirs in timed.items()},
        ),
        Row(
            f"{name}: load and check",
            seconds={"p50": both, "check alone": checking.p50},
            limits=[Limit("p50", limit)] if limit is not None else [],
        ),
    ]
