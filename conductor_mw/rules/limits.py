"""What one condition may cost at most, so that no policy and no request can stall a process."""

from __future__ import annotations

from typing import Final

from conductor_mw.errors import EvaluationError

MAX_TEXT: Final = 16_384
"""Characters of one condition."""

MAX_DEPTH: Final = 64
"""Levels of nesting: parentheses, operators, calls, list and map literals."""

MAX_MACROS: Final = 8
"""Levels of macros inside macros."""

MAX_STEPS: Final = 100_000
"""Macro iterations of one evaluation; a long body, a growing text or list counts as several."""

MAX_PATTERN: Final = 1_000
"""Characters of one regular expression."""

MAX_PROGRAM: Final = 5_000
"""Instructions that RE2 may need for one regular expression."""

MAX_PROGRAMS: Final = 500_000
"""Instructions that RE2 may need for all regular expressions over one scope."""

MAX_VALUE_DEPTH: Final = 64
"""Levels of lists and maps in one value that is compared."""

MAX_DECISION_STEPS: Final = 400_000
"""Steps of all rules together that one decision may take."""

BODY_PER_STEP: Final = 10
"""Parts of a macro's body that one step pays for."""

SCAN_PER_STEP: Final = 256
"""Characters that one step pays for, where text is read inside a macro."""

GROWTH_PER_STEP: Final = 64
"""Characters or elements that one step pays for, where a text or a list is joined."""


class Exhausted(EvaluationError):
    """The budget of an evaluation is used up; unlike other errors, && and || do not absorb it."""


class Steps:
    """What is left of the budget of one evaluation, and of the decision it belongs to.

    >>> steps = Steps()
    >>> steps.spend(99_999)
    >>> steps.spend(2)
    Traceback (most recent call last):
        ...
    conductor_mw.rules.limits.Exhausted: more than 100,000 steps in one evaluation
      read less inside all, exists, filter and map
    """

    __slots__ = ("decision", "left")

    def __init__(self, decision: Decision | None = None) -> None:
        self.left = MAX_STEPS
        self.decision = decision

    def spend(self, count: int) -> None:
        """Take `count` steps.

        Raises:
            Exhausted: there are not so many left.
        """
        if count > self.left:
            raise Exhausted(
                f"more than {MAX_STEPS:,} steps in one evaluation",
                mend="read less inside all, exists, filter and map",
            )
        self.left -= count
        if self.decision is not None:
            self.decision.spend(count)


class Decision:
    """What is left of the budget of all conditions of one decision."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_DECISION_STEPS

    def spend(self, count: int) -> None:
        """Take `count` steps.

        Raises:
            Exhausted: there are not so many left.
        """
        if count > self.left:
            raise Exhausted(
                f"more than {MAX_DECISION_STEPS:,} steps in one decision",
                mend="read less inside all, exists, filter and map, or in fewer rules",
            )
        self.left -= count
