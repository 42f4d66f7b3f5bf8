"""What `check` finds in a policy that compiles, and what it must not find."""

from __future__ import annotations

import pytest

from conductor_mw.policy import load_text
from conductor_mw.workbench.bound import Worst, worst_calls
from conductor_mw.workbench.check import check

AGENTS = "agents: [{id: a, simulated: Hello}, {id: b, simulated: Good day}]\n"


def found(rules: str, *, more: str = "", default: str = "default: b") -> list[tuple[str, str, int]]:
    policy = load_text(f"{AGENTS}routing:\n  rules:\n{rules}  {default}\n{more}", env={})
    return [(one.code, one.severity, one.place.line) for one in check(policy)]


def test_rules_that_all_can_decide_are_fine() -> None:
    rules = """\
    - {condition: input.tokens < 8, target: a}
    - {condition: input.tokens < 64, target: b}
"""

    assert found(rules) == []


def test_a_condition_that_contradicts_itself_is_told() -> None:
    rules = "    - {condition: input.tokens < 8 && input.tokens > 64, target: a}\n"

    assert ("never-true", "error", 4) in found(rules)


def test_a_contradiction_that_may_match_by_failing_is_not_told() -> None:
    rules = """\
    - {condition: "metadata.n == 1 && metadata.n == 2", target: a, on_error: match}
"""

    assert found(rules) == []


def test_a_rule_that_always_matches_is_told_once_and_not_for_each_rule_after_it() -> None:
    rules = """\
    - {condition: "true", target: a}
    - {condition: input.tokens < 64, target: b}
    - {condition: input.tokens < 32, target: a}
"""

    assert found(rules) == [("always-true", "error", 4)]


def test_a_last_rule_that_always_matches_stands_for_the_default() -> None:
    rules = """\
    - {condition: input.tokens < 64, target: a}
    - {condition: "true", target: b}
"""

    assert found(rules, default="") == []
    assert found(rules) == [("always-true", "warning", 5)]


def test_a_missing_default_counts() -> None:
    rules = """\
    - {condition: input.tokens < 64, target: a}
    - {condition: input.tokens > 640, target: b}
"""

    assert [one[:2] for one in found(rules, default="")] == [("missing-default", "error")]


def test_a_later_rule_that_may_decide_where_the_earlier_one_was_skipped_is_not_told() -> None:
    rules = """\
    - {condition: "metadata.n == 1", target: a, on_error: skip}
    - {condition: "metadata.n == 1", target: b, on_error: match}
"""

    assert found(rules) == []


def test_the_same_condition_twice_is_told() -> None:
    rules = """\
    - {condition: "metadata.n == 1", target: a}
    - {condition: "metadata.n == 1", target: b}
"""

    assert found(rules) == [("shadowed", "error", 5)]


def test_a_guarantee_that_can_never_hold_is_told() -> None:
    rules = "    - {condition: input.tokens < 64, target: a}\n"
    more = 'guarantees: [{never: {when: "input.tokens < 0 && input.tokens > 0", agents: [a]}}]\n'

    assert ("void-guarantee", "error", 6) in found(rules, more=more)


@pytest.mark.parametrize(
    ("guarantee", "said"),
    [
        ("", "retry less, or set a limit: guarantees: [{at_most: {calls: 6}}]"),
        (
            "guarantees: [{at_most: {calls: 6}}]\n",
            "retry less, or allow more; the calls beyond are refused",
        ),
        ("guarantees: [{at_most: {calls: 20}}]\n", None),
    ],
)
def test_retries_that_multiply_are_told_once_for_each_target(
    guarantee: str, said: str | None
) -> None:
    text = f"""\
agents: [{{id: a, simulated: Hello, retry: 9}}, {{id: b, simulated: Good day, retry: 9}}]
flows: {{both: {{fallback: [a, b]}}}}
routing:
  rules:
    - {{condition: input.tokens < 64, target: both}}
    - {{condition: input.tokens > 640, target: both}}
  default: both
{guarantee}"""

    findings = check(load_text(text, env={}))

    assert [(one.code, one.place.line, one.mend) for one in findings] == (
        [] if said is None else [("many-calls", 5, said)]
    )


def test_the_bound_has_every_rule_and_the_default() -> None:
    text = f"""\
{AGENTS}routing:
  rules: [{{id: short, condition: input.tokens < 64, target: a}}]
  default: b
guarantees: [{{at_most: {{calls: 3}}}}]
"""

    bounds = worst_calls(load_text(text, env={}))

    assert bounds == (Worst("short", "a", 1, 3), Worst(None, "b", 1, 3))
