"""The scopes of a policy's flows: what may be read at one place of a flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conductor_mw.policy.draft import Draft
from conductor_mw.rules import Scope
from conductor_mw.rules.types import Type

MAX_FACTS: Final = 500_000
"""Names in all scopes together; each takes some hundred bytes while a policy is compiled."""
_FEW: Final = 64


class Scopes:
    """Makes scopes, one object for the same names.

    They stay alive as long as this object does, so that an id means one scope.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._made: dict[object, tuple[Mapping[str, Type], Scope]] = {}
        self._facts = 0

    def of(self, names: Mapping[str, Type]) -> Scope | None:
        """Give the scope of the request's signals and these names; None where there are too many.

        Args:
            names: the further facts; the mapping must not change any more.
        """
        # Comparing many names costs more than a second scope for the same ones.
        key: object = tuple(names.items()) if len(names) <= _FEW else id(names)
        found = self._made.get(key)
        if found is None:
            self._facts += len(names)
            if self._facts > MAX_FACTS:
                return None
            base = self._draft.scope
            first = {name.partition(".")[0] for name in names}
            absent = {name: why for name, why in base.absent.items() if name not in first}
            found = names, Scope({**base.facts, **names}, base.eager, absent)
            self._made[key] = found
        return found[1]
