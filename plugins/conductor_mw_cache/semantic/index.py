"""The questions of each tenant as vectors, and which of them is nearest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float32]

MOST_PARTITIONS: Final = 256
"""Partitions whose questions are remembered; the one not asked for longest makes room."""
_BEGIN: Final = 16


class Asked(NamedTuple):
    """A question that was asked before.

    Attributes:
        frame: stands for everything around it: agent, conversation so far, tools, parameters.
        text: the question.
        key: under which its answer is kept.
    """

    frame: bytes
    text: str
    key: bytes


class Index:
    """Questions of one partition; what was asked first makes room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: list[Asked] = []
        self._next = 0
        self._vectors: Array | None = None

    def add(self, asked: Asked, vector: Array) -> None:
        """Remember a question."""
        import numpy as np

        vectors = self._vectors
        if vectors is None or vectors.shape[1] != len(vector):
            self._rows, self._next = [], 0
            vectors = np.zeros((_BEGIN, len(vector)), dtype=np.float32)
        if len(self._rows) == len(vectors) < self._most:
            more = min(len(vectors), self._most - len(vectors))
            vectors = np.concatenate([vectors, np.zeros((more, len(vector)), dtype=np.float32)])
        self._vectors = vectors
        if len(self._rows) < min(len(vectors), self._most):
            vectors[len(self._rows)] = vector
            self._rows.append(asked)
            return
        vectors[self._next] = vector
        self._rows[self._next] = asked
        self._next = (self._next + 1) % len(self._rows)

    def nearest(self, frame: bytes, vector: Array, count: int) -> list[tuple[float, Asked]]:
        """Give the nearest questions in the same frame, the nearest first."""
        import numpy as np

        if self._vectors is None or self._vectors.shape[1] != len(vector):
            return []
        near = self._vectors[: len(self._rows)] @ vector
        found: list[tuple[float, Asked]] = []
        order: list[int] = np.argsort(-near).tolist()
        for at in order:
            if self._rows[at].frame == frame:
                found.append((float(near[at]), self._rows[at]))
                if len(found) == count:
                    break
        return found


class Indexes:
    """The questions of every partition. Safe from many threads."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Index] = OrderedDict()
        self._lock: Final = threading.Lock()

    def add(self, partition: str, asked: Asked, vector: Sequence[float], most: int) -> None:
        """Remember a question of a partition."""
        unit = _unit(vector)
        with self._lock:
            index = self._of.get(partition)
            if index is None:
                index = self._of[partition] = Index(most)
                if len(self._of) > MOST_PARTITIONS:
                    self._of.popitem(last=False)
            self._of.move_to_end(partition)
            index.add(asked, unit)

    def nearest(
        self, partition: str, frame: bytes, vector: Sequence[float], count: int = 3
    ) -> list[tuple[float, Asked]]:
        """Give a partition's questions nearest to this one, with their cosines."""
        unit = _unit(vector)
        with self._lock:
            index = self._of.get(partition)
            return [] if index is None else index.nearest(frame, unit, count)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Give the cosine of two vectors.

    >>> cosine([3.0, 4.0], [3.0, 4.0])
    1.0
    """
    return float(_unit(one) @ _unit(other))


def _unit(vector: Sequence[float]) -> Array:
    import numpy as np

    given = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(given))
    return given / np.float32(length) if length else given
