"""What calls cost a budget once they have ended: what is known, or everything that was held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conductor_mw import Outcome

BROKEN: Final = frozenset(
    {
        "BrokenPipeError",
        "ChunkedEncodingError",
        "ConnectionAbortedError",
        "ConnectionResetError",
        "IncompleteRead",
        "ReadError",
        "RemoteDisconnected",
        "RemoteProtocolError",
        "ServerDisconnectedError",
        "WriteError",
    }
)
"""Errors of connections that stood: the request may have arrived, and its answer may be billed.
The names are those of the standard library, httpx, requests, aiohttp and urllib3."""
_DEEP: Final = 8
"""Causes that are looked at; a chain can be a ring."""


def charge_of(outcomes: Sequence[Outcome], worst: int) -> tuple[int, bool]:
    """Give what calls cost, in nano-dollars, and whether a hold is charged in full.

    Args:
        outcomes: how each call of an attempt ended; none where nobody was asked.
        worst: what one call was held for.
    """
    if len(outcomes) == 1:  # as good as always
        known = known_cost(outcomes[0])
        return (worst, True) if known is None else (known, False)
    costs = [known_cost(outcome) for outcome in outcomes]
    return sum(worst if cost is None else cost for cost in costs), None in costs


def known_cost(outcome: Outcome) -> int | None:
    """Give what a call cost in nano-dollars, or None where it may have cost all that was held.

    Only an answer that came to its end and told its tokens is known to have cost less. An error in
    the place of an answer costs nothing, unless the connection broke under it.
    """
    cost = outcome.cost
    if outcome.by:
        return 0 if cost is None else cost.nano  # a layer answered: no agent worked
    if cost is None:
        return None
    if outcome.error is not None:
        worked = cost or outcome.first_part is not None or outcome.kind == "timeout"
        return None if worked or _broke(outcome.error) else 0
    if outcome.finish == "cut":
        return None
    usage = outcome.usage
    return cost.nano if usage.output_tokens or usage.input_tokens else None


def _broke(error: BaseException) -> bool:
    """Whether a connection broke that had stood."""
    found: BaseException | None = error
    for _ in range(_DEEP):
        if found is None:
            return False
        if any(kind.__name__ in BROKEN for kind in type(found).__mro__):
            return True
        found = found.__cause__ or found.__context__
    return False
