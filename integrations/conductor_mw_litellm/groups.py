"""Agents whose calls a `litellm.Router` carries out: its deployments, keys and cooldowns stay."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

from conductor_mw import Agent, ConductorError, Facts, ModelOptions, ModelSpeaker

from .gate import PROVIDER


def through(router: Any) -> Callable[[Agent], ModelSpeaker | None]:
    """Give what lets a policy's agents be answered by a Router's model groups.

    An agent whose `model:` is the name of a group is asked through the Router, once: neither its
    retries nor its fallbacks are added to those of the policy. All others go to their providers.

    Args:
        router: the app's `litellm.Router`.

    Example:
        ```python
        router = litellm.Router(model_list=[...])
        register("main", "conductor.yaml", connect=through(router))
        ```
    """

    def connect(agent: Agent) -> ModelSpeaker | None:
        options = agent.options
        if not isinstance(options, ModelOptions) or options.model not in groups_of(router):
            return None
        _refuse_policy(agent, options.model, router)
        return ModelSpeaker(agent, options.model, router)

    return connect


def _refuse_policy(agent: Agent, group: str, router: Any) -> None:
    # A Router's sync side works in threads that do not know who called, so that `guard` would see
    # no circle there.
    found: list[dict[str, Any]] = router.get_model_list(model_name=group) or []
    for one in found:
        model: str = one["litellm_params"]["model"]
        if model.startswith(f"{PROVIDER}/"):
            raise ConductorError(
                f"agent {agent.id!r} names the model group {group!r}, which is a policy itself",
                mend=f"Let the agent name another group, or `model: {model}` if that is another "
                f"policy.",
            )


def groups_of(router: Any) -> Collection[str]:
    """Give the names of a Router's model groups."""
    return set(router.get_model_names())


def cooling(router: Any) -> Callable[..., list[str]]:
    """Give a signal's function: the model groups of which every deployment cools down now.

    Example:
        ```yaml
        signals:
          cooling: {function: cooling, type: list}
        routing:
          rules:
            - {condition: "'large' in cooling", target: small}
        ```

        ```python
        register("main", "conductor.yaml", signals={"cooling": cooling(router)})
        ```
    """

    def groups(facts: Facts) -> list[str]:
        del facts
        resting = _resting(router)
        if not resting:
            return []
        deployments: list[dict[str, Any]] = router.get_model_list() or []
        awake = {one["model_name"] for one in deployments if one["model_info"]["id"] not in resting}
        asleep = {one["model_name"] for one in deployments if one["model_info"]["id"] in resting}
        return sorted(asleep - awake)

    return groups


def _resting(router: Any) -> set[str]:
    """Give the ids of the deployments that cool down."""
    handlers: Any = import_module("litellm.router_utils.cooldown_handlers")
    # Older releases call it `_get_cooldown_deployments`.
    found = getattr(handlers, "get_cooldown_deployments", None)
    found = found or handlers._get_cooldown_deployments  # noqa: SLF001 - its name before
    return set(found(litellm_router_instance=router, parent_otel_span=None))
