"""What a client of the proxy could write to get past the policy that answers for a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

_ELSEWHERE: Final = (
    "azure",
    "content_policy_fallback_dict",
    "context_window_fallback_dict",
    "custom_llm_provider",
    "deployment_id",
)
"""With these LiteLLM asks a provider that it finds keys for in its environment. It checks fallbacks
and addresses itself."""
_FALLBACKS: Final = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_DEEPEST: Final = 8


def escape_in(data: Mapping[str, Any]) -> str | None:
    """Give a parameter that would send a policy's request elsewhere, or None."""
    return next((name for name in _ELSEWHERE if data.get(name)), None)


def names_in(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the further models that a request names: several at once, and those to fall back to.

    >>> list(names_in({"model": "a, b", "fallbacks": ["c", {"model": "d"}]}))
    ['a', 'b', 'c', 'model', 'd']
    """
    model = data.get("model")
    if isinstance(model, str) and "," in model:
        yield from (name.strip() for name in model.split(","))
    for name in _FALLBACKS:
        yield from _texts(data.get(name), _DEEPEST)


def _texts(value: object, deeper: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif deeper and isinstance(value, Mapping):
        for key, one in cast("Mapping[object, object]", value).items():
            yield from _texts(key, deeper - 1)
            yield from _texts(one, deeper - 1)
    elif deeper and isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _texts(one, deeper - 1)
