"""Check a document against the skeleton, and put something harmless where it is broken.

What is put there lets the compiler go on, so that one reading finds every mistake and not only the
first kind of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from pydantic import ConfigDict, ValidationError, create_model

from conductor_mw.policy.document import (
    ID_PATTERN,
    MAX_AGENTS,
    MAX_GUARANTEES,
    MAX_RULES,
    AgentEntry,
    GuaranteeEntry,
    PolicyFile,
    RuleEntry,
)
from conductor_mw.policy.entry import Entry
from conductor_mw.policy.findings import Findings
from conductor_mw.policy.tree import Positions, Series, Table
from conductor_mw.policy.validation import parse, places_of, tell

BROKEN: Final = "\0"
"""A target that stands for a broken one; no file can hold it."""
_LONGEST: Final[dict[type[Entry], int]] = {
    AgentEntry: MAX_AGENTS,
    RuleEntry: MAX_RULES,
    GuaranteeEntry: MAX_GUARANTEES,
}
_ID: Final = re.compile(ID_PATTERN)


def repaired(
    tree: Table, positions: Positions, findings: Findings, own: frozenset[str]
) -> tuple[Table, PolicyFile] | None:
    """Give the document with broken pieces replaced, or None where that is no use.

    Args:
        tree: the document; it is left as it is.
        positions: where its pieces stand.
        findings: takes in what is wrong.
        own: the names of layers under which a rule may write something.
    """
    try:
        file = parse(PolicyFile, tree)
        if _knows_rules(file, own):
            return tree, file
    except ValidationError:
        pass  # it can hold a complaint for every word: look again, piece by piece, and stop in time
    broken = _told(tree, positions, findings, _rule_with(own))
    if broken is None or () in broken:
        return None
    tree = _twin(tree)
    for loc in broken:
        _replace(tree, loc)
    try:
        return tree, parse(PolicyFile, tree)
    except ValidationError:
        return None


class _ClosedRule(RuleEntry):
    """A rule as it is told about: what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid")


def _knows_rules(file: PolicyFile, own: frozenset[str]) -> bool:
    rules = file.routing.rules if file.routing is not None else ()
    return all(own.issuperset(rule.model_extra or ()) for rule in rules)


@cache
def _rule_with(own: frozenset[str]) -> type[Entry]:
    """Give the form of a rule that knows of these further keys, and of no others."""
    fields: dict[str, Any] = dict.fromkeys(sorted(own), (Any, None))
    return create_model("RuleEntry", __base__=_ClosedRule, **fields)


def _told(
    tree: Table, positions: Positions, findings: Findings, rule: type[Entry]
) -> list[tuple[str | int, ...]] | None:
    """Tell what is wrong and give where, or None where so much is wrong that there is no use."""
    broken: set[tuple[str | int, ...]] = set()
    for at, form, piece in _pieces(tree):
        model = rule if form is RuleEntry else form
        if findings.enough:
            return None
        try:
            parse(model, piece)
        except ValidationError as error:
            tell(error, model, piece, positions, findings, at)
            broken.update((*at, *loc) for loc in places_of(error, piece))
    return sorted(broken, key=repr)


def _pieces(tree: Table) -> Iterator[tuple[tuple[str | int, ...], type[Entry], object]]:
    """Give the document without its long lists, then every entry of those."""
    shell = tree.copy()
    routing = tree.get("routing")
    lists: list[tuple[tuple[str, ...], type[Entry], object]] = [
        (("agents",), AgentEntry, tree.get("agents")),
        (("guarantees",), GuaranteeEntry, tree.get("guarantees")),
    ]
    if isinstance(routing, Table):
        shell["routing"] = routing.copy()
        lists.append((("routing", "rules"), RuleEntry, routing.get("rules")))
    for at, model, entries in lists:
        if isinstance(entries, Series) and len(entries) <= _LONGEST[model]:
            holder = shell if len(at) == 1 else shell["routing"]
            holder[at[-1]] = []
    yield (), PolicyFile, shell
    for at, model, entries in lists:
        if isinstance(entries, Series):
            for position, entry in enumerate(entries):
                yield (*at, position), model, entry


def _twin(value: Any) -> Any:
    """Copy tables and lists, so that the caller's tree stays as it was read."""
    if isinstance(value, Table):
        twin = value.copy()
        for key in twin:
            twin[key] = _twin(twin[key])
        return twin
    if isinstance(value, Series):
        copied = Series(value.mark)
        copied.extend(map(_twin, value))
        copied.marks = list(value.marks)
        return copied
    return value


def _replace(tree: Table, loc: tuple[str | int, ...]) -> None:
    match loc:
        case ("agents", int(position), *_):
            _replace_agent(tree["agents"], position)
        case ("routing", "rules", int(position), *_):
            _replace_rule(tree["routing"]["rules"], position)
        case ("guarantees", int(position), *_):
            tree["guarantees"][position] = _table(tree["guarantees"][position], at_most=Table())
        case ("signals", str(name), *_):
            # It stays known, and of a type that every condition can use.
            known = {"from": "metadata.any", "type": "dyn"}
            tree["signals"][name] = _table(tree["signals"][name], **known)
        case _:
            _drop(tree, loc)


def _replace_agent(agents: Series, position: int) -> None:
    old: object = agents[position]
    name: object = old.get("id") if isinstance(old, Table) else None
    good = isinstance(name, str) and len(name) <= 100 and _ID.fullmatch(name)
    agents[position] = _table(old, id=name if good else f"broken-{position}")


def _replace_rule(rules: Series, position: int) -> None:
    old: object = rules[position]
    target: object = old.get("target") if isinstance(old, Table) else None
    usable = isinstance(target, str | Table)
    rules[position] = _table(old, condition="true", target=target if usable else BROKEN)


def _table(old: object, **entries: object) -> Table:
    """Give a table that stands where `old` stood and holds these entries."""
    begins = old.mark if isinstance(old, Table | Series) else 0
    table = Table(begins)
    for key, value in entries.items():
        if isinstance(old, Table) and key in old:
            table.put(key, value, *old.places(key))
        else:
            table.put(key, value, begins, begins)
    return table


def _drop(tree: Table, loc: tuple[str | int, ...]) -> None:
    """Remove the piece at `loc`, or the nearest piece above it that is still there."""
    here: Any = tree
    for piece in loc[:-1]:
        if not isinstance(here, Table | Series) or (isinstance(here, Table) and piece not in here):
            return
        here = here[piece]  # type: ignore[index]  # `loc` leads through the document
    last = loc[-1]
    if isinstance(here, Table) and isinstance(last, str) and last in here:
        here.drop(last)
    elif isinstance(here, Series) and isinstance(last, int) and last < len(here):
        here[last] = here[0] if last else BROKEN
