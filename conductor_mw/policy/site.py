"""Compile targets and flows, and refuse circles, unknown names and towers before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, NoReturn, cast

from conductor_mw.agents.base import Agent
from conductor_mw.errors import Finding, PolicyError
from conductor_mw.flows.base import Flow, FlowOptions, M, Target
from conductor_mw.flows.named import Named
from conductor_mw.flows.output import Output
from conductor_mw.flows.overflow import leaf
from conductor_mw.flows.quality import Accepted
from conductor_mw.flows.template import Template, doubled, pieces
from conductor_mw.flows.use import UseOptions
from conductor_mw.json_schema import Schema
from conductor_mw.policy.checks import compile_checks, entries_with_checks
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Mend, Nearest
from conductor_mw.policy.scopes import MAX_FACTS, Scopes
from conductor_mw.policy.scoring import compile_scorer, implied_worker
from conductor_mw.policy.skeleton import BROKEN
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import path, shown, validate
from conductor_mw.rules import Expression
from conductor_mw.rules.types import BOOL, DOUBLE, DYN, Type
from conductor_mw.scorers.base import Scorer

MAX_CHAIN: Final = 32
"""Named flows below one another; each is a level of generators at run time."""
MAX_CALLS: Final = 1_000
"""Calls that one request may cost at worst."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a flow may read beside the request's signals.

    Attributes:
        names: the facts with their types.
        loops: whether it runs again, with what it gave the time before.
    """

    names: Mapping[str, Type] = field(default_factory=dict[str, Type])
    loops: bool = False


REQUEST_ONLY: Final = Reading()


class Flows:
    """Compiles the targets of one policy; every named flow once.

    Attributes:
        named: the flows compiled so far.
        reads: what conditions read, by the named flow they stand in; elsewhere under ''.
        checked: the agents whose answers must meet `accept:`, `score:` or `output:`, by id.
    """

    def __init__(self, draft: Draft, agents: dict[str, Agent]) -> None:
        self.draft = draft
        self._declared = agents
        self.agents = {name: leaf(agent, agents) for name, agent in agents.items()}
        self.named: dict[str, Named] = {}
        self.checked: dict[str, Accepted | Output] = {}
        self.used: set[str] = set()
        self._checks = entries_with_checks(draft)
        self._compiled: dict[str, Flow] = {}
        self._heights: dict[str, int] = {}
        self._open: list[str] = []
        self.reads: dict[str, set[str]] = {}
        self.scopes = Scopes(draft)
        self._check_names()

    def compile_all(self) -> None:
        """Compile every agent's checks and every named flow, whether or not a rule uses it."""
        for name in (*self._checks, *self.draft.file.flows):
            if name not in self._compiled:
                self._compile(name)

    def target(self, target: Target, at: Loc, reading: Reading = REQUEST_ONLY) -> Flow:
        """Compile whatever stands where an agent's name may stand.

        A target that is wrong gives a finding and a flow that stands in for it, so that one reading
        finds every mistake.

        Args:
            target: an id, or a flow written in place.
            at: where it stands.
            reading: what a flow written in place may read; a flow with a name may be used elsewhere
                and reads the request's signals only.
        """
        if isinstance(target, str):
            return self._by_name(target, at)
        return self._inline(target, at, reading)

    def _by_name(self, name: str, at: Loc) -> Flow:  # noqa: PLR0911 - one for each way to fail
        if name == BROKEN:
            return _STAND_IN
        self.used.add(name)
        if name in self.agents and name not in self._checks:
            return self.agents[name]
        if name not in self._checks and name not in self.draft.file.flows:
            known = {*self.agents, *self.draft.file.flows}
            self.draft.find(
                at,
                "unknown-name",
                f"no agent or flow {shown(name)}",
                Nearest(name, known),
            )
            return _STAND_IN
        if name in self._open:
            circle = [*self._open[self._open.index(name) :], name]
            self.draft.find(
                at,
                "cycle",
                f"flows go in a circle: {' -> '.join(circle[:12])}",
                "let one of them end in an agent",
            )
            return _STAND_IN
        if name not in self._compiled:
            if len(self._open) >= MAX_CHAIN:
                self._too_deep(at)
                return _STAND_IN
            self._compile(name)
        if self._open:
            top = self._open[-1]
            height = max(self._heights.get(top, 1), self._heights[name] + 1)
            if height > MAX_CHAIN:
                self._too_deep(at)
                return _STAND_IN
            self._heights[top] = height
        return self._compiled[name]

    def _too_deep(self, at: Loc) -> None:
        self.draft.find(
            at,
            "too-deep",
            f"more than {MAX_CHAIN} flows stand below one another",
            "name the agents in one flow",
        )

    def _compile(self, name: str) -> None:
        self._open.append(name)
        self._heights[name] = 1
        if name in self._checks:
            position, entry = self._checks[name]
            site = FlowSite(self, ("agents", position), REQUEST_ONLY)
            flow = self._built(lambda: compile_checks(self.agents[name], entry, site), site.at)
            if isinstance(flow, Accepted | Output):
                self.checked[name] = flow
        else:
            inner = self._inline(self.draft.file.flows[name], ("flows", name))
            flow = self.named[name] = Named(name, inner, min(inner.worst_calls, MAX_CALLS))
        self._open.pop()
        self._compiled[name] = flow

    def note(self, names: Iterable[str]) -> None:
        """Remember what a condition of the flow that is being compiled reads."""
        self.reads.setdefault(self._open[-1] if self._open else "", set()).update(names)

    def worker(self, value: object, at: Loc) -> Flow | None:
        """Give a worker that stands within a flow, or None with findings added."""
        agent = implied_worker(self.draft, value, at)
        if agent is None:
            return None
        self._declared[agent.id] = agent
        return self.agents.setdefault(agent.id, leaf(agent, self._declared))

    def _inline(self, mapping: dict[str, Any], at: Loc, reading: Reading = REQUEST_ONLY) -> Flow:
        offers = self.draft.plugins.flows
        keys = [key for key in mapping if key in offers.names]
        if len(keys) > 1:  # `use` stands below `for_each` as well
            kinds = [cast("type[FlowOptions]", offers.get(key)) for key in keys]
            keys = [
                key
                for key, kind in zip(keys, kinds, strict=True)
                if not any(key in one.model_fields for one in kinds if one is not kind)
            ] or keys
        if not keys:
            self._unknown_flow(mapping, at)
            return _STAND_IN
        if len(keys) > 1:
            self.draft.find(
                (*at, keys[1]),
                "two-kinds",
                f"a flow cannot be of two kinds: {' and '.join(map(repr, keys[:2]))}",
                "put one of them inside the other",
                key=True,
            )
            return _STAND_IN
        options = validate(
            cast("type[FlowOptions]", offers.get(keys[0])),
            mapping,
            self.draft.positions,
            self.draft.findings,
            at,
        )
        if options is None:
            return _STAND_IN
        return self._built(lambda: options.build(FlowSite(self, at, reading)), at)

    def _built(self, build: Callable[[], Flow], at: Loc) -> Flow:
        try:
            flow = build()
        except Told:
            return _STAND_IN
        except PolicyError as error:
            for one in error.findings:
                self.draft.findings.add(one.place, one.code, one.problem, one.mend, one.severity)
            return _STAND_IN
        if flow.worst_calls > MAX_CALLS:
            self.draft.find(
                at,
                "too-many-calls",
                f"one request could cost {flow.worst_calls} calls, {MAX_CALLS} are allowed",
                "name fewer agents, or retry less",
            )
            return _STAND_IN
        return flow

    def _unknown_flow(self, mapping: dict[str, Any], at: Loc) -> None:
        # A misspelt marking key may stand behind a right option: `{take: best, paralel: [...]}`.
        known = self.draft.plugins.flows.names
        close = (key for key in mapping if get_close_matches(key[:80], known, n=1))
        key = next(close, next(iter(mapping), ""))
        if not key:
            self.draft.find(at, "unknown-flow", "a flow is empty", f"known: {', '.join(known)}")
            return
        mend: Mend = Nearest(key, known)
        if not get_close_matches(key[:80], known, n=1):
            mend = f"to ask one agent write `use:`; flows: {', '.join(known)}"
        if key in UseOptions.model_fields:
            mend = f"{key!r} stands beside `use:`, as in {{use: small, {key}: ...}}"
        self.draft.find((*at, key), "unknown-flow", f"no flow {shown(key)}", mend, key=True)

    def _check_names(self) -> None:
        for name in self.draft.file.flows:
            if name in self.agents:
                self.draft.find(
                    ("flows", name),
                    "duplicate-id",
                    f"the flow {name!r} has the name of an agent",
                    "agents and flows share one namespace; rename one of them",
                    key=True,
                )


