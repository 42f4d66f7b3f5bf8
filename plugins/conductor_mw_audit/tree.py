"""A Merkle tree that grows: one hash stands for every record so far (RFC 6962, section 2.1).

Only the roots of the whole subtrees are kept, one for each bit of the size, so that a log of a
billion records needs thirty of them to go on.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

EMPTY: Final = sha256(b"").digest()
"""The root of a tree without leaves."""
WIDTH: Final = 32
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(record: bytes) -> bytes:
    """Give the hash of one record.

    >>> leaf_hash(b"").hex()[:8]
    '6e340b9c'
    """
    return sha256(_LEAF + record).digest()


class Tree:
    """The tree over all leaves added so far.

    Attributes:
        size: how many leaves there are.

    >>> tree = Tree()
    >>> for record in (b"a", b"b", b"c"):
    ...     tree.add(leaf_hash(record))
    >>> tree.size, tree.root().hex()[:8]
    (3, '36642e73')
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, frontier: bytes = b"") -> None:
        """Take up a tree where it stood.

        Args:
            size: its leaves.
            frontier: what `frontier` gave at that size.

        Raises:
            ValueError: the frontier does not belong to a tree of this size.
        """
        if size < 0 or len(frontier) != size.bit_count() * WIDTH:
            raise ValueError(f"{len(frontier)} bytes are no frontier of {size} leaves")
        self.size = size
        self._peaks = [frontier[at : at + WIDTH] for at in range(0, len(frontier), WIDTH)]

    @property
    def frontier(self) -> bytes:
        """The roots of the whole subtrees, the largest first: all that is needed to go on."""
        return b"".join(self._peaks)

    def add(self, leaf: bytes) -> None:
        """Add the hash of one more record."""
        peaks, size = self._peaks, self.size
        while size & 1:
            leaf = sha256(_NODE + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Give the hash of the whole tree."""
        if not self._peaks:
            return EMPTY
        *earlier, root = self._peaks
        for peak in reversed(earlier):
            root = sha256(_NODE + peak + root).digest()
        return root

    def copy(self) -> Tree:
        """Give another tree that stands where this one does."""
        return Tree(self.size, self.frontier)
