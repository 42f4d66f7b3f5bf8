"""Mark calls that a policy makes itself, so that a handler beside it does not count them again.

A tag would do in a trace, but an app, or what a user typed, can set a tag.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

CONDUCTED: Final[ContextVar[bool]] = ContextVar("conductor_mw_langchain.conducted", default=False)
"""Whether a conductor makes the calls in this context; a run's context is its own."""
