"""Apply an environment: settings of agents, gateways and plugins are replaced, all else stays."""

from __future__ import annotations

from typing import Any, Final

from conductor_mw.policy.document import AgentEntry
from conductor_mw.policy.findings import Findings, Nearest
from conductor_mw.policy.tree import Series, Sources, Table
from conductor_mw.policy.validation import shown

_COMMON: Final = frozenset(AgentEntry.model_fields)
_OF_THE_MODEL: Final = (
    "price", "prices", "usage", "max_output_tokens", "max_media_tokens", "base_url", "api_key",
)  # fmt: skip
"""What belongs to the model that answers; another model does not inherit it."""


def applied(tree: Table, environment: str, sources: Sources, findings: Findings) -> Table:
    """Give the document as it is in one environment, without the environments themselves.

    Args:
        tree: the document; it is left as it is.
        environment: the name of the environment; one that the document does not have changes
            nothing.
        sources: turns marks into places.
        findings: takes in what is wrong.
    """
    if "environments" not in tree:
        return tree
    tree = tree.copy()
    chosen = tree.table("environments").table(environment)
    tree.drop("environments")
    at = f"environments.{environment}"
    if chosen.table("agents"):
        _agents(tree, chosen.table("agents"), f"{at}.agents", sources, findings)
    for section in ("gateways", "plugins"):
        if chosen.table(section):
            _entries(tree, section, chosen.table(section))
    return tree


def _agents(tree: Table, settings: Table, at: str, sources: Sources, findings: Findings) -> None:
    old = tree.series("agents")
    positions = {entry.get("id"): position for position, entry in enumerate(old)}
    new = Series(old.mark)
    new.extend(old)
    new.marks = list(old.marks)
    for name, given in settings.items():
        if name not in positions:
            place = sources.place(settings.places(name)[0])
            mend = Nearest(name, [known for known in positions if isinstance(known, str)])
            findings.add(place, "unknown-name", f"{at}: no agent {shown(name)}", mend)
            continue
        if "id" in given:
            place = sources.place(given.places("id")[0])
            findings.add(
                place, "unknown-key", f"{at}.{name}: an id cannot be replaced", "remove it"
            )
            continue
        new[positions[name]] = _replaced(old[positions[name]], given)
    if "agents" in tree:
        tree["agents"] = new


def _replaced(agent: Table, given: Table) -> Table:
    agent = agent.copy()
    if any(key not in _COMMON for key in given):
        for key in [*agent]:
            if key not in _COMMON or key in _OF_THE_MODEL:
                agent.drop(key)
    return _merged(agent, given)


def _entries(tree: Table, section: str, settings: Table) -> None:
    old: Any = tree.get(section)
    new = old.copy() if isinstance(old, Table) else Table(settings.mark)
    for name, given in settings.items():
        before = new.get(name)
        both = isinstance(before, Table) and isinstance(given, Table)
        value = _merged(before.copy(), given) if both else given  # type: ignore[union-attr]  # `both` says that it is a mapping
        new.put(name, value, *settings.places(name))
    if section in tree:
        tree[section] = new
    else:
        tree.put(section, new, settings.mark, settings.mark)


def _merged(table: Table, given: Table) -> Table:
    for key, value in given.items():
        table.put(key, value, *given.places(key))
    return table
