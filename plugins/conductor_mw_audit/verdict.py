"""What was found of a log: record by record where that can be said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_MOST: Final = 100
"""Findings that are told one by one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        first: the number of the first record it concerns, or 0 where it is none.
        last: the number of the last one.
        problem: what is wrong.
    """

    first: int
    last: int
    problem: str

    def __str__(self) -> str:
        if not self.first:
            return self.problem
        if self.first == self.last:
            return f"record {self.first}: {self.problem}"
        return f"records {self.first} to {self.last}: {self.problem}"


@dataclass(slots=True)
class Verdict:
    """What was found of a whole log.

    Attributes:
        log: its id.
        size: how many records it ever had.
        pruned: how many of them were dropped by `prune`.
        root: the hash over all of them, as worked out from what is there.
        checkpoints: how many were compared.
        outside: how many of those were kept outside the log.
        signed: whether a signature vouches for them.
        findings: what is wrong, in the order of the records.
        more: how many findings are not told.
    """

    log: str = ""
    size: int = 0
    pruned: int = 0
    root: bytes = b""
    checkpoints: int = 0
    outside: int = 0
    signed: bool = False
    findings: list[Finding] = field(default_factory=list[Finding])
    more: int = 0

    def to_dict(self) -> dict[str, object]:
        """Give what was found as plain JSON."""
        return {
            "log": self.log,
            "fine": not self.findings,
            "size": self.size,
            "pruned": self.pruned,
            "root": self.root.hex(),
            "checkpoints": self.checkpoints,
            "outside": self.outside,
            "signed": self.signed,
            "findings": [
                {"first": one.first, "last": one.last, "problem": one.problem}
                for one in self.findings
            ],
            "more": self.more,
        }

    def find(self, first: int, last: int, problem: str) -> None:
        """Keep a finding."""
        if len(self.findings) < _MOST:
            self.findings.append(Finding(first, last, problem))
        else:
            self.more += 1
