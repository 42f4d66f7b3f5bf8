"""Compile the rules, the default and what happens after failures, from either form of routing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conductor_mw.errors import FailureKind
from conductor_mw.flows.base import Flow, Target
from conductor_mw.flows.rescue import Rescue
from conductor_mw.policy.document import ClassTable, RoutingEntry, RuleEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.policy import Rule
from conductor_mw.policy.site import Flows
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import shown
from conductor_mw.signals.cues import TYPES


@dataclass(frozen=True, slots=True)
class Routes:
    """Who answers which request.

    Attributes:
        rules: first match wins.
        default: the target where none matches, or None.
        default_flow: its flow.
        deadline: the seconds any request may take, or None.
    """

    rules: tuple[Rule, ...] = ()
    default: str | None = None
    default_flow: Flow | None = None
    deadline: float | None = None


def compile_routing(draft: Draft, flows: Flows) -> Routes:
    """Give the routes; findings go to the draft."""
    table = draft.file.workflow.routing if draft.file.workflow else None
    if table is not None and draft.file.routing is not None:
        draft.find(
            ("workflow", "routing"),
            "two-routings",
            "`workflow.routing` and `routing` cannot stand together",
            "keep `routing:`; a row is a rule with condition: \"input.type == 'simple'\"",
            key=True,
        )
        return Routes()
    if table is not None:
        return _Router(draft, flows, ("workflow", "routing")).from_table(table)
    at: Loc = ("routing",) if draft.file.routing is not None else ()
    return _Router(draft, flows, at).from_rules(
        draft.file.routing or RoutingEntry.model_validate({})
    )


class _Router:
    """Compiles one `routing:` mapping that stands at `at`."""

    def __init__(self, draft: Draft, flows: Flows, at: Loc) -> None:
        self.draft = draft
        self.flows = flows
        self.at = tuple(at)
        self.rescues: Mapping[FailureKind, Flow] = {}
        self.rescued: dict[str, Flow] = {}

    def from_rules(self, entry: RoutingEntry) -> Routes:
        """Give the routes of the usual form."""
        self.rescues = self._by_kind(entry.fallback, (*self.at, "fallback"))
        rules: list[Rule] = []
        first: dict[str, int] = {}
        for position, one in enumerate(entry.rules):
            at = (*self.at, "rules", position)
            if one.id is not None and one.id in first:
                known = self.draft.positions.place((*self.at, "rules", first[one.id]))
                self.draft.find(
                    (*at, "id"),
                    "duplicate-id",
                    f"the rule {one.id!r} stands here a second time",
                    f"the first is at {known}; rename one of them",
                )
            elif one.id is not None:
                first[one.id] = position
            rule = self._rule(one, position, at)
            if rule is not None:
                rules.append(rule)
        default, flow = self._default(entry.default)
        return Routes(tuple(rules), default, flow, entry.deadline)

    def from_table(self, table: ClassTable) -> Routes:
        """Give the routes of the short form: one rule for each `input.type`."""
        rules: list[Rule] = []
        for position, (name, target) in enumerate(table.route.items()):
            at = (*self.at, "route", name)
            if name not in TYPES:
                mend = Nearest(name, TYPES)
                self.draft.find(at, "unknown-name", f"no input.type {shown(name)}", mend, key=True)
                continue
            condition = self.draft.expression(f"input.type == '{name}'", at)
            compiled = self.flows.target(target, at)
            if condition is not None:
                label = target if isinstance(target, str) else f"#{position}"
                place = self.draft.positions.place(at, key=True)
                rules.append(Rule(name, position, condition, label, compiled, "fail", place))
        default, flow = self._default(table.default)
        return Routes(tuple(rules), default, flow)

    def _rule(self, entry: RuleEntry, position: int, at: Loc) -> Rule | None:
        condition = self.draft.expression(entry.condition, (*at, "condition"))
        flow = self._target(entry.target, (*at, "target"), entry.fallback, (*at, "fallback"))
        if condition is None:
            return None
        return Rule(
            entry.id or f"#{position}",
            position,
            condition,
            entry.target if isinstance(entry.target, str) else f"#{position}",
            flow,
            entry.on_error,
            self.draft.positions.place(at),
        )

    def _default(self, target: Target | None) -> tuple[str | None, Flow | None]:
        if target is None:
            self.draft.find(
                self.at,
                "missing-default",
                "there is no default; a request that no rule matches is refused",
                "add `default:` with the agent or flow that answers the rest",
                severity="warning",
            )
            return None, None
        flow = self._target(target, (*self.at, "default"), {}, ())
        return target if isinstance(target, str) else "#default", flow

    def _target(
        self, target: Target, at: Loc, own: Mapping[FailureKind, Target], own_at: Loc
    ) -> Flow:
        if isinstance(target, str) and not own and target in self.rescued:
            return self.rescued[target]
        before = self.draft.findings.errors
        flow = self.flows.target(target, at)
        by_kind: dict[FailureKind, Flow] = {**self.rescues, **self._by_kind(own, own_at)}
        if by_kind:
            flow = Rescue(flow, by_kind)
        if isinstance(target, str) and not own and before == self.draft.findings.errors:
            # Thousands of rules may share a target; they share its flow too.
            self.rescued[target] = flow
        return flow

    def _by_kind(self, targets: Mapping[FailureKind, Target], at: Loc) -> dict[FailureKind, Flow]:
        return {kind: self.flows.target(target, (*at, kind)) for kind, target in targets.items()}
