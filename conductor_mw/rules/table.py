"""All conditions of a policy in their order: which is the first that holds?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.checked import Node
from conductor_mw.rules.expression import Expression
from conductor_mw.rules.generator import RAISED
from conductor_mw.rules.index import Index
from conductor_mw.rules.interpreter import Facts, interpret
from conductor_mw.rules.limits import Decision, Exhausted, Steps
from conductor_mw.rules.runs import Rule, Run, runs
from conductor_mw.rules.shapes import canonical_order
from conductor_mw.rules.values import truth

OnError: TypeAlias = Literal["fail", "skip", "match"]

_LONGEST_SHOWN: Final = 80


class RuleError(EvaluationError):
    """A condition failed while a request was being decided, and its rule says `fail`.

    Attributes:
        rule: the position of the rule, from 0.
    """

    def __init__(self, error: EvaluationError, rule: int, text: str) -> None:
        shown = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
        said = f"{error.where}: {error.problem}" if error.where else error.problem
        super().__init__(said, where=f"condition '{shown}'", mend=error.mend)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Passed:
    """A rule that was passed over.

    Attributes:
        index: its position, from 0.
        because: the first of its conditions that was false, as the policy wrote it; or the error
            for which it was skipped.
        reads: the signals that were read to find that out, in the order in which they were.
    """

    index: int
    because: str
    reads: tuple[str, ...]


class _Recorded:
    """Signals that remember which of them were asked for."""

    __slots__ = ("facts", "names")

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.names: dict[str, None] = {}

    def __getitem__(self, name: str, /) -> object:
        self.names[name] = None
        return self.facts[name]


@dataclass(frozen=True, slots=True, eq=False)
class RuleTable:
    """Conditions in priority order, compiled once; safe to use from many threads.

    >>> from conductor_mw.rules import BOOL, INT, Scope, compile
    >>> scope = Scope({"input.tokens": INT})
    >>> rules = [compile(text, BOOL, scope) for text in ("input.tokens < 64", "true")]
    >>> table = RuleTable.build(rules, ["fail", "fail"])
    >>> table.first({"input.tokens": 900})
    1
    >>> [passed.because for passed in table.passed_over({"input.tokens": 900}, 1)]
    ['input.tokens < 64']
    """

    expressions: tuple[Expression, ...]
    on_error: tuple[OnError, ...]
    rules: tuple[Rule, ...]
    linear: tuple[Run, ...]
    index: Index | None
    steps: bool

    @classmethod
    def build(cls, expressions: Sequence[Expression], on_error: Sequence[OnError]) -> RuleTable:
        """Compile the conditions; each call of the compiler takes a few milliseconds at most.

        Args:
            expressions: conditions of type BOOL, the most important first.
            on_error: what each one's failure means: `fail` raises, `skip` goes on to the next
                rule, `match` takes the rule.
        """
        rules = tuple(
            Rule(position, canonical_order(expression.node, expression.eager), expression)
            for position, expression in enumerate(expressions)
        )
        index = Index.build(rules)
        return cls(
            expressions=tuple(expressions),
            on_error=tuple(on_error),
            rules=rules,
            linear=() if index is not None else tuple(runs([rules])[0]),
            index=index,
            steps=any(expression.steps for expression in expressions),
        )

    def first(self, facts: Facts) -> int:
        """Return the position of the first rule that holds, or -1.

        Raises:
            RuleError: a condition failed whose rule says `fail`.
        """
        steps = Decision() if self.steps else None
        plan = self.linear
        if self.index is not None:
            try:
                plan = self.index.plan(facts)
            except RAISED:
                # The key itself cannot be read: which rules that decides is for each one to say.
                return self.first_linear(facts)
        for run in plan:
            try:
                found = run.function(facts, steps)
            except RAISED as error:
                found = self._resume(run, run.failed_at(error), facts, steps)
            if found >= 0:
                return found
        return -1

    def first_linear(self, facts: Facts) -> int:
        """Return what `first` returns, rule after rule, the slow and precise way."""
        steps = Decision()
        for rule in self.rules:
            if self._holds(rule, facts, steps):
                return rule.position
        return -1

    def passed_over(self, facts: Facts, upto: int) -> Iterator[Passed]:
        """Yield why each rule before position `upto` did not decide.

        Args:
            facts: the facts that the decision was made with.
            upto: the position that `first` gave; all rules where it gave -1.
        """
        steps = Decision()
        for rule in self.rules[: upto if upto >= 0 else None]:
            recorded = _Recorded(facts)
            try:
                because = self._first_false(rule, recorded, steps)
            except EvaluationError as error:
                because = f"skipped, because it failed: {str(error).splitlines()[0]}"
            yield Passed(rule.position, because, tuple(recorded.names))

    def matched_reads(self, facts: Facts, index: int) -> tuple[str, ...]:
        """Return the signals that were read to see that the rule at `index` holds."""
        recorded = _Recorded(facts)
        try:
            self._first_false(self.rules[index], recorded, Decision())
        except EvaluationError:
            # A rule that says `match` holds because it failed; what it read until then counts.
            return tuple(recorded.names)
        return tuple(recorded.names)

    def _resume(self, run: Run, start: int, facts: Facts, steps: Decision | None) -> int:
        """Go on precisely from the rule at which generated code gave up, to the end of its run."""
        steps = steps or Decision()
        for rule in run.rules[start:]:
            if self._holds(rule, facts, steps):
                return rule.position
        return -1

    def _holds(self, rule: Rule, facts: Facts, steps: Decision) -> bool:
        """Return whether a rule holds, precisely, with what its `on_error` says."""
        try:
            return not self._first_false(rule, facts, steps)
        except EvaluationError as error:
            on_error = self.on_error[rule.position]
            if on_error == "fail":
                raise RuleError(error, rule.position, rule.expression.text) from error
            return on_error == "match"

    def _first_false(self, rule: Rule, facts: Facts, steps: Decision) -> str:
        """Return the text of the first conjunct that is false, or '' where all hold.

        Raises:
            EvaluationError: none is false and one failed.
        """
        text = rule.expression.text
        own = Steps(steps)
        failed: EvaluationError | None = None
        because = ""
        for part in rule.parts:
            try:
                if not truth(interpret(part, text, facts, own)):
                    because = _source(part, text)
                    break
            except Exhausted:
                raise
            except EvaluationError as error:
                failed = failed or error
        if not because and failed is not None:
            raise failed
        return because


def _source(part: Node, text: str) -> str:
    """Return how the policy wrote a part."""
    return text[part.start : part.end] or text
