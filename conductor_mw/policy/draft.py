"""A policy while it is being compiled: what was read, what is known, and what is wrong so far."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from conductor_mw.errors import ConditionError, ConductorError, Severity
from conductor_mw.json_schema import Budget, Schema, compile_schema
from conductor_mw.plugins import Plugins
from conductor_mw.policy.document import PolicyFile
from conductor_mw.policy.findings import Findings, Mend
from conductor_mw.policy.tree import Loc, Positions
from conductor_mw.policy.validation import path
from conductor_mw.rules import Expression
from conductor_mw.rules import compile as compile_expression
from conductor_mw.rules.scope import Scope
from conductor_mw.rules.types import BOOL, Type

if TYPE_CHECKING:
    from conductor_mw.policy.policy import LayerUse

MAX_WORDS: Final = 250_000
_UNSCORED: Final = re.compile(r"no signal '[\w.-]+\.scores?'")
_NAMED: Final = "a flow with a name reads the request only; one in place reads the steps around it"
_WORD: Final = re.compile(r"\w+|[^\w\s]")


@dataclass(slots=True)
class Draft:
    """What every part of the compiler reads and adds to.

    Attributes:
        file: the validated skeleton.
        positions: where everything stands.
        plugins: the registries.
        env: the process's environment.
        app_signals: Python functions that the app bound to names.
        bound: ids of agents to which the app bound an object.
        findings: what is wrong so far.
        scope: the signals and their types, once they are known.
        declared: the meaning of each declared signal, for the fingerprint.
        reads: every signal that a compiled expression reads.
        layers: the layers that are named below `plugins:`, once their options are read.
    """

    file: PolicyFile
    positions: Positions
    plugins: Plugins
    env: Mapping[str, str]
    app_signals: Mapping[str, Callable[..., object]]
    bound: Collection[str]
    findings: Findings
    scope: Scope = field(default_factory=lambda: Scope({}))
    declared: dict[str, object] = field(default_factory=dict[str, object])
    reads: set[str] = field(default_factory=set[str])
    layers: dict[str, LayerUse] = field(default_factory=dict[str, "LayerUse"])
    _words: int = 0
    _schemas: dict[str, Schema] = field(default_factory=dict[str, Schema])
    _schema_budget: Budget = field(default_factory=Budget)
    _compiled: dict[tuple[str, Type, int], Expression] = field(
        default_factory=dict[tuple[str, Type, int], Expression]
    )

    def find(
        self,
        at: Loc,
        code: str,
        problem: str,
        mend: Mend = "",
        *,
        key: bool = False,
        severity: Severity = "error",
    ) -> None:
        """Add a finding about the piece at `at`.

        Args:
            at: keys and positions from the document's root.
            code: the finding's stable name.
            problem: one sentence, without the path.
            mend: what to write instead.
            key: whether the key at `at` is meant rather than its value.
            severity: a warning does not stop the policy from loading.
        """
        # A wrong key is told of the mapping that holds it.
        shown = at[:-1] if key else at
        place = self.positions.place(at, key=key)
        self.findings.add(place, code, f"{path(shown)}{problem}", mend, severity)

    def expression(
        self,
        text: str,
        at: Loc,
        wanted: Type = BOOL,
        scope: Scope | None = None,
        part_of: tuple[str, int] | None = None,
    ) -> Expression | None:
        """Compile an expression, or give None with a finding added.

        Args:
            text: the expression.
            at: where it stands.
            wanted: the type that it must give.
            scope: what it may read; the request's signals where left out.
            part_of: the longer text that it was taken from, and where in it it begins.
        """
        if not self._affordable(text, at) or self.findings.enough:
            return None
        # Sites keep the scopes that they pass alive, so that an id means one scope.
        key = (text, wanted, 0 if scope is None else id(scope))
        known = self._compiled.get(key)
        if known is not None:
            return known
        try:
            found = compile_expression(text, wanted, self.scope if scope is None else scope)
        except ConditionError as error:
            whole, begin = part_of or (text, 0)
            place = self.positions.inside(at, whole, begin + error.offset)
            mend = error.mend
            if scope is not None and _UNSCORED.fullmatch(error.problem):
                mend = "nothing scores it: add `score:` to the step"
            if scope is None and at[:1] == ("flows",) and error.problem.startswith("no signal"):
                mend = _NAMED
            self.findings.add(place, "condition", f"{path(at)}{error.problem}", mend)
            return None
        self._compiled[key] = found
        self.reads.update(found.reads)
        return found

    def schema(self, schema: Mapping[str, Any], at: Loc) -> Schema | None:
        """Compile a JSON Schema, or give None with a finding added."""
        if self.findings.enough:
            return None
        key = json.dumps(schema, sort_keys=True)
        if key in self._schemas:
            return self._schemas[key]
        try:
            found = self._schemas[key] = compile_schema(schema, self._schema_budget)
        except ConductorError as error:
            self.find(at, "schema", error.problem, error.mend)
            return None
        return found

    def _affordable(self, text: str, at: Loc) -> bool:
        """Count the words and signs of conditions; each takes some microseconds to compile."""
        before = self._words
        self._words += sum(1 for _ in _WORD.finditer(text[: 10 * MAX_WORDS]))
        if before <= MAX_WORDS < self._words:
            self.find(
                at,
                "too-many-words",
                f"the conditions have more than {MAX_WORDS} words and signs together",
                "split the policy into several",
            )
        return self._words <= MAX_WORDS
