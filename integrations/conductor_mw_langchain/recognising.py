"""Tell which agent of a policy stands for a chat model that LangChain is about to call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from conductor_mw import Agent, ConductorError, ModelOptions, Policy, nearest

from .names import named

_CALLED: Final = {
    "amazon_bedrock": "bedrock",
    "azure": "azure_openai",
    "bedrock_converse": "bedrock",
    "mistral": "mistralai",
}
"""Providers that LangChain's traces call otherwise than `init_chat_model` does."""


class Model(NamedTuple):
    """A model as LangChain's traces tell it; either may be empty.

    Attributes:
        provider: for example `openai`.
        name: its name there, for example `gpt-4o-mini`.
    """

    provider: str
    name: str

    def __str__(self) -> str:
        return "/".join(one for one in self if one)


def model_of(metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> Model:
    """Give the model that a run is about.

    Args:
        metadata: what `on_chat_model_start` is told; `ls_provider` and `ls_model_name` are in it.
        parameters: the parameters of the call, where a class tells its model only there.
    """
    names = (metadata.get("ls_model_name"), parameters.get("model"), parameters.get("model_name"))
    name = next((one for one in names if isinstance(one, str) and one), "")
    provider: Any = metadata.get("ls_provider")
    return Model(provider if isinstance(provider, str) else "", name)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The agents of one policy, by the models that they name."""

    told: Mapping[str, str]
    known: Mapping[Model, str]

    @classmethod
    def of(cls, policy: Policy, told: Mapping[str, str]) -> Self:
        """Give the agents of a policy; of several with one model the first.

        Args:
            policy: the policy.
            told: agents by `provider/model` or by the model's name alone, as the app says; it goes
                before what is found.

        Raises:
            ConductorError: the app names an agent that the policy does not have.
        """
        for model, agent in told.items():
            if agent not in policy.agents:
                raise ConductorError(
                    f"the model {model!r} is to count as {agent!r}, which is no agent",
                    where=policy.name,
                    mend=nearest(agent, policy.agents),
                )
        known: dict[Model, str] = {}
        for one in policy.agents.values():
            for named_model in _models(one):
                known.setdefault(_alike(named_model), one.id)
        return cls(dict(told), known)

    def agent(self, model: Model) -> str | None:
        """Give the id of the agent that stands for a model, or None."""
        for name in (str(model), model.name):
            if name in self.told:
                return self.told[name]
        return self.known.get(_alike(model))


def _models(agent: Agent) -> Iterator[Model]:
    for options in (agent.options, *(one.options for one in agent.replicas)):
        if isinstance(options, ModelOptions):
            yield _named(options.model)


def _named(model: str) -> Model:
    try:
        provider, name = named(model)
    except ConductorError:  # LangChain's own lists do not have it; a class of the app's may
        before, _, after = model.partition("/")
        return Model(before, after) if after else Model("", before)
    return Model(provider.name, name)


def _alike(model: Model) -> Model:
    provider = model.provider.casefold()
    return Model(_CALLED.get(provider, provider), model.name)
