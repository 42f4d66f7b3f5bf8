"""Chance that nobody seeded: another one in every process, without asking the system each time."""

from __future__ import annotations

import os
from random import Random
from typing import Final
from weakref import WeakSet

_BYTES: Final = 32


class Chance(Random):
    """Numbers that differ in every process, also after a fork.

    The system's own chance is a call of the kernel for every number, which is a noticeable part of
    a decision. It seeds this one, once in each process. Whatever must not be guessed, a key or a
    signature, comes from `secrets` instead.
    """

    def __init__(self) -> None:
        super().__init__(os.urandom(_BYTES))
        _UNSEEDED.add(self)

    def __hash__(self) -> int:
        return id(self)


_UNSEEDED: Final[WeakSet[Chance]] = WeakSet()


def _begin_anew() -> None:
    """Let the child of a fork have chance of its own."""
    for one in tuple(_UNSEEDED):
        one.seed(os.urandom(_BYTES))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
