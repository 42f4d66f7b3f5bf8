"""Keep the conversation out of the middleware's own span, where LangChain offers that."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final


def _policy() -> Any:
    types: Any = import_module("langgraph.types")
    kind, omit = getattr(types, "TracePolicy", None), getattr(types, "omit_payload", None)
    return None if kind is None or omit is None else kind(process_inputs=omit)


TRACE_POLICY: Final[Any] = _policy()
"""The messages stand in the spans of the model calls below; None in older versions."""
