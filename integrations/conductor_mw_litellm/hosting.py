"""The proxy that this process is, if it is one: its Router, and agents that it answers for."""

from __future__ import annotations

import sys
from typing import Any, Final

from conductor_mw import Agent

from .gate import PROVIDER
from .groups import through
from .permitted import Permitted

_SERVER: Final = "litellm.proxy.proxy_server"


def router_of_the_proxy() -> Any:
    """Give the proxy's Router; None where this process is no proxy, or has no models yet."""
    return getattr(sys.modules.get(_SERVER), "llm_router", None)


def through_the_proxy(agent: Agent) -> object | None:
    """Let the proxy's model groups answer for agents whose `model:` is the name of one."""
    router = router_of_the_proxy()
    speaker = None if router is None else through(router)(agent)
    return None if speaker is None else Permitted(speaker.agent, speaker.model, router)


def group_named(router: Any, model: str) -> str:
    """Give the model group that a name leads to; ids and models of deployments are names too."""
    if model in router.get_model_names():
        return model
    found: list[dict[str, Any]] = router.get_model_list() or []
    for one in found:
        if model in (one["model_info"]["id"], one["litellm_params"]["model"]):
            return str(one["model_name"])
    return model


def policies_behind(router: Any, group: str) -> set[str]:
    """Give the names of the policies that a model group asks."""
    return {
        model.removeprefix(f"{PROVIDER}/")
        for model in models_of(router, group)
        if model.startswith(f"{PROVIDER}/")
    }


def models_of(router: Any, group: str) -> list[str]:
    """Give the model of each deployment of a group."""
    found: list[dict[str, Any]] = router.get_model_list(model_name=group) or []
    return [one["litellm_params"]["model"] for one in found]


def group_of_policy(router: Any, policy: str) -> str | None:
    """Give the first model group that asks a policy and nobody else, by its name."""
    for group in sorted(router.get_model_names()):
        if set(models_of(router, group)) == {f"{PROVIDER}/{policy}"}:
            return str(group)
    return None
