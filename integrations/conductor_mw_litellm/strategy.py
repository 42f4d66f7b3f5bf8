"""A Router's strategy: the policy's rules name the model group, and the Router does the rest.

It saves the nested call that `conductor/<policy>` makes, and can do only what a Router can: one
agent answers each request, and whatever stands around a call stands in the provider alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from conductor_mw import (
    Agent,
    ChatLens,
    Conductor,
    ConductorError,
    ModelOptions,
    Request,
    nearest,
)

from .asking import metadata_of
from .failing import told
from .groups import groups_of
from .hop import is_group

_CHAT: Final = ChatLens()
_OF_THE_ROUTER: Final = frozenset(("metadata", "litellm_metadata", "messages", "input", "model"))
_FALLBACKS: Final = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


class ConductorStrategy:
    """Chooses the model group of each request by a policy's rules.

    Example:
        ```python
        router = litellm.Router(model_list=[...])  # with groups `small` and `large`
        ConductorStrategy(router, "conductor.yaml", models=["smart"])
        router.completion("smart", messages)  # a rule says which group answers
        ```
    """

    def __init__(
        self,
        router: Any,
        policy: str | Path | Conductor,
        *,
        models: Collection[str],
        **options: Any,
    ) -> None:
        """Take over a Router's choice.

        Args:
            router: the app's `litellm.Router`.
            policy: the path of the policy file, or a conductor that the app made. Each agent's
                `model:` is the name of one of the Router's model groups.
            models: the names for which the policy decides; all others go where they went.
            options: what else `Conductor` takes.

        Raises:
            PolicyError: the policy cannot be used as written.
            ConductorError: it says more than a Router's strategy can do.
        """
        self.conductor = policy if isinstance(policy, Conductor) else Conductor(policy, **options)
        self._router = router
        self._own: Any = router.__class__
        self._models = frozenset(models)
        self._check()
        if hasattr(router, "set_custom_routing_strategy"):
            router.set_custom_routing_strategy(self)
        else:  # what releases from 1.109 on call it
            router.register_plugin(self)

    def get_available_deployment(
        self,
        model: str,
        messages: Any = None,
        input: Any = None,
        specific_deployment: bool | None = False,
        request_kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Give a deployment of the group that the policy chose, by the Router's own means."""
        group = self._group(model, messages, request_kwargs)
        own = self._own  # the method that this one was put in the place of
        return own.get_available_deployment(
            self._router,
            model=group,
            messages=messages,
            input=input,
            specific_deployment=specific_deployment,
            request_kwargs=request_kwargs,
        )

    async def async_get_available_deployment(
        self,
        model: str,
        messages: Any = None,
        input: Any = None,
        specific_deployment: bool | None = False,
        request_kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Give a deployment of the group that the policy chose, on the running event loop."""
        group = self._group(model, messages, request_kwargs)
        own = self._own
        return await own.async_get_available_deployment(
            self._router,
            model=group,
            messages=messages,
            input=input,
            specific_deployment=specific_deployment,
            request_kwargs=request_kwargs or {},
        )

    def _group(self, model: str, messages: Any, told_beside: Mapping[str, Any] | None) -> str:
        if model not in self._models or messages is None:
            return model
        given = told_beside or {}
        native = {key: one for key, one in given.items() if key not in _OF_THE_ROUTER}
        request = Request({**native, "messages": messages}, _CHAT, metadata_of(given))
        try:
            run = self.conductor.begin(request)
            agent = self.conductor.policy.agents[run.decide().target]
            run.refuse_forbidden(agent)
        except ConductorError as error:
            raise told(error, model) from error
        return _group_of(agent)

    def _check(self) -> None:
        policy, groups = self.conductor.policy, groups_of(self._router)
        if policy.layers:
            raise ConductorError(
                f"a Router's strategy only chooses, and the policy names "
                f"`plugins: {', '.join(use.name for use in policy.layers)}`",
                where=policy.name,
                mend="Let conductor/<policy> be a deployment of the Router: there they hold.",
            )
        if policy.guarantees.never and any(
            getattr(self._router, name, None) for name in _FALLBACKS
        ):
            raise ConductorError(
                "the Router falls back by itself, past what the policy guarantees with `never`",
                where=policy.name,
                mend="Let conductor/<policy> be a deployment of the Router, or leave its fallbacks "
                "out.",
            )
        for target in {rule.target for rule in policy.rules} | {policy.default}:
            agent = policy.agents.get(target or "")
            if agent is None:
                raise ConductorError(
                    f"{target!r} is no agent, and a Router's strategy can ask one agent only",
                    where=policy.name,
                    mend="Let conductor/<policy> be a deployment of the Router: it runs flows.",
                )
            if _group_of(agent) not in groups:
                raise ConductorError(
                    f"agent {agent.id!r} names no model group of the Router",
                    where=policy.name,
                    mend=nearest(_group_of(agent), groups),
                )
            if not is_group(agent, groups):
                raise ConductorError(
                    f"the policy says more of agent {agent.id!r} than a Router's group does: "
                    f"a prompt, parameters, a timeout or the like",
                    where=policy.name,
                    mend="Say it in the Router's model_list, or let conductor/<policy> be a "
                    "deployment of the Router.",
                )


def _group_of(agent: Agent) -> str:
    options = agent.options
    return options.model if isinstance(options, ModelOptions) else agent.id
