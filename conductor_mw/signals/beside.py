"""The facts of a request together with what the steps of a flow gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from conductor_mw.errors import EvaluationError

if TYPE_CHECKING:
    from .registry import Facts


class Beside:
    """What an expression inside a flow reads: first what is known here, then the signals."""

    __slots__ = ("_facts", "_known")

    def __init__(self, facts: Facts, known: Mapping[str, object]) -> None:
        self._facts = facts
        self._known = known

    def __getitem__(self, name: str) -> object:
        """Give a fact.

        Raises:
            EvaluationError: it has no value here.
        """
        if name in self._known:
            return self._known[name]
        if name not in self._facts.signals:
            raise EvaluationError(f"there is no {name} here: nothing gave it a value")
        return self._facts[name]
