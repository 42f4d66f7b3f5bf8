"""Let the garbage collector rest while a large policy is loaded."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

LARGE: Final = 256 * 1024
"""Bytes of a policy. The collector looks at every object again and again while there are more and
more of them, and finds nothing: all of them stay. That is a third of the time of 10,000 rules."""


@contextmanager
def resting(size: int) -> Generator[None]:
    """Keep the collector off while a text of `size` bytes is loaded, if that is worth it.

    Whoever switched it off before finds it off afterwards, and threads that load at the same time
    cannot leave it off: each switches on only what was on when it began, and the last one began
    either before or after the first one ended.
    """
    if size < LARGE or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
