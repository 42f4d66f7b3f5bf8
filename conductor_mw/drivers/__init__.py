"""Carry out what a flow asks for: `stream` for sync callers, `astream` for async callers.

This is the only package that knows two colours. Every step of a run, and every effect it asks for,
happens in one context that was copied when the run began: a web server may ask for each part from
another thread, and a layer that sets a context variable must find it again, and must not leave it
behind in the caller.
"""

from .aio import AsyncDriver, astream
from .background import Background
from .host import Host
from .sync import SyncDriver, stream

__all__ = ["AsyncDriver", "Background", "Host", "SyncDriver", "astream", "stream"]
