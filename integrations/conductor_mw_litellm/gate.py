"""Let every parameter of a call reach a policy: the agent that is chosen knows which it takes.

LiteLLM refuses parameters that a provider is not known to take, and it knows nothing of a custom
one: `reasoning_effort`, `thinking` and `verbosity` would never arrive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, Final

PROVIDER: Final = "conductor"
FURTHER: Final = ("reasoning_effort", "thinking", "user", "verbosity")
"""What LiteLLM does not pass on to a custom provider by itself."""
_HOME: Final = "litellm.main"
_NAME: Final = "get_optional_params"
"""Where LiteLLM makes the parameters of a call; a call may name further ones that are let through,
and only the call itself may."""

_LOCK: Final = threading.Lock()
_BEFORE: Final[list[Callable[..., Any]]] = []


def open_gate() -> None:
    """Let the parameters through, for this provider only; doing so again changes nothing."""
    with _LOCK:
        if not _BEFORE:
            module: Any = import_module(_HOME)
            _BEFORE.append(getattr(module, _NAME))
            setattr(module, _NAME, _allowing(_BEFORE[0]))


def close_gate() -> None:
    """Put LiteLLM's own function back."""
    with _LOCK:
        while _BEFORE:
            setattr(import_module(_HOME), _NAME, _BEFORE.pop())


def _allowing(asked: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(asked)
    def get_optional_params(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("custom_llm_provider") == PROVIDER:
            said = kwargs.get("allowed_openai_params") or ()
            kwargs["allowed_openai_params"] = [*said, *FURTHER]
        return asked(*args, **kwargs)

    return get_optional_params
