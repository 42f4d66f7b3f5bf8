"""Lay a file over those it includes: it may add, and it may narrow, but never widen."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from conductor_mw.durations import seconds
from conductor_mw.policy.findings import Findings, Nearest
from conductor_mw.policy.tree import Series, Sources, Table
from conductor_mw.policy.validation import shown

_FIXED: Final = ("version", "workflow", "include")
_OF_PEOPLE: Final = ("quorum", "on_timeout", "choices")


def joined(first: Table, second: Table, sources: Sources, findings: Findings) -> Table:
    """Give one document of two files that lie beside each other; neither may repeat the other."""
    return _Join(first, second, sources, findings).result()


def laid_over(base: Table, over: Table, sources: Sources, findings: Findings) -> Table:
    """Give one document of a file and what lies under it; the upper one may only narrow.

    Args:
        base: what is included.
        over: the including file's document.
        sources: turns marks into places.
        findings: takes in whatever would widen.
    """
    return _Overlay(base, over, sources, findings).result()


class _Join:
    """Unites two documents of the same standing."""

    def __init__(self, base: Table, over: Table, sources: Sources, findings: Findings) -> None:
        self.base = base
        self.over = over
        self.sources = sources
        self.findings = findings
        self.whole = base.copy()
        self.whole.mark = over.mark

    def result(self) -> Table:
        """Give the united document."""
        for key, value in self.over.items():
            if key not in self.whole or key in _FIXED:
                self.whole.put(key, value, *self.over.places(key))
            elif value is not self.base[key]:
                self.key(key)
        self._refuse_short_form()
        return self.whole

    def key(self, key: str) -> None:
        """Unite one key that both documents have."""
        before, after = self.base[key], self.over[key]
        if before is None or after is None:
            self.whole[key] = before if after is None else after
        elif key in ("agents", "guarantees", "order", "env", "addresses"):
            self.whole[key] = _chained(before, after)
        elif key in ("signals", "flows", "plugins"):
            self.whole[key] = self.united(key, before, after)
        elif key == "routing":
            self.whole[key] = self.routing(before, after)
        elif before != after:
            self.refuse(self.over, key, key, f"{self.file(self.base, key)} says {_said(before)}")

    def united(self, at: str, before: Table, after: Table) -> Table:
        """Give the entries of both; the same name twice is refused."""
        both = before.copy()
        for name, value in after.items():
            if name not in both:
                both.put(name, value, *after.places(name))
            elif value is not before[name] and value != before[name]:
                problem = f"{shown(name)} stands in {self.file(before, name)} already"
                self.refuse(after, name, at, problem, "choose another name")
        return both

    def routing(self, before: Table, after: Table) -> Table:
        """Give the rules of both, the lower file's first."""
        both = before.copy()
        for key, value in after.items():
            if key not in both or both[key] is None:
                both.put(key, value, *after.places(key))
            elif value is None or value is before[key]:
                continue
            elif key == "rules":
                both[key] = _chained(before[key], value)
            elif key == "fallback":
                both[key] = self.united("routing.fallback", before[key], value)
            else:
                self.routing_key(both, key, before, after)
        return both

    def routing_key(self, both: Table, key: str, before: Table, after: Table) -> None:
        """Unite `default`, `deadline` or `decide`."""
        del both
        if before[key] != after[key]:
            problem = f"{self.file(before, key)} says {_said(before[key])}"
            self.refuse(after, key, f"routing.{key}", problem, "keep one of them")

    def refuse(self, table: Table, key: str, at: str, problem: str, mend: str = "") -> None:
        """Add a finding about an entry of the upper document."""
        place = self.sources.place(table.places(key)[0])
        self.findings.add(place, "overlay", f"{at}: {problem}", mend)

    def file(self, table: Table, key: str) -> str:
        """Give the name of the file in which an entry stands."""
        return self.sources.place(table.places(key)[0]).file

    def _refuse_short_form(self) -> None:
        for tree in (self.base, self.over):
            workflow = tree.get("workflow")
            if isinstance(workflow, Table) and "routing" in workflow:
                problem = "the short form cannot lie over or under another file"
                self.refuse(workflow, "routing", "workflow.routing", problem, "write `routing:`")


