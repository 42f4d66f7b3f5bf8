"""Check what a policy says about workers: where they are, and what they take and give."""

from __future__ import annotations

from conductor_mw.agents.worker import WorkerOptions
from conductor_mw.errors import ConductorError
from conductor_mw.json_schema import compile_schema
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.tree import Loc
from conductor_mw.workers.addresses import Address, address_of, allows, listed


def compile_addresses(draft: Draft) -> tuple[str, ...]:
    """Give the addresses that the policy lists, in one order; findings go to the draft."""
    found: set[str] = set()
    for position, entry in enumerate(draft.file.addresses):
        try:
            found.add(str(listed(entry)))
        except ConductorError as error:
            draft.find(("addresses", position), "wrong-address", error.problem, error.mend)
    return tuple(sorted(found))


def check_worker(draft: Draft, options: WorkerOptions, at: Loc) -> None:
    """Find what is wrong with a worker.

    Args:
        draft: takes in the findings.
        options: what is written below `worker:`.
        at: where that stands.
    """
    try:
        address = address_of(options.url)
    except ConductorError as error:
        draft.find((*at, "url"), "wrong-address", error.problem, error.mend)
    else:
        if not allows(_allowed(draft), address):
            draft.find(
                (*at, "url"),
                "address",
                f"the policy does not list {address}",
                f"add it to `addresses:` at the top of the policy: [{address}]",
            )
    for key in ("input", "output"):
        schema = getattr(options, key)
        if schema is None:
            continue
        try:
            compile_schema(schema)
        except ConductorError as error:
            draft.find((*at, key), "schema", error.problem, error.mend)


def _allowed(draft: Draft) -> set[Address]:
    found: set[Address] = set()
    for entry in draft.file.addresses:
        try:
            found.add(listed(entry))
        except ConductorError:
            continue  # it has a finding of its own
    return found
