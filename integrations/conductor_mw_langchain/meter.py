"""Count the tokens of every model call inside a chain, as its own callbacks report them."""

from __future__ import annotations

import threading
from typing import Any, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig

from conductor_mw import Usage

from .reading import read_usage


class Meter(BaseCallbackHandler):
    """Adds up what model calls report, also those of threads and tasks that a chain begins.

    Attributes:
        run_inline: it is told in the caller's own thread, so nothing is missing when a chain ends.
    """

    run_inline = True

    def __init__(self) -> None:
        """Begin at zero."""
        self._lock = threading.Lock()
        self._usage = Usage()
        self._calls = self._silent = 0

    @property
    def ignore_chain(self) -> bool:
        """Whether it need not be told of chains, of which there are many."""
        return True

    @property
    def usage(self) -> Usage | None:
        """The tokens; None where no model was called, or one did not tell: then it is unknown."""
        with self._lock:
            return self._usage if self._calls and not self._silent else None

    def within(self, config: RunnableConfig) -> RunnableConfig:
        """Give a config whose callbacks, a manager of its own, tell this meter as well."""
        manager: Any = config.get("callbacks")
        if manager is None:
            return cast("RunnableConfig", {**config, "callbacks": [self]})
        manager.add_handler(self, inherit=True)
        return config

    def on_llm_start(self, *_: Any, **__: Any) -> None:
        """A model begins; it is counted when it ends."""

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        """A chat model begins; it is counted when it ends."""

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Count what a model used. One that failed in the place of an answer bills nothing."""
        usage = _usage_of(response)
        with self._lock:
            self._calls += 1
            if usage is None:
                self._silent += 1
            else:
                self._usage += usage


def _usage_of(response: LLMResult) -> Usage | None:
    found: list[Usage] = []
    for generations in response.generations:
        message: Any = getattr(generations[0], "message", None) if generations else None
        told: Any = getattr(message, "usage_metadata", None)
        if told:
            found.append(read_usage(told))
    if found:
        return sum(found, Usage())
    output: Any = response.llm_output or {}
    counted: Any = output.get("token_usage") or output.get("usage") or {}
    tokens = [counted.get(name) for name in ("prompt_tokens", "completion_tokens")]
    if all(isinstance(one, int) and one >= 0 for one in tokens):
        return Usage(*tokens)
    return None