@dataclass(frozen=True, slots=True)
class FlowSite:
    """The place of one flow; see `conductor_mw.flows.base.Site`."""

    flows: Flows
    at: Loc
    reading: Reading

    def step(self, target: Target, *where: str | int) -> Flow:
        """Compile a child."""
        return self.flows.target(target, (*self.at, *where), self.reading)

    def condition(self, text: str, *where: str | int) -> Expression:
        """Compile a boolean condition."""
        return self._expression(text, BOOL, where)

    def value(self, text: str, *where: str | int) -> Expression:
        """Compile an expression of any type."""
        return self._expression(text, DYN, where)

    def number(self, text: str, *where: str | int) -> Expression:
        """Compile a formula."""
        return self._expression(text, DOUBLE, where)

    def template(self, text: str, *where: str | int) -> Template:
        """Compile a text with places for values."""
        try:
            found = pieces(text)
        except ValueError as error:
            self.refuse(str(error), *where)
        for name in doubled(text):
            if name in self.reading.names or name in self.flows.draft.scope.facts:
                self.flows.draft.find(
                    (*self.at, *where),
                    "double-braces",
                    f"{{{{{name}}}}} is text with braces here, not a value",
                    f"write {{{name}}} for the value",
                    severity="warning",
                )
        return Template(
            text,
            tuple(
                piece
                if isinstance(piece, str)
                else (self._expression(piece.name, DYN, where, (text, piece.start)), piece.json)
                for piece in found
            ),
        )

    def scorer(self, spec: object, *where: str | int) -> Scorer:
        """Compile what stands below `score:`."""
        found = compile_scorer(self.flows.draft, self._below, spec, (*self.at, *where))
        if found is None:
            raise Told
        return found

    def schema(self, schema: Mapping[str, Any], *where: str | int) -> Schema:
        """Compile a JSON Schema."""
        found = self.flows.draft.schema(schema, (*self.at, *where))
        if found is None:
            raise Told
        return found

    def worker(self, value: object, *where: str | int) -> Flow:
        """Compile a worker that stands here rather than below `agents:`."""
        found = self.flows.worker(value, (*self.at, *where))
        if found is None:
            raise Told
        return found

    def within(self, names: Mapping[str, Type], *, loops: bool = False) -> FlowSite:
        """Give the same site where conditions and templates may read further facts."""
        known = {**self.reading.names, **names}
        return FlowSite(self.flows, self.at, Reading(known, loops or self.reading.loops))

    @property
    def loops(self) -> bool:
        """Whether what is compiled here runs again, with what it gave the time before."""
        return self.reading.loops

    def taken(self, word: str) -> str:
        """Give a signal or fact whose name begins with this word; '' where there is none."""
        names = (*self.reading.names, *self.flows.draft.scope.facts)
        return next((name for name in names if name == word or name.startswith(f"{word}.")), "")

    def options(self, model: type[M], given: Mapping[str, Any], *where: str | int) -> M:
        """Read a mapping below the flow."""
        draft = self.flows.draft
        found = validate(model, given, draft.positions, draft.findings, (*self.at, *where))
        if found is None:
            raise Told
        return found

    def refuse(self, problem: str, *where: str | int, mend: str = "") -> NoReturn:
        """Refuse the policy."""
        at = (*self.at, *where)
        place = self.flows.draft.positions.place(at)
        raise PolicyError([Finding(place, "flow", f"{path(at)}{problem}", mend)])

    def _below(self, at: Loc) -> FlowSite:
        return FlowSite(self.flows, at, self.reading)

    def _expression(
        self,
        text: str,
        wanted: Type,
        where: tuple[str | int, ...],
        part_of: tuple[str, int] | None = None,
    ) -> Expression:
        draft = self.flows.draft
        names = self.reading.names
        scope = self.flows.scopes.of(names) if names else None
        if names and scope is None:
            draft.find(
                (*self.at, *where),
                "too-many-facts",
                f"the steps of all flows know more than {MAX_FACTS} facts together",
                "split the policy, or give fewer steps an `id:`",
            )
            raise Told
        found = draft.expression(text, (*self.at, *where), wanted, scope, part_of)
        if found is None:
            raise Told
        self.flows.note(found.reads)
        found.prepare()  # now, and not when the first request waits for it
        return found


class Told(Exception):
    """A piece of a flow is wrong, and the findings say so already."""


class _Nobody:
    """Stands in for a target that could not be compiled; never leaves a refused policy."""

    label = "?"
    children = ()
    worst_calls = 1
    canonical: object = None

    def answer(self, request: object, at: object) -> NoReturn:
        """Refuse."""
        raise AssertionError(f"a refused policy was run: {request!r} at {at!r}")


_STAND_IN: Final = cast("Flow", _Nobody())
