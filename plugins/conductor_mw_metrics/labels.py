"""Give the values of labels, and keep a label with endless values from filling the tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from conductor_mw import EvaluationError, Expression, Facts, Unasked

from .tally import OTHER, Labels

NOTHING: Final = "(none)"
"""The value of a label that a request does not have."""

FAULTY: Final = "(fault)"
"""The value of a label whose signal broke."""

_LOG: Final = logging.getLogger("conductor_mw.metrics")
_LONGEST: Final = 80
_COMBINATIONS: Final = 10
"""Labels together may have so many times `most_values` combinations."""


class Labelling:
    """Gives requests their labels."""

    def __init__(
        self,
        labels: Sequence[tuple[str, Expression]],
        most_values: int,
        overflowed: Callable[[], None],
    ) -> None:
        """Begin with no value known.

        Args:
            labels: names and expressions.
            most_values: the most values of each that are told apart.
            overflowed: called where a value becomes `(other)`.
        """
        self._overflowed = overflowed
        self._labels = tuple((name, expression, set[str]()) for name, expression in labels)
        self._most = most_values
        self._known: dict[Labels, Labels] = {}

    def of(self, facts: Facts) -> Labels:
        """Give the labels of a request."""
        if not self._labels:
            return ()
        found = tuple([(name, _text(expression, facts)) for name, expression, _ in self._labels])
        return self._known.get(found) or self._new(found)

    def _new(self, found: Labels) -> Labels:
        """Give labels that were not seen before, with `(other)` for what is too many."""
        allowed = tuple(
            (name, self._told_apart(value, seen))
            for (name, value), (_, _, seen) in zip(found, self._labels, strict=True)
        )
        if allowed not in self._known and len(self._known) >= self._most * _COMBINATIONS:
            allowed = tuple((name, OTHER) for name, _ in found)
        if allowed != found:
            self._overflowed()
        self._known[allowed] = allowed
        return allowed

    def _told_apart(self, value: str, seen: set[str]) -> str:
        if value not in seen:
            if len(seen) >= self._most:
                return OTHER
            seen.add(value)
        return value


def _text(expression: Expression, facts: Facts) -> str:
    try:
        value = expression.evaluate(facts)
    except (EvaluationError, Unasked):
        return NOTHING
    except Exception:  # noqa: BLE001 - logged: an app's broken function costs a label, no answer
        _LOG.exception("a label could not be read")
        return FAULTY
    if value.__class__ is str:
        found = str(value)
    elif value is None:
        return NOTHING
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, (str, int, float)):
        found = str(value)
    else:
        return f"({type(value).__name__})"
    return found[:_LONGEST] or NOTHING
