"""Keep a layer of one file from saying less to the guarantees of the files under it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from conductor_mw.policy.draft import Draft
from conductor_mw.policy.guarantees import Guarantees


def check_signals_kept(
    draft: Draft, guarantees: Guarantees, lower: Mapping[str, frozenset[str]]
) -> None:
    """Refuse a layer whose signals find less, where a guarantee of a lower file reads them.

    Args:
        draft: takes in the findings.
        guarantees: every guarantee.
        lower: the files that lie under each file.
    """
    for name, use in draft.layers.items():
        narrowed = _narrowed(draft, use.options)
        if not narrowed:
            continue
        below = lower.get(draft.positions.place(("plugins", name), key=True).file, frozenset())
        for never in guarantees.never:
            lost = sorted(narrowed & _read(draft, never.when.reads))
            if lost and never.place.file in below:
                draft.find(
                    ("plugins", name),
                    "overlay",
                    f"with these options {lost[0]!r} tells less, and a guarantee of "
                    f"{never.place.file} reads it",
                    "let that file name the layer",
                    key=True,
                )
                break


def _narrowed(draft: Draft, options: object) -> frozenset[str]:
    """Give the signals that say less with a layer's options than without the layer."""
    give = getattr(options, "signals", None)
    if give is None:
        return frozenset()
    narrowed: Iterable[str] | None = getattr(options, "narrowed", None)
    names = (one.name for one in give()) if narrowed is None else narrowed
    return frozenset(names).intersection(draft.plugins.signals.names)


def _read(draft: Draft, reads: Collection[str]) -> frozenset[str]:
    """Give what is read, also by way of the policy's own signals."""
    found = set(reads)
    waiting = list(found)
    while waiting:
        entry = draft.file.signals.get(waiting.pop())
        text = (entry.expr if entry is not None else None) or ""
        fresh = {
            name for name in (*draft.plugins.signals.names, *draft.file.signals) if name in text
        }
        waiting.extend(fresh - found)
        found |= fresh
    return frozenset(found)
