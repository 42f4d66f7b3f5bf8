"""Compile what stands below `score:`: one scorer by name or mapping, or a list of several."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from conductor_mw.agents.worker import WorkerOptions
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.fingerprint import digest
from conductor_mw.policy.validation import shown, validate
from conductor_mw.policy.workers import compile_worker
from conductor_mw.scorers.several import Several

if TYPE_CHECKING:
    from conductor_mw.agents.base import Agent
    from conductor_mw.flows.base import Site
    from conductor_mw.policy.draft import Draft
    from conductor_mw.policy.tree import Loc
    from conductor_mw.scorers.base import Scorer, ScorerOptions

SiteAt = Callable[["Loc"], "Site"]
MAX_SCORERS: Final = 16
"""Scorers of one list; every one of them is asked for every answer."""


def compile_scorer(draft: Draft, site_at: SiteAt, spec: object, at: Loc) -> Scorer | None:
    """Give the compiled scorer, or None with findings added.

    Args:
        draft: the policy while it is being compiled.
        site_at: gives the site of a place, for the flows that a scorer asks.
        spec: what stands below `score:`.
        at: where it stands.
    """
    if not isinstance(spec, list):
        return _one(draft, site_at, spec, at)
    specs = cast("list[object]", spec)
    if not 1 <= len(specs) <= MAX_SCORERS:
        draft.find(at, "wrong-value", f"{len(specs)} scorers; write 1 to {MAX_SCORERS}")
        return None
    found = [_one(draft, site_at, one, (*at, n)) for n, one in enumerate(specs)]
    scorers = [scorer for scorer in found if scorer is not None]
    return Several.of(scorers) if len(scorers) == len(specs) else None


def implied_worker(draft: Draft, value: object, at: Loc) -> Agent | None:
    """Give the agent of a worker that stands below `score:`, or None with findings added.

    Its name comes from what is written, so that the order of flows names nobody anew; no agent's id
    has a colon.
    """
    given: object = WorkerOptions.from_value(value)
    return compile_worker(draft, f"worker:{digest(given)[:8]}", given, at)


def _one(draft: Draft, site_at: SiteAt, spec: object, at: Loc) -> Scorer | None:
    offers = draft.plugins.scorers
    mapping = spec
    if isinstance(spec, str):
        if spec not in offers.names:
            _unknown(draft, spec, at)
            return None
        mapping = cast("type[ScorerOptions]", offers.get(spec)).from_name(spec)
    if not isinstance(mapping, dict):
        problem = f"must be a scorer's name, a mapping or a list of those, not {shown(spec)}"
        draft.find(at, "wrong-type", problem)
        return None
    given = cast("dict[str, Any]", mapping)
    keys = [key for key in given if key in offers.names]
    if not keys:
        _unknown(draft, next(iter(given), ""), at, key=bool(given))
        return None
    if len(keys) > 1:
        draft.find(
            (*at, keys[1]),
            "two-kinds",
            f"a scorer cannot be of two kinds: {' and '.join(map(repr, keys[:2]))}",
            "write a list of two scorers; the lowest score counts",
            key=True,
        )
        return None
    model = cast("type[ScorerOptions]", offers.get(keys[0]))
    options = validate(model, given, draft.positions, draft.findings, at)
    return None if options is None else options.build(site_at(at))


def _unknown(draft: Draft, name: str, at: Loc, *, key: bool = False) -> None:
    if name in {entry.id for entry in draft.file.agents} or name in draft.file.flows:
        mend: str | Nearest = f"to ask {name!r} for a score, write {{use: {name}}}"
    else:
        mend = Nearest(name, draft.plugins.scorers.names)
    where = (*at, name) if key else at
    draft.find(where, "unknown-name", f"no scorer {shown(name)}", mend, key=key)