class _Overlay(_Join):
    """Lays one document over another."""

    def result(self) -> Table:
        """Give the document, narrowed."""
        mode = self.over.get("mode", "enforce")
        if mode == "observe" and self.base.get("mode", "enforce") == "enforce":
            problem = "the file below enforces, and this one would only observe"
            self.refuse(self.over, "mode", "mode", problem, "remove it")
        if "order" in self.over and self.base.get("plugins"):
            problem = "the order of plugins belongs to the file that names them"
            self.refuse(self.over, "order", "order", problem, "remove it")
        asks_people = any("human" in agent for agent in self.base.series("agents"))
        if "store" in self.over and "store" not in self.base and asks_people:
            problem = "whoever has the store can approve in the place of the people below"
            self.refuse(self.over, "store", "store", problem, "name it in the file of the people")
        if self.over.get("addresses") and not self.base.get("addresses"):
            # Without any, workers of the file below are on this computer only.
            self._check_listed("addresses", (), self.over["addresses"])
        if "agents" in self.over and not self.base.get("agents"):
            for agent in self.over.series("agents"):
                self._check_labels(Table(), agent)
        if "signals" in self.over:
            self._check_signals(self.over.table("signals"))
        if self.base.get("agents"):
            for key in ("flows", "routing"):
                self._check_steps(key, self.over.table(key))
        self._check_own()
        return super().result()

    def key(self, key: str) -> None:
        """Narrow one key that both documents have."""
        before, after = self.base[key], self.over[key]
        if key == "agents" and before and after:
            self.whole[key] = self._agents(before, after)
        elif key in ("env", "addresses") and before and after is not None:
            self._check_listed(key, before, after)
            self.whole[key] = after
        elif key == "mode":
            self.whole[key] = after
        else:
            super().key(key)

    def _check_listed(self, key: str, before: Collection[str], after: Series) -> None:
        for position, name in enumerate(after):
            if name not in before:
                place = self.sources.place(after.marks[position])
                problem = f"{key}: the file below does not allow {shown(name)}"
                self.findings.add(place, "overlay", problem, Nearest(name, before))

    def routing_key(self, both: Table, key: str, before: Table, after: Table) -> None:
        """Narrow `default`, `deadline` or `decide`."""
        if key == "decide" and before[key] == "call" and after[key] != "call":
            problem = "the file below lets its rules decide every call"
            self.refuse(after, key, f"routing.{key}", problem, "remove it")
        if key == "deadline" and not _shorter(after[key], before[key]):
            problem = (
                f"{_said(after[key])} is longer than the {_said(before[key])} of the file below"
            )
            self.refuse(after, key, f"routing.{key}", problem, "shorten it")
        both.put(key, after[key], *after.places(key))

    def _agents(self, before: Series, after: Series) -> Series:
        """Give the agents that the upper file keeps."""
        below = {agent["id"]: agent for agent in before}
        kept = Series(after.mark)
        for position, agent in enumerate(after):
            name = agent["id"]
            if name not in below:
                mend = Nearest(name, below)
                problem = f"agents.{position}: the file below has no agent {shown(name)}"
                self.findings.add(
                    self.sources.place(agent.places("id")[1]), "overlay", problem, mend
                )
                continue
            kept.add(self._agent(f"agents.{position}", below[name], agent), after.marks[position])
        return kept

    def _agent(self, at: str, below: Table, over: Table) -> Table:
        self._check_labels(below, over)
        narrowed = below.copy()
        for key in over:
            if key == "id" or (key in below and over[key] == below[key]):
                continue
            if key in _NARROWS:
                problem = _NARROWS[key](below.get(key), over[key])
                if problem:
                    self.refuse(over, key, f"{at}.{key}", problem, "narrow it or leave it out")
            elif key != "labels":
                problem = f"{key!r} belongs to {self.file(below, 'id')}"
                mend = "an overlay may narrow timeout, retry, max_output_tokens and labels"
                self.refuse(over, key, at, problem, mend)
                continue
            narrowed.put(key, over[key], *over.places(key))
        return narrowed

    def _check_signals(self, signals: Table) -> None:
        """Refuse a worker behind a signal: it is one more who would see the requests."""
        below = self.base.table("signals")
        for name in signals:
            entry = signals.table(name)
            if "worker" not in entry or signals[name] is below.get(name):
                continue
            self._check_labels(Table(), entry)
            if self.base.get("agents"):
                problem = "the file below names who may see a request, and this worker is not there"
                mend = "let that file declare the signal, or `ask:` one of its agents"
                self.refuse(entry, "worker", f"signals.{name}", problem, mend)

    def _check_own(self) -> None:
        """Refuse what rules write for layers of the file below, unless it turns them off."""
        agents = self.base.series("agents")
        layers = {*self.base.table("plugins"), *self.over.table("plugins")}
        below = {name for name in layers if name in self.base.table("plugins")}
        below |= {name for name in layers if any(name in agent for agent in agents)}
        for rule in self.over.table("routing").series("rules"):
            for name in sorted(below.intersection(rule)):
                if rule[name] is not False and rule[name] != "off":
                    problem = f"{name!r} belongs to the file below"
                    self.refuse(
                        rule, name, "routing.rules", problem, "write `off`, or leave it out"
                    )

    def _check_steps(self, key: str, tree: Table) -> None:
        """Refuse a worker below `score:` for the same reason, and terms of people's approval."""
        waiting: list[object] = [tree]
        while waiting:
            here = waiting.pop()
            if isinstance(here, Table):
                waiting.extend(here.values())
                scorers = here.get("score")
                for one in scorers if isinstance(scorers, Series) else [scorers]:
                    if isinstance(one, Table) and "worker" in one:
                        problem = "this worker is no agent of the file below"
                        mend = "let that file declare it as an agent, and write `use:` here"
                        self.refuse(one, "worker", key, problem, mend)
                self._check_people(key, here)
            elif isinstance(here, Series):
                waiting.extend(here)

    def _check_people(self, key: str, step: Table) -> None:
        """Refuse terms on which people of the file below would approve more easily."""
        if "use" not in step:
            return
        for word in _OF_PEOPLE:
            easier = step.get(word) == "approve" if word == "on_timeout" else bool(step.get(word))
            if easier:
                problem = f"what counts as approved, {word!r} too, belongs to the file below"
                self.refuse(step, word, key, problem, "leave it out")

    def _check_labels(self, below: Table, over: Table) -> None:
        """Refuse labels that a guarantee of the lower file speaks about, where that would widen."""
        if "labels" not in over:
            return
        had, given = set(below.series("labels")), set(over.series("labels"))
        for guarantee in self.base.series("guarantees"):
            never: Table = guarantee.table("never")
            wanted, shunned = never.get("agents_without"), never.get("agents_with")
            if wanted is not None and wanted in given - had:
                problem = (
                    f"the label {shown(wanted)} belongs to {self.file(never, 'agents_without')}"
                )
                self.refuse(over, "labels", "agents.labels", problem, "only that file may give it")
            if shunned is not None and shunned in had - given:
                problem = f"the label {shown(shunned)} belongs to {self.file(never, 'agents_with')}"
                self.refuse(over, "labels", "agents.labels", problem, "only that file may take it")


