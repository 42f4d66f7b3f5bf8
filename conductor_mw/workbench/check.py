"""Find what is wrong with a policy that compiles: rules that never decide, calls that never end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from conductor_mw.errors import Finding, Place
from conductor_mw.policy import Policy, Rule
from conductor_mw.rules.analyse import always_true, never_true, shadowed
from conductor_mw.signals.paid import worst_of

_MANY_CALLS: Final = 12
"""More calls than this for one request are hardly meant: retries and fallbacks multiply."""

_COUNTED: Final = frozenset({"missing-default"})
"""Warnings of the compiler that count here: the policy loads, and refuses requests."""


def check(policy: Policy) -> tuple[Finding, ...]:
    """Give what is wrong with a policy, in the order of its text.

    Args:
        policy: a policy that compiled.

    Returns:
        findings of severity `error` for what is surely a mistake, such as a rule that can never
        decide, and `warning` for what may be meant.
    """
    rules = policy.rules
    always = next((rule for rule in rules if always_true(rule.condition)), None)
    found = [
        *_compiler(policy, has_catch_all=always is not None),
        *_never(rules),
        *_after(policy, always),
        *_shadowed(rules if always is None else rules[: always.position + 1]),
        *_guarantees(policy),
        *_calls(policy),
    ]
    return tuple(sorted(found))


def _compiler(policy: Policy, *, has_catch_all: bool) -> Iterator[Finding]:
    for one in policy.warnings:
        if one.code == "missing-default" and has_catch_all:
            continue  # a last rule that is always true is a default
        yield replace(one, severity="error") if one.code in _COUNTED else one


def _never(rules: Sequence[Rule]) -> Iterator[Finding]:
    for rule in rules:
        # A rule with `on_error: match` may still decide where its condition fails.
        if rule.on_error != "match" and never_true(rule.condition):
            yield Finding(
                rule.place,
                "never-true",
                f"{_at(rule)} can never match: its condition is never true",
                "correct the condition, or remove the rule",
                "error",
            )


def _after(policy: Policy, always: Rule | None) -> Iterator[Finding]:
    """Tell what a rule that always matches leaves without work."""
    if always is None:
        return
    after = len(policy.rules) - always.position - 1
    if after:
        yield Finding(
            always.place,
            "always-true",
            f"{_at(always)} always matches: no request reaches the "
            + (f"{after} rules after it" if after > 1 else "rule after it"),
            "put it last, or make it the default",
            "error",
        )
    elif policy.default is not None:
        yield Finding(
            always.place,
            "always-true",
            f"{_at(always)} always matches: no request reaches the default",
            "remove the rule or the default",
            "warning",
        )


def _shadowed(rules: Sequence[Rule]) -> Iterator[Finding]:
    for earlier, later in shadowed([rule.condition for rule in rules]):
        first, rule = rules[earlier], rules[later]
        if rule.on_error == "match" and first.on_error == "skip":
            continue  # where the signal cannot be read, the later one does decide
        yield Finding(
            rule.place,
            "shadowed",
            f"{_at(rule)} can never decide: rule {first.id!r}{_line(first.place)} matches whatever "
            "it would",
            f"put it before {first.id!r}, or remove it",
            "error",
        )


def _guarantees(policy: Policy) -> Iterator[Finding]:
    for never in policy.guarantees.never:
        if never_true(never.when):
            yield Finding(
                never.place,
                "void-guarantee",
                f"guarantees: {never.id!r} protects nothing: its condition is never true",
                "correct the condition, or remove the guarantee",
                "error",
            )


def _calls(policy: Policy) -> Iterator[Finding]:
    """Tell once for each target that one request may cost more calls than it may make."""
    allowed = policy.guarantees.at_most.calls
    told: set[str] = set()
    for rule in policy.rules:
        worst = rule.flow.worst_calls + worst_of(policy.paid.values(), rule.position)
        if rule.target in told or worst <= (_MANY_CALLS if allowed is None else allowed):
            continue
        told.add(rule.target)
        may = (
            f"routing.rules.{rule.position}: one request to {rule.target!r} may cost "
            f"{worst} calls, retries included"
        )
        if allowed is None:
            yield Finding(
                rule.place, "many-calls", may,
                "retry less, or set a limit: guarantees: [{at_most: {calls: 6}}]", "warning",
            )  # fmt: skip
        else:
            yield Finding(
                rule.place, "many-calls", f"{may}, and the policy allows {allowed}",
                "retry less, or allow more; the calls beyond are refused", "warning",
            )  # fmt: skip


def _at(rule: Rule) -> str:
    return f"routing.rules.{rule.position}: rule {rule.id!r}"


def _line(place: Place) -> str:
    return f" (line {place.line})" if place.line else ""
