"""Let every parameter of a call reach a policy: the agent that is chosen knows which it takes.

LiteLLM refuses parameters that a provider is not known to take, and it knows nothing of a custom
one: it judges `conductor/<name>` by what it knows of an OpenAI model of that name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, Final

PROVIDER: Final = "conductor"
_OF_THE_HOST: Final = frozenset(
    (
        "additional_drop_params",
        "allowed_openai_params",
        "api_version",
        "base_model",
        "custom_llm_provider",
        "drop_params",
        "extra_headers",
        "max_retries",
        "messages",
        "model",
        "stream",
        "stream_options",
    )
)
"""What LiteLLM passes beside the parameters of the request."""
_HOME: Final = "litellm.main"
_NAME: Final = "get_optional_params"
"""Where LiteLLM makes the parameters of a call; a call may name further ones that are let through,
and only the call itself may."""


class Gate:
    """A replaced function of LiteLLM's, for as long as somebody needs it replaced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._before: Callable[..., Any] | None = None
        self._ours: Callable[..., Any] | None = None

    def open(self) -> None:
        """Let the parameters through, for this provider only, until each opener has closed."""
        module: Any = import_module(_HOME)
        with self._lock:
            self._open += 1
            if self._open == 1:
                before: Callable[..., Any] = getattr(module, _NAME)
                self._before, self._ours = before, _allowing(before)
                setattr(module, _NAME, self._ours)

    def close(self) -> None:
        """Put LiteLLM's own function back, if nobody else replaced it since."""
        module: Any = import_module(_HOME)
        with self._lock:
            self._open -= 1
            if not self._open and getattr(module, _NAME) is self._ours:
                setattr(module, _NAME, self._before)


GATE: Final = Gate()
"""The one of this process."""


def _allowing(asked: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(asked)
    def get_optional_params(*args: Any, **given: Any) -> Any:
        if given.get("custom_llm_provider") != PROVIDER:
            return asked(*args, **given)
        said = given.get("allowed_openai_params") or ()
        allowed = [*said, *(name for name in given if name not in _OF_THE_HOST)]
        made = asked(*args, **{**given, "allowed_openai_params": allowed})
        limit = given.get("max_completion_tokens")
        if limit is not None and given.get("max_tokens") is None:
            made.pop("max_tokens", None)  # LiteLLM renames it, and not every model takes that name
            made["max_completion_tokens"] = limit
        return made

    return get_optional_params
