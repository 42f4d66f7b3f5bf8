"""`rollout:` a new version of a policy, its share of the traffic, and when it goes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from conductor_mw.errors import ConductorError, PolicyError
from conductor_mw.policy.document import RolloutEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.paid import paid_among
from conductor_mw.rules import BOOL, DOUBLE, DYN, INT, Expression, Scope, Type

if TYPE_CHECKING:
    from conductor_mw.policy.policy import Policy
    from conductor_mw.signals.paid import Paid

FIGURES: Final[dict[str, Type]] = {
    "runs": INT,
    "error_rate": DOUBLE,
    "unaccepted_rate": DOUBLE,
    "p95_ms": DOUBLE,
    "mean_dollars": DOUBLE,
}
"""What is known of each version while both are at work."""
_SCOPE: Final = Scope(
    {f"{who}.{name}": type_ for who in ("rollout", "current") for name, type_ in FIGURES.items()}
)

Beside: TypeAlias = Callable[[str], "Policy"]
"""Loads the policy of a file that is named in another one."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A new version of a policy and its share of the traffic.

    Attributes:
        policy: the new version, compiled.
        share: from 0 to 1.
        by: requests for which this has the same value go to the same version; None leaves it to
            chance.
        back_when: a condition over `rollout.*` and `current.*`; once it holds, the new version gets
            nothing any more. None never goes back.
    """

    policy: Policy
    share: float
    by: Expression | None
    back_when: Expression | None

    @property
    def canonical(self) -> object:
        """Its meaning as plain JSON."""
        by = None if self.by is None else self.by.canonical
        back = None if self.back_when is None else self.back_when.canonical
        return [self.policy.fingerprint, self.share, by, back]


def compile_rollout(
    draft: Draft, beside: Beside | None, included: Sequence[str], paid: Mapping[str, Paid]
) -> Rollout | None:
    """Give the rollout that a policy declares; findings go to the draft.

    Args:
        draft: the policy.
        beside: loads the new version; None where there is no file that could name another.
        included: the files that the policy includes.
        paid: the paid signals, by name.
    """
    entry = draft.file.rollout
    if entry is None:
        return None
    if draft.positions.place(("rollout",), key=True).file != draft.positions.file:
        draft.find(
            ("rollout",), "rollout", "a rollout belongs to the outermost file",
            "write it into the file that includes this one", key=True,
        )  # fmt: skip
        return None
    by = None if entry.by is None else draft.expression(entry.by, ("rollout", "by"), DYN)
    for name in sorted(paid_among(draft, paid, by.reads)) if by else ():
        draft.find(
            ("rollout", "by"), "rollout",
            f"it reads the signal {name!r}, and nobody is asked before the version is chosen",
            "read metadata or another signal that costs nothing",
        )  # fmt: skip
    back = None
    if entry.back_when is not None:
        back = draft.expression(entry.back_when, ("rollout", "back_when"), BOOL, _SCOPE)
    policy = _loaded(draft, entry, beside, included)
    if policy is None:
        return None
    return Rollout(policy, entry.percent / 100, by, back)


def _loaded(
    draft: Draft, entry: RolloutEntry, beside: Beside | None, included: Sequence[str]
) -> Policy | None:
    at = ("rollout", "policy")
    if beside is None:
        draft.find(
            at, "rollout", "no other version can be named here",
            "a policy that is rolled out, or has no file of its own, rolls nothing out",
        )  # fmt: skip
        return None
    try:
        policy = beside(entry.policy)
    except PolicyError as error:
        for one in error.findings:
            draft.findings.add(one.place, one.code, one.problem, one.mend, one.severity)
        return None
    except ConductorError as error:
        draft.find(at, "rollout", error.problem, error.mend)
        return None
    if policy.mode != draft.file.mode:
        draft.find(
            at, "rollout", f"the new version's mode is {policy.mode!r}, and this one's is not",
            "write the same `mode:` into both",
        )  # fmt: skip
        return None
    kept = _real(included) <= _real(policy.sources)
    if not kept:
        draft.find(
            at, "rollout", "the new version does not include what this one includes",
            "include the same files, so that what they guarantee holds for all traffic",
        )  # fmt: skip
    return policy if kept else None


def _real(files: Iterable[str]) -> set[Path]:
    return {Path(file).resolve() for file in files}
