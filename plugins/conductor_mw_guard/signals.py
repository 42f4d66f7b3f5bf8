"""The signals `input.pii`, `input.secrets`, `input.injection`: what a request holds, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

from conductor_mw import STRING, ConductorError, EvaluationError, Facts, Request, Signal, list_of

from .finder import BUILT_IN, Finder, Labels, standard
from .kinds import FAMILIES, Family

SHARED: Final = "input.sensitive"
_BETWEEN: Final = "\n\x1e\n"
"""Stands between messages, so that nothing is found across two of them."""
_DOCS: Final[Mapping[str, str]] = {
    "pii": "The kinds of personal data in everything that would be sent, for example email.",
    "secrets": "The kinds of keys and passwords in everything that would be sent.",
    "injection": "The signs of an injection in everything that would be sent; a weak filter.",
}


def usual(family: Family) -> frozenset[str]:
    """Give the names of a family that are looked for where the policy chooses none."""
    return frozenset(kind.name for kind in BUILT_IN if kind.family == family and kind.usual)


def labels_of(request: Request, finder: Finder) -> Labels:
    """Give the names of everything that a request would send."""
    return finder.labels(_BETWEEN.join(request.lens.pieces(request.native)))


def guard_signals(
    finder: Callable[[], Finder] = standard,
    chosen: Mapping[Family, frozenset[str]] | None = None,
) -> Iterator[Signal]:
    """Give the signals.

    Args:
        finder: gives what finds.
        chosen: the names that count, by family; the usual ones where left out.
    """
    names = {family: usual(family) for family in FAMILIES} if chosen is None else chosen

    def sensitive(facts: Facts) -> list[str]:
        # One look through the texts serves the three signals below.
        try:
            labels = labels_of(facts.request, finder())
        except ConductorError as error:
            raise EvaluationError(error.problem, mend=error.mend) from error
        return [
            f"{family}.{name}"
            for family, found in zip(FAMILIES, labels, strict=True)
            for name in found
            if name in names[family]
        ]

    yield Signal(
        SHARED,
        list_of(STRING),
        sensitive,
        doc="Everything of input.pii, input.secrets and input.injection, as `pii.email`.",
    )
    for family in FAMILIES:
        yield Signal(f"input.{family}", list_of(STRING), _of(family), doc=_DOCS[family])


def _of(family: Family) -> Callable[[Facts], list[str]]:
    begin = f"{family}."

    def read(facts: Facts) -> list[str]:
        found = cast("list[str]", facts[SHARED])
        return [name[len(begin) :] for name in found if name.startswith(begin)]

    return read
