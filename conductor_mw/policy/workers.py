"""Check what a policy says about workers: where they are, and what they take and give."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final, cast

from conductor_mw.agents.base import Agent, Timeouts
from conductor_mw.agents.worker import WorkerOptions
from conductor_mw.errors import ConductorError
from conductor_mw.money import FREE
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.fingerprint import agent_fingerprint
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import shown, validate
from conductor_mw.workers.addresses import Address, address_of, allows, listed

KIND: Final = "worker"
_NO_LIMIT: Final = Timeouts()


def compile_addresses(draft: Draft) -> tuple[str, ...]:
    """Give the addresses that the policy lists, in one order; findings go to the draft."""
    found: set[str] = set()
    for position, entry in enumerate(draft.file.addresses):
        try:
            found.add(str(listed(entry)))
        except ConductorError as error:
            draft.find(("addresses", position), "wrong-address", error.problem, error.mend)
    return tuple(sorted(found))


def compile_worker(
    draft: Draft,
    name: str,
    value: object,
    at: Loc,
    *,
    labels: Collection[str] = (),
    timeouts: Timeouts = _NO_LIMIT,
) -> Agent | None:
    """Give the agent of a worker that stands elsewhere than below `agents:`.

    Args:
        draft: takes in the findings.
        name: what the agent is called.
        value: what is written behind `worker:`, a URL or a mapping.
        at: where that stands.
        labels: the words that guarantees speak about.
        timeouts: how long it may take.
    """
    before = draft.findings.errors
    given = cast("object", WorkerOptions.from_value(value))
    if not isinstance(given, dict):
        draft.find(at, "wrong-type", f"must be an address or a mapping, not {shown(value)}")
        return None
    tree = cast("dict[str, object]", given)
    options = validate(WorkerOptions, tree, draft.positions, draft.findings, at)
    if options is not None:
        check_worker(draft, options, at)
    if options is None or draft.findings.errors > before:
        return None
    agent = Agent(
        id=name,
        kind=KIND,
        options=options,
        labels=frozenset(labels),
        price=FREE,
        price_source="free",
        timeouts=timeouts,
    )
    return replace(agent, fingerprint=agent_fingerprint(agent))


def check_worker(draft: Draft, options: WorkerOptions, at: Loc) -> None:
    """Find what is wrong with a worker.

    Args:
        draft: takes in the findings.
        options: what is written below `worker:`.
        at: where that stands.
    """
    try:
        refused_address(draft, options.url)
    except ConductorError as error:
        code = "address" if isinstance(error, _Unlisted) else "wrong-address"
        draft.find((*at, "url"), code, error.problem, error.mend)
    for key in ("input", "output"):
        schema = getattr(options, key)
        if schema is not None:
            draft.schema(schema, (*at, key))


def refused_address(draft: Draft, url: str) -> None:
    """Refuse a URL to which this policy lets nothing be sent.

    Raises:
        ConductorError: it is no address, or the policy does not list it.
    """
    address = address_of(url)
    if not allows(_allowed(draft), address):
        raise _Unlisted(
            f"the policy does not list {address}",
            mend=f"add it to `addresses:` at the top of the policy: [{address}]",
        )


class _Unlisted(ConductorError):
    """The policy does not list an address."""


def _allowed(draft: Draft) -> set[Address]:
    found: set[Address] = set()
    for entry in draft.file.addresses:
        try:
            found.add(listed(entry))
        except ConductorError:
            continue  # it has a finding of its own
    return found