def _chained(before: Series, after: Series) -> Series:
    both = Series(after.mark)
    seen: set[int] = set()
    for series in (before, after):
        for position, item in enumerate(series):
            # What stands in a file that two others include is there once.
            if not isinstance(item, Table) or id(item) not in seen:
                seen.add(id(item))
                both.add(item, series.marks[position])
    return both


def _timeout(below: Any, over: Any) -> str:
    allowed, wanted = _limits(below), _limits(over)
    for name, limit in allowed.items():
        if name not in wanted:
            return f"the file below limits {name!r}, and this one does not"
        if wanted[name] > limit:
            return f"longer than the {limit:g} s of the file below"
    return ""


def _limits(timeout: Any) -> dict[str, float]:
    if timeout is None:
        return {}
    if not isinstance(timeout, Table):
        return {"whole": _seconds(timeout)}
    return {name: _seconds(value) for name, value in timeout.items() if value is not None}


def _retry(below: Any, over: Any) -> str:
    if isinstance(over, Table) and over.get("with") and over["with"] != _parameters(below):
        return "parameters of further tries belong to the file below"
    allowed, wanted = _times(below), _times(over)
    return f"more than the {allowed} of the file below" if wanted > allowed else ""


def _parameters(retry: Any) -> Any:
    return retry.get("with") if isinstance(retry, Table) else None


def _times(retry: Any) -> int:
    if isinstance(retry, Table):
        return int(retry.get("times", 1))
    return int(retry or 0)


def _longest(below: Any, over: Any) -> str:
    if below is not None and (over is None or over > below):
        return f"more than the {below} of the file below"
    return ""


_NARROWS: Final = {
    "timeout": _timeout,
    "retry": _retry,
    "max_output_tokens": _longest,
    "max_media_tokens": _longest,
}


def _shorter(after: Any, before: Any) -> bool:
    return _seconds(after) <= _seconds(before)


def _seconds(text: Any) -> float:
    return seconds(text) if isinstance(text, str) else float("inf")


def _said(value: Any) -> str:
    return shown(value) if not isinstance(value, list | dict) else "something else"
