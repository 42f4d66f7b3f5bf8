"""A routing policy where a LangChain app has a model, an agent or a chain.

A name is loaded when it is first used: `import conductor_mw_langchain` loads no LangChain.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from .variables import POLICY

if TYPE_CHECKING:
    from .cache import ConductorCache
    from .callbacks import ConductorCallbackHandler
    from .chat_model import ConductorChatModel
    from .middleware import ConductorMiddleware
    from .models import chat_model_of
    from .runnable import ConductorRunnable

_HOMES: Final = {
    "ConductorCache": "cache",
    "ConductorCallbackHandler": "callbacks",
    "ConductorChatModel": "chat_model",
    "ConductorMiddleware": "middleware",
    "ConductorRunnable": "runnable",
    "chat_model_of": "models",
}
_EXTRAS: Final = {
    "langchain_core": "langchain",
    "langchain": "langchain-agents",
    "langgraph": "langchain-agents",
}
"""Which extra brings a package that is missing."""

__all__ = [
    "ConductorCache",
    "ConductorCallbackHandler",
    "ConductorChatModel",
    "ConductorMiddleware",
    "ConductorRunnable",
    "chat_model_of",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value: object = getattr(import_module(f".{home}", __name__), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRAS:
            raise
        mend = f"pip install 'conductor-mw[{_EXTRAS[missing]}]'"
        raise ImportError(f"{name} needs {missing!r}: {mend}", name=missing) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if os.environ.get(POLICY) and find_spec("langchain_core") is not None:
    from .environment import attach

    attach()
