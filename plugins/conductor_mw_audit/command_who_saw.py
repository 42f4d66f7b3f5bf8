"""`conductor-mw audit who-saw`: which models saw somebody's data, and why they were allowed to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import click

from conductor_mw import ConductorError
from conductor_mw.cli.door import Column, Command, format_option, note, say, say_json, table

from .asked import moment_of, where_option, written_moment
from .entry import Stored
from .records import Records, Wanted, opened, subject_of

_SHOWN: Final = 3
"""Rules that a row of the table names."""

_MINUTES: Final = 16
"""Letters of a moment up to its minutes; JSON has it whole."""


@dataclass(slots=True)
class Sight:
    """What one agent saw.

    Attributes:
        agent: the agent.
        model: what answered for it.
        runs: the runs in which it was asked.
        rules: the rules that led there.
        policies: the fingerprints of the policies that allowed it.
        guarantees: what was weighed before it was asked: the guarantee's id, and whether it let it.
        first: when it was asked first, in UTC seconds.
        last: when it was asked last.
    """

    agent: str
    model: str
    runs: set[str] = field(default_factory=set[str])
    rules: set[str] = field(default_factory=set[str])
    policies: set[str] = field(default_factory=set[str])
    guarantees: set[tuple[str, bool]] = field(default_factory=set[tuple[str, bool]])
    first: float = 0.0
    last: float = 0.0

    def add(self, call: Stored, decision: dict[str, Any]) -> None:
        """Take in one call."""
        head = call.head
        if not self.runs or head.time < self.first:
            self.first = head.time
        self.last = max(self.last, head.time)
        self.runs.add(head.run or "")
        self.rules.add(head.rule or decision.get("target") or "")
        self.policies.add(str(decision.get("policy", ""))[:12])
        self.guarantees.update((str(one[0]), bool(one[1])) for one in _pairs(call.data))

    def named(self) -> dict[str, object]:
        """Give it as plain JSON."""
        return {
            "agent": self.agent,
            "model": self.model,
            "requests": len(self.runs),
            "first": self.first,
            "last": self.last,
            "rules": sorted(self.rules),
            "policies": sorted(self.policies),
            "guarantees": [list(one) for one in sorted(self.guarantees)],
            "runs": sorted(self.runs),
        }


@click.command(
    "who-saw",
    cls=Command,
    epilog="""
  conductor-mw audit who-saw --subject ana@example.com
  conductor-mw audit who-saw --class iban --since 30d --format json""",
)
@where_option
@click.option("--subject", metavar="PERSON", help="Data of this person, as the app names them.")
@click.option("--class", "label", metavar="CLASS", help="Data of this class, for example email.")
@click.option("--tenant", default="", metavar="NAME", help="Only this tenant.")
@click.option("--since", default="", metavar="TIME", help="From when: 30d, or a moment, UTC.")
@format_option("pretty", "json")
def who_saw(
    path: str, subject: str | None, label: str | None, tenant: str, since: str, form: str
) -> None:
    """Say which agents saw whose data, and why they were allowed to.

    Classes of data are recorded where the policy has signals for them, such as `input.pii` of the
    layer guard. A person is found by the pseudonym that is made with the log's key, AUDIT_KEY.
    """
    if subject is None and label is None:
        raise ConductorError("whose data?", mend="Give --subject PERSON or --class CLASS.")
    with opened(path) as records:
        wanted = Wanted(
            tenant=tenant,
            subject="" if subject is None else subject_of(records, subject),
            kinds=("decision",),
            since=moment_of(since, "--since") if since else None,
        )
        found = sights(records, wanted, label)
    if form == "json":
        say_json([one.named() for one in found])
    elif found:
        say(table(_COLUMNS, [_row(one) for one in found]))
    else:
        note("nobody saw such data, as far as this log tells")


def sights(records: Records, wanted: Wanted, label: str | None = None) -> list[Sight]:
    """Give who saw what was asked in some requests, most requests first.

    Args:
        records: the log.
        wanted: which decisions.
        label: only requests in which data of this class was found.
    """
    found: dict[tuple[str, str], Sight] = {}
    for decision in records.find(wanted):
        data = decision.data
        if label is not None and label not in _labels(data):
            continue
        calls = Wanted(run=decision.head.run or "-", kinds=("call",))
        for call in records.find(calls):
            agent, model = call.head.agent or "", str(call.data.get("model") or "")
            found.setdefault((agent, model), Sight(agent, model)).add(call, data)
    return sorted(found.values(), key=lambda one: (-len(one.runs), one.agent))


def _labels(data: dict[str, Any]) -> Iterable[str]:
    """Give the classes of data that were seen in a request, whatever signal saw them."""
    classes: Any = data.get("classes") or {}
    if isinstance(classes, dict):
        lists = cast("dict[str, Any]", classes).values()
        return {str(one) for found in lists if isinstance(found, list) for one in found}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON of a record
    return {str(one) for one in cast("list[object]", classes)}


def _pairs(data: dict[str, Any]) -> list[list[Any]]:
    weighed: Any = data.get("guarantees")
    return cast("list[list[Any]]", weighed) if isinstance(weighed, list) else []


_COLUMNS: Final = (
    Column("agent", style="name"),
    Column("model", least=10),
    Column("requests", right=True),
    Column("first (UTC)"),
    Column("last (UTC)"),
    Column("allowed by", least=8),
    Column("policy", style="quiet", least=6),
)


def _row(one: Sight) -> list[str]:
    rules = sorted(rule for rule in one.rules if rule)
    because = ", ".join(rules[:_SHOWN]) + (" ..." if len(rules) > _SHOWN else "")
    weighed = [name for name, let in sorted(one.guarantees) if let]
    if weighed:
        because += f" (guarantees {', '.join(weighed)})"
    return [
        one.agent,
        one.model,
        f"{len(one.runs):,}",
        written_moment(one.first)[:_MINUTES],
        written_moment(one.last)[:_MINUTES],
        because,
        ", ".join(sorted(one.policies)),
    ]
