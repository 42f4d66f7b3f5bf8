"""Compile the rules, the default and what happens after failures, from either form of routing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conductor_mw.errors import FailureKind
from conductor_mw.flows.base import Flow, Target
from conductor_mw.flows.rescue import Rescue
from conductor_mw.policy.document import ClassTable, RoutingEntry, RuleEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.policy import DecidePer, Rule
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
        decide: whether the rules decide once for a trajectory, or for every call of it.
        meaning: all of it as plain JSON, for the fingerprint.
        worst_calls: the largest number of calls one request can cost, by target.
    """

    rules: tuple[Rule, ...] = ()
    default: str | None = None
    default_flow: Flow | None = None
    deadline: float | None = None
    decide: DecidePer = "trajectory"
    meaning: object = None
    worst_calls: Mapping[str, int] = field(default_factory=dict[str, int])


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
        # Ten thousand rules may share one long `fallback:`; asking each rule's flow for its meaning
        # and its worst case would walk through it ten thousand times.
        self.rescue_calls = 0
        self.rules: list[Rule] = []
        self.meanings: list[object] = []
        self.worst: dict[str, int] = {}

    def from_rules(self, entry: RoutingEntry) -> Routes:
        """Give the routes of the usual form."""
        self.rescues = self._by_kind(entry.fallback, (*self.at, "fallback"))
        self.rescue_calls = _most(self.rescues)
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
            self._rule(one, position, at)
        return self._routes(entry.default, entry.deadline, entry.decide)

    def from_table(self, table: ClassTable) -> Routes:
        """Give the routes of the short form: one rule for each `input.type`."""
        for position, (name, target) in enumerate(table.route.items()):
            at = (*self.at, "route", name)
            if name not in TYPES:
                mend = Nearest(name, TYPES)
                self.draft.find(at, "unknown-name", f"no input.type {shown(name)}", mend, key=True)
                continue
            condition = self.draft.expression(f"input.type == '{name}'", at)
            label = target if isinstance(target, str) else f"#{position}"
            flow, meaning = self._target(target, at, label, {}, ())
            if condition is not None:
                place = self.draft.positions.place(at, key=True)
                self.rules.append(Rule(name, position, condition, label, flow, "fail", place))
                self.meanings.append([name, condition.canonical, *meaning, "fail"])
        return self._routes(table.default, None, "trajectory")

    def _routes(self, default: Target | None, deadline: float | None, decide: DecidePer) -> Routes:
        name, flow, meaning = self._default(default)
        rescues = {kind: rescue.canonical for kind, rescue in self.rescues.items()}
        # Said only where it is not the usual: policies written before it keep their fingerprint.
        said = {} if decide == "trajectory" else {"decide": decide}
        return Routes(
            tuple(self.rules),
            name,
            flow,
            deadline,
            decide,
            {"rules": self.meanings, "default": meaning, "fallback": rescues, **said},
            self.worst,
        )

    def _rule(self, entry: RuleEntry, position: int, at: Loc) -> None:
        condition = self.draft.expression(entry.condition, (*at, "condition"))
        label = entry.target if isinstance(entry.target, str) else f"#{position}"
        flow, meaning = self._target(
            entry.target, (*at, "target"), label, entry.fallback, (*at, "fallback")
        )
        if condition is None:
            return
        name = entry.id or f"#{position}"
        place = self.draft.positions.place(at)
        self.rules.append(Rule(name, position, condition, label, flow, entry.on_error, place))
        self.meanings.append([name, condition.canonical, *meaning, entry.on_error])

    def _default(self, target: Target | None) -> tuple[str | None, Flow | None, object]:
        if target is None:
            self.draft.find(
                self.at,
                "missing-default",
                "there is no default; a request that no rule matches is refused",
                "add `default:` with the agent or flow that answers the rest",
                severity="warning",
            )
            return None, None, None
        label = target if isinstance(target, str) else "#default"
        flow, meaning = self._target(target, (*self.at, "default"), label, {}, ())
        return label, flow, meaning

    def _target(
        self,
        target: Target,
        at: Loc,
        label: str,
        own: Mapping[FailureKind, Target],
        own_at: Loc,
    ) -> tuple[Flow, tuple[object, object]]:
        """Give a target's flow with its rescues, and the meaning of target and own rescues."""
        flow = self.flows.target(target, at)
        rescues = self._by_kind(own, own_at)
        meaning = flow.canonical, {kind: one.canonical for kind, one in rescues.items()}
        calls = flow.worst_calls + max(self.rescue_calls, _most(rescues))
        self.worst[label] = max(self.worst.get(label, 0), calls)
        if isinstance(target, str) and not own:
            # Rules that share a target share its flow.
            if target not in self.rescued:
                self.rescued[target] = Rescue(flow, self.rescues) if self.rescues else flow
            return self.rescued[target], meaning
        by_kind: dict[FailureKind, Flow] = {**self.rescues, **rescues}
        return (Rescue(flow, by_kind) if by_kind else flow), meaning

    def _by_kind(self, targets: Mapping[FailureKind, Target], at: Loc) -> dict[FailureKind, Flow]:
        return {kind: self.flows.target(target, (*at, kind)) for kind, target in targets.items()}


def _most(rescues: Mapping[FailureKind, Flow]) -> int:
    return max((rescue.worst_calls for rescue in rescues.values()), default=0)
