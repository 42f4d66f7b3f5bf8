"""Attach a policy to every LangChain call of the process, by an environment variable alone."""

from __future__ import annotations

import atexit
import os
import threading
from contextvars import ContextVar
from typing import Any, Final

from langchain_core.tracers.context import register_configure_hook

from conductor_mw import ConductorError

from .attending import Attending
from .building import conductor_of
from .variables import POLICY, UNKNOWN

_HANDLER: Final[ContextVar[Any]] = ContextVar("conductor_mw_langchain.handler", default=None)
_LOCK: Final = threading.RLock()
ATTENDED: Final[dict[str, Attending]] = {}
"""What every handler of the process shares, by the path of its policy."""


def attach() -> None:
    """Let LangChain make our handler for every run while the variable is set."""
    from .callbacks import ConductorCallbackHandler

    register_configure_hook(_HANDLER, True, ConductorCallbackHandler, POLICY)


def attending() -> Attending:
    """Give what every handler of the process shares; made when first needed.

    Raises:
        ConductorError: the environment names no policy, or one that cannot be used.
    """
    path = os.environ.get(POLICY, "")
    with _LOCK:
        found = ATTENDED.get(path)
        if found is None:
            found = ATTENDED[path] = _made(path)
            atexit.register(found.close)
    return found


def _made(path: str) -> Attending:
    if not path:
        raise ConductorError(
            "there is no policy",
            mend=f'Name its file: ConductorCallbackHandler("conductor.yaml"), or set {POLICY}.',
        )
    unknown = os.environ.get(UNKNOWN, "refuse")
    if unknown not in ("refuse", "allow"):
        raise ConductorError(
            f"{UNKNOWN} is {unknown[:40]!r}", mend="Say `refuse` (the default) or `allow`."
        )
    return Attending(
        conductor_of(path, agents={}),
        models={},
        unknown="allow" if unknown == "allow" else "refuse",
    )
