"""What a record keeps of a request's signals: all of them but the user's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from conductor_mw import Decision, EvaluationError, Facts, Policy, Unasked

from .plain_values import plain_value

FEW_RULES: Final = 200
"""Rules before the one that matched up to which a record says why each was passed over."""
_CLASSES: Final = ("input.pii", "input.secrets")
_QUIET: Final = (None, False, 0, 0.0, float("inf"))


@dataclass(frozen=True, slots=True)
class Kept:
    """Which signals of a policy are kept, worked out once.

    Attributes:
        names: those that are read for the record where the policy did not read them.
        live: those that change by themselves; what they say now is not what they said then.
        classes: those that say which kinds of data a request carries.
        metadata: the keys of the app's metadata that are kept whether or not a rule names them.
    """

    names: Sequence[str]
    live: Sequence[str]
    classes: Sequence[str]
    metadata: Sequence[str]

    @classmethod
    def of(cls, policy: Policy, metadata: Sequence[str]) -> Kept:
        """Give what is kept of a policy's signals."""
        shown = {name: one for name, one in policy.signals.items() if not one.content}
        return cls(
            tuple(
                name
                for name, one in shown.items()
                if not one.live and name not in policy.paid and name != "metadata"
            ),
            # The record's own time says what every `time.*` would.
            tuple(
                name
                for name, one in shown.items()
                if one.live and name not in policy.live_signals and not name.startswith("time.")
            ),
            tuple(name for name in _CLASSES if name in policy.signals),
            tuple(metadata),
        )

    def signals(
        self, facts: Facts, decision: Decision | None, person: str | None
    ) -> dict[str, object]:
        """Give the signals by name; those without a value are left out.

        Args:
            facts: the request's facts.
            decision: what says which of them were read, or None.
            person: whose data it is; records hold a pseudonym, so no signal may hold the name.
        """
        found = {name: plain_value(facts[name]) for name in self.names if _has(facts, name)}
        if decision is not None:
            found.update(decision.signals)
        app = facts.request.metadata
        named = {key: plain_value(app[key]) for key in self.metadata if key in app}
        if named:
            known = found.get("metadata")
            found["metadata"] = {**known, **named} if isinstance(known, dict) else named
        return found if person is None else _without(found, person)

    def later(self, facts: Facts) -> dict[str, object]:
        """Give the live signals that nobody read, as they are now, where they are not quiet."""
        found = {name: facts[name] for name in self.live if _has(facts, name)}
        return {name: plain_value(one) for name, one in found.items() if one not in _QUIET}

    def seen(self, facts: Facts) -> list[str]:
        """Give the kinds of data that the request carries, where signals tell them."""
        found: set[str] = set()
        for name in self.classes:
            value = facts[name] if _has(facts, name) else None
            if isinstance(value, (Mapping, list, tuple)):
                found.update(str(one) for one in cast("Iterable[object]", value))
        return sorted(found)


def _without(found: dict[str, object], person: str) -> dict[str, object]:
    named = ((name, value) for name, value in found.items() if name != person)
    return {name: _left(value, person) for name, value in named if not _is(value, person)}


def _left(value: object, person: str) -> object:
    if isinstance(value, dict):
        return _without(cast("dict[str, object]", value), person)
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        return [_left(one, person) for one in items if not _is(one, person)]
    return value


def _is(value: object, person: str) -> bool:
    return not isinstance(value, dict | list | tuple) and str(value) == person


def _has(facts: Facts, name: str) -> bool:
    try:
        facts[name]
    except (EvaluationError, Unasked):
        return False  # metadata that the app did not give, for example
    return True
