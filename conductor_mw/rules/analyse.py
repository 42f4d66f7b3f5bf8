"""Find conditions that no request can meet, or that none can reach; never a false alarm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, TypeAlias, cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.checked import (
    Apply,
    Const,
    Fact,
    Logic,
    MakeList,
    Node,
    canonical,
    children,
)
from conductor_mw.rules.domains import Domain, mark
from conductor_mw.rules.expression import Expression
from conductor_mw.rules.interpreter import interpret
from conductor_mw.rules.limits import Steps
from conductor_mw.rules.shapes import conjuncts

# Beyond these a rule is not compared with all that came before; that only hides a finding.
_MOST_SUBJECTS: Final = 8
_MOST_RIVALS: Final = 200
_FEWEST_RIVALS: Final = 8
_MOST_CHOICES: Final = 16
_MOST_COMPARISONS: Final = 200_000

_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE: Final = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


@dataclass(slots=True)
class _Terms:
    """What a condition asks for, all at once.

    Attributes:
        domains: for each thing it looks at, the values that it lets through.
        opaque: parts that are only compared as wholes, with whether they must hold.
        choices: the alternatives of each part that is a `||`; one of each must hold.
        never: some part is false whatever the facts are.
    """

    domains: dict[str, Domain] = field(default_factory=dict[str, Domain])
    opaque: set[tuple[str, bool]] = field(default_factory=set[tuple[str, bool]])
    choices: list[tuple[Node, ...]] = field(default_factory=list[tuple[Node, ...]])
    never: bool = False

    @property
    def contradictory(self) -> bool:
        """Whether nothing can meet it."""
        return (
            self.never
            or any(domain.empty for domain in self.domains.values())
            or any((key, not holds) in self.opaque for key, holds in self.opaque)
        )

    @property
    def subjects(self) -> frozenset[object]:
        """Everything it looks at."""
        return frozenset((*self.domains, *self.opaque))

    def within(self, other: _Terms) -> bool:
        """Return whether whatever meets this one meets `other`, too."""
        return other.opaque <= self.opaque and all(
            name in self.domains and self.domains[name].within(domain)
            for name, domain in other.domains.items()
        )


_Rivals: TypeAlias = dict[frozenset[object], dict[object, list[tuple[int, _Terms]]]]


def never_true(expression: Expression) -> bool:
    """Return whether no facts at all make the condition true.

    >>> from conductor_mw.rules import BOOL, INT, Scope, compile
    >>> scope = Scope({"input.tokens": INT})
    >>> never_true(compile("input.tokens < 5 && input.tokens > 8", BOOL, scope))
    True
    """
    return _never(expression.node, expression.text)


def always_true(expression: Expression) -> bool:
    """Return whether the condition is true whatever the facts are, failing signals included."""
    return _always(expression.node, expression.text)


def shadowed(expressions: Sequence[Expression]) -> Iterator[tuple[int, int]]:
    """Yield `(earlier, later)` where the later one can never decide: the earlier one does before.

    Conditions that are never true are left out; `never_true` tells them. Each later one is named
    once.
    """
    rivals: _Rivals = {}
    most = max(_FEWEST_RIVALS, min(_MOST_RIVALS, _MOST_COMPARISONS // (len(expressions) or 1)))
    for position, expression in enumerate(expressions):
        terms = _terms(expression.node, expression.text)
        if _impossible(terms, expression.text):
            continue
        earlier = _rival(rivals, terms)
        if earlier is not None:
            yield earlier, position
            continue
        place = rivals.setdefault(terms.subjects, {}).setdefault(_bucket(terms), [])
        # One that lets through more makes those it covers needless.
        place[:] = [rival for rival in place if not rival[1].within(terms)]
        if len(place) < most:
            place.append((position, terms))


def _rival(rivals: _Rivals, terms: _Terms) -> int | None:
    """Return the first earlier condition that covers `terms`."""
    found = [
        position
        for group in _groups(rivals, terms.subjects)
        for bucket in _buckets(terms, group)
        for position, rival in rivals[group].get(bucket, ())
        if terms.within(rival)
    ]
    return min(found, default=None)


def _groups(rivals: _Rivals, subjects: frozenset[object]) -> Iterator[frozenset[object]]:
    """Yield the groups of rivals that look at nothing but `subjects`, the shorter way round."""
    if len(subjects) > _MOST_SUBJECTS or len(rivals) < 2 ** len(subjects):
        yield from (group for group in rivals if group <= subjects)
        return
    for size in range(len(subjects) + 1):
        for chosen in combinations(subjects, size):
            group = frozenset(chosen)
            if group in rivals:
                yield group


def _bucket(terms: _Terms) -> object:
    """Return under what a condition is kept: the one value that it asks of its first subject."""
    for name in sorted(terms.domains):
        allowed = terms.domains[name].allowed
        if allowed is not None and len(allowed) == 1:
            return name, next(iter(allowed))
    return None


def _buckets(terms: _Terms, group: frozenset[object]) -> Iterator[object]:
    """Yield every bucket in which a condition over `group` that covers `terms` may lie."""
    yield None
    for name in group:
        domain = terms.domains.get(name) if isinstance(name, str) else None
        if domain is not None and domain.allowed is not None and len(domain.allowed) == 1:
            yield name, next(iter(domain.allowed))


# --- what a condition asks for --------------------------------------------------------------------


def _never(node: Node, text: str) -> bool:
    """Return whether `node` is never true."""
    if isinstance(node, Logic) and node.operator == "||":
        return all(_never(operand, text) for operand in node.operands)
    return _impossible(_terms(node, text), text)


def _impossible(terms: _Terms, text: str) -> bool:
    """Return whether nothing meets `terms`: as they stand, or with any alternative of a `||`."""
    return terms.contradictory or any(
        all(_with(terms, branch, text).contradictory for branch in choice)
        for choice in terms.choices[:_MOST_CHOICES]
        if len(choice) <= _MOST_CHOICES
    )


def _with(terms: _Terms, node: Node, text: str) -> _Terms:
    """Return `terms` and that `node` is true."""
    more = _Terms(dict(terms.domains), set(terms.opaque))
    _ask(more, node, holds=True, text=text)
    return more


def _always(node: Node, text: str) -> bool:
    """Return whether `node` is always true."""
    if isinstance(node, Logic):
        every = all if node.operator == "&&" else any
        return every(_always(operand, text) for operand in node.operands)
    return _constant(node, text) is True


def _terms(node: Node, text: str) -> _Terms:
    """Return what `node` asks for."""
    terms = _Terms()
    for part in conjuncts(node):
        _ask(terms, part, holds=True, text=text)
    return terms


def _ask(terms: _Terms, node: Node, *, holds: bool, text: str) -> None:
    """Add to `terms` that `node` is true (or, where `holds` is false, that it is false)."""
    constant = _constant(node, text)
    if constant is not None:
        terms.never = terms.never or constant is not holds
        return
    if isinstance(node, Apply) and node.operator == "!":
        _ask(terms, node.arguments[0], holds=not holds, text=text)
        return
    if isinstance(node, Logic) and (node.operator == "&&") is holds:
        # All of `a && b` are true; all of `a || b` are false where it is false.
        for operand in node.operands:
            _ask(terms, operand, holds=holds, text=text)
        return
    found = _constraint(node, holds=holds) or _union(node, holds=holds, text=text)
    if found is None:
        if isinstance(node, Logic) and holds:
            terms.choices.append(node.operands)
        terms.opaque.add((_key(node), holds))
        return
    name, domain = found
    terms.domains[name] = terms.domains.get(name, Domain()).meet(domain)


def _union(node: Node, *, holds: bool, text: str) -> tuple[str, Domain] | None:
    """Return the values that `x == 1 || x == 2` lets through, or None for any other shape."""
    if not (isinstance(node, Logic) and node.operator == "||" and holds):
        return None
    names = set[str]()
    allowed = set[tuple[str, object]]()
    for operand in node.operands:
        terms = _terms(operand, text)
        if len(terms.domains) != 1 or terms.opaque or terms.never:
            return None
        ((name, domain),) = terms.domains.items()
        if domain.allowed is None:
            return None
        names.add(name)
        allowed |= domain.allowed
    if len(names) != 1:
        return None
    return names.pop(), Domain(allowed=frozenset(cast("set[tuple[str, None]]", allowed)))


def _constraint(  # noqa: PLR0911 - one return for each shape
    node: Node, *, holds: bool
) -> tuple[str, Domain] | None:
    """Return which values of what make a comparison true (or false), or None for other parts."""
    if isinstance(node, Fact) and node.type.kind == "bool":
        return node.name, Domain(allowed=frozenset((mark(holds),)))
    if not isinstance(node, Apply) or len(node.arguments) < 2:
        return None
    subject, other = node.arguments[0], node.arguments[1]
    operator = node.operator
    if operator == "in" and isinstance(other, MakeList):
        if not all(isinstance(item, Const) and _exact(item) for item in other.items):
            return None
        group = frozenset(mark(cast("Const", item).value) for item in other.items)
        return _key(subject), Domain(allowed=group) if holds else Domain(banned=group)
    if isinstance(subject, Const):
        subject, other = other, subject
        operator = _FLIPPED.get(operator, operator)
    if operator not in _OPPOSITE or not isinstance(other, Const) or isinstance(subject, Const):
        return None
    if not holds:
        if operator in _FLIPPED and subject.type.kind != "int":
            # NaN is neither below nor above a number.
            return None
        operator = _OPPOSITE[operator]
    return _compared(subject, operator, other)


def _compared(subject: Node, operator: str, constant: Const) -> tuple[str, Domain] | None:
    """Return which values of `subject` make `subject operator constant` true."""
    if not _exact(constant):
        return None
    value = constant.value
    if operator in ("==", "!="):
        group = frozenset((mark(value),))
        return _key(subject), Domain(allowed=group) if operator == "==" else Domain(banned=group)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    whole = subject.type.kind == "int" and isinstance(value, int)
    closed = operator in ("<=", ">=")
    if whole and not closed:
        value, closed = value + (1 if operator == ">" else -1), True
    bound = (value, closed)
    if operator in ("<", "<="):
        return _key(subject), Domain(ranged=True, high=bound, whole=whole)
    return _key(subject), Domain(ranged=True, low=bound, whole=whole)


def _exact(constant: Const) -> bool:
    """Return whether nothing else compares equal: beyond 2**53 some int and double do."""
    return not isinstance(constant.value, (int, float)) or abs(constant.value) < 2**53


def _constant(node: Node, text: str) -> bool | None:
    """Return the value of a part that reads nothing, or None where it has none beforehand."""
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, Fact):
            return None
        pending.extend(children(part))
    try:
        return interpret(node, text, {}, Steps()) is True
    except EvaluationError:
        return None


def _key(node: Node) -> str:
    """Return a name for a part, the same wherever it means the same."""
    return node.name if isinstance(node, Fact) else repr(canonical(node))
