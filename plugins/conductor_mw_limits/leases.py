"""Slots that processes lease from a shared store; those of a killed process expire.

A row holds, for each process, how many slots it has and until when. It is changed by comparing and
swapping, so that the sum is never above what there is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Final, cast

from conductor_mw import Store, StoreError

_TABLE: Final = "limits_slots"
_TRIES: Final = 50


class Leases:
    """Leases of one process.

    Args:
        store: keeps the rows.
        seconds: how long a lease holds unless it is renewed.
    """

    __slots__ = ("_process", "_rows", "_seconds", "_store")

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._process = token_hex(8)
        self._seconds = seconds
        self._rows: dict[str, bytes | None] = {}  # as they were when last seen

    def change(self, key: str, wanted: Callable[[int, int], int], *, now: float) -> int:
        """Change how many slots this process has, and renew its lease; gives how many it has then.

        Args:
            key: of which sort.
            wanted: gives how many it should have, for how many it has and how many others have.
            now: UTC seconds.

        Raises:
            StoreError: the store cannot be reached, or too many change this row at once.
        """
        seen = key in self._rows
        before = self._rows.pop(key, None)
        for _ in range(_TRIES):
            if not seen:
                before = self._store.get(_TABLE, key, now=now)
            leases = {who: one for who, one in _read(before).items() if one[1] > now}
            mine = int(leases.pop(self._process, (0, 0.0))[0])
            count = wanted(mine, int(sum(one[0] for one in leases.values())))
            if count == mine == 0:
                if not seen:
                    return 0
                seen = False  # nothing is swapped that would tell whether it is still so
                continue
            seen = False
            if count:
                leases[self._process] = (count, now + self._seconds)
            after = json.dumps(leases).encode()
            last = max((one[1] for one in leases.values()), default=now)
            if self._store.swap(_TABLE, key, before, after, now=now, expires=last + 1.0):
                if count:
                    self._rows[key] = after
                return count
        raise StoreError("too many processes change the slots of one limit at once")


def _read(row: bytes | None) -> Mapping[str, tuple[float, float]]:
    if row is None:
        return {}
    return cast("Mapping[str, tuple[float, float]]", json.loads(row))
