"""The row that processes share for one account: what is spent, and who has how much in hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from conductor_mw import StoreError


class Entry(NamedTuple):
    """What one process has in hand.

    Attributes:
        granted: nano-dollars that it has spent without saying so yet, holds, or may still hold.
        change: the number of its last change to the row; so it knows which of them arrived.
        until: the UTC second after which it counts as gone, and what it has as spent.
    """

    granted: int
    change: int
    until: float


@dataclass(frozen=True, slots=True)
class Row:
    """What a shared store keeps of one account.

    Attributes:
        number: goes up with every change, so that no two versions are alike.
        spent: nano-dollars that were charged.
        told: the largest share of the budget that was told as an alert.
        exhausted: whether it was told that nothing is left.
        who: the account's key as people may see it.
        entries: who has how much in hand, by process.
    """

    number: int = 0
    spent: int = 0
    told: float = -1.0
    exhausted: bool = False
    who: str = ""
    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])

    @property
    def total(self) -> int:
        """What is spent or in somebody's hands: the rest of the budget is to be had."""
        return self.spent + sum(entry.granted for entry in self.entries.values())

    def shared(self, process: str) -> bool:
        """Whether anybody else stands in the row."""
        return len(self.entries) > (process in self.entries)

    def held_by_others(self, process: str, now: float) -> tuple[int, int]:
        """Give how many other processes are at work, and what they have in hand together."""
        others = [
            entry.granted
            for name, entry in self.entries.items()
            if name != process and entry.until > now
        ]
        return len(others), sum(others)

    def without_the_gone(self, now: float, process: str) -> tuple[int, dict[str, Entry]]:
        """Give what is spent once those who are gone count, and the entries of those who are not.

        Args:
            now: the UTC second.
            process: who asks, and so is not gone.
        """
        spent, entries = self.spent, dict[str, Entry]()
        for name, entry in self.entries.items():
            if entry.until > now or name == process:
                entries[name] = entry
            else:  # it crashed, or stopped without returning anything: nobody knows what it spent
                spent += entry.granted
        return spent, entries

    def written(self) -> bytes:
        """Give the row as bytes.

        >>> row = Row(7, 120, who="acme", entries={"a1": Entry(30, 2, 60.5)})
        >>> Row.read(row.written()) == row, row.total
        (True, 150)
        """
        data = {
            "number": self.number,
            "spent": self.spent,
            "told": self.told,
            "exhausted": self.exhausted,
            "who": self.who,
            "entries": self.entries,
        }
        return json.dumps(data, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def read(cls, text: bytes) -> Row:
        """Give the row of some bytes.

        Raises:
            StoreError: they are no such row; what was spent is unknown.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            entries = {name: Entry(*entry) for name, entry in data["entries"].items()}
            return cls(
                int(data["number"]), int(data["spent"]), float(data["told"]),
                bool(data["exhausted"]), str(data["who"]), entries,
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"a budget's row in the store cannot be read: {error}",
                mend="Let every process run the same version, or delete the row.",
            ) from error
