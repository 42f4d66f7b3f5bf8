"""What every agent of a policy can do: the profile that LangChain may rely on before routing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast


def common_profile(models: Iterable[object]) -> dict[str, Any] | None:
    """Give what holds for all of these chat models.

    Args:
        models: every object that may answer.

    Returns:
        The smallest of numbers, and True only where it is True for all; a key that one of them does
        not tell is left out. None where one of them has no profile, or there is none at all.

    >>> class Model:
    ...     def __init__(self, **profile):
    ...         self.profile = profile
    >>> common_profile([Model(tool_calling=True, max_tokens=8), Model(tool_calling=False)])
    {'tool_calling': False}
    """
    profiles: list[Mapping[str, Any]] = []
    for model in models:
        found = getattr(model, "profile", None)
        if not isinstance(found, Mapping) or not found:
            return None
        profiles.append(cast("Mapping[str, Any]", found))
    if not profiles:
        return None
    keys = set(profiles[0]).intersection(*profiles[1:])
    return {
        key: one
        for key in sorted(keys)
        for one in (_least([profile[key] for profile in profiles]),)
        if one is not None
    }


def _least(values: list[Any]) -> Any:
    if all(isinstance(one, bool) for one in values):
        return all(values)
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return min(values)
    return values[0] if all(one == values[0] for one in values) else None
