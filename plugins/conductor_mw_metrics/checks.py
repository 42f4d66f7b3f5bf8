"""Read and hold conditions such as `p95_ms < 3000`: a name, a comparison, a number."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from conductor_mw import ConductorError, nearest

from .figures import FIGURES, Counted

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_CHECK: Final = re.compile(
    r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(<=|>=|==|!=|<|>)\s*([+-]?[0-9]{1,15}(?:\.[0-9]{1,12})?)\s*"
)
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on a figure."""

    name: str
    comparison: str
    number: float

    @classmethod
    def of(cls, text: str) -> Check:
        """Give the condition that a text says.

        Raises:
            ConductorError: it says none; the message shows what to write.

        >>> Check.of("p95_ms<3000")
        Check(name='p95_ms', comparison='<', number=3000.0)
        """
        found = _CHECK.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None:
            raise ConductorError(
                f"{text[:80]!r} is no check",
                where="--check",
                mend='write a name, a comparison and a number: "p95_ms < 3000"',
            )
        name, comparison, number = found.groups()
        if name not in FIGURES:
            raise ConductorError(
                f"there is no figure {name[:80]!r}",
                where="--check",
                mend=nearest(name, FIGURES),
            )
        return cls(name, comparison, float(number))

    def __str__(self) -> str:
        return f"{self.name} {self.comparison} {self.number:.12g}"

    def held(self, counted: Counted) -> Held:
        """Say whether it holds. What nothing is known of does not."""
        value = FIGURES[self.name].value(counted)
        holds = value is not None and _COMPARISONS[self.comparison](value, self.number)
        return Held(self, value, holds)


@dataclass(frozen=True, slots=True)
class Held:
    """A condition and what was found."""

    check: Check
    value: float | None
    holds: bool

    def to_json(self) -> dict[str, object]:
        """Give it as plain JSON."""
        return {"check": str(self.check), "value": self.value, "holds": self.holds}
