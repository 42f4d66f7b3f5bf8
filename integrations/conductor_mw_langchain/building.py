"""Make the conductor of a LangChain shape: its agents are the app's objects, or made from names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from langchain_core.language_models import BaseChatModel

from conductor_mw import ConductorError

if TYPE_CHECKING:
    from conductor_mw import Agent, Conductor


def conductor_of(
    policy: str | Path | None,
    *,
    agents: Mapping[str, object],
    conductor: object = None,
    output_version: str | None = None,
    approvals: Any = None,
    **options: Any,
) -> Conductor:
    """Give the conductor that an app passed, or one for the policy it named.

    Args:
        policy: the path of the policy file, or the policy itself, as YAML text of several lines.
        agents: the app's objects, by agent id.
        conductor: one that is shared with other parts of the app; nothing else is said then.
        output_version: how chat models write their content, for every one of them.
        approvals: the app's own way to ask people outside a graph.
        options: what else `Conductor` takes.

    Raises:
        ConductorError: neither a policy nor a conductor is given, or both are.
    """
    from conductor_mw import Conductor  # here: importing a shape costs nothing beyond LangChain's

    if conductor is not None:
        if not isinstance(conductor, Conductor):
            raise ConductorError(
                f"`conductor=` is a {type(conductor).__name__}",
                mend="Pass a conductor_mw.Conductor, or name a file: policy=...",
            )
        if policy is not None or agents:
            raise ConductorError(
                "a conductor is given, and a policy or agents beside it",
                mend="Bind the agents where the conductor is made: Conductor(policy, agents=...).",
            )
        return conductor
    from .gates import GraphApprovals
    from .models import chat_model_of

    dressed = partial(_dressed, output_version)
    given: dict[str, Any] = {
        "agents": {name: dressed(one) for name, one in agents.items()},
        "connect": _Connecting(chat_model_of, dressed),
        "approvals": GraphApprovals(approvals),
        **{name: value for name, value in options.items() if value is not None},
    }
    if isinstance(policy, str) and "\n" in policy:
        return Conductor.from_text(policy, **given)
    if policy is None:
        raise ConductorError("there is no policy", mend='Name its file: policy="conductor.yaml".')
    return Conductor(policy, **given)


@dataclass(frozen=True, slots=True)
class Made:
    """A conductor, and what it was made of.

    LangChain makes an object anew for each call that configures one of its fields. The new one goes
    on with the same conductor, its budgets and its cache, unless it is of something else.
    """

    of: Mapping[str, Any]
    conductor: Conductor = field(compare=False)

    @classmethod
    def again(cls, earlier: Self | None, of: Mapping[str, Any]) -> Self:
        """Give the one made earlier, where it is of the same; otherwise a new one.

        Args:
            earlier: of the object that this one was copied from, or None.
            of: the arguments of `conductor_of`.
        """
        if earlier is not None and all(_same(earlier.of[name], one) for name, one in of.items()):
            return earlier
        return cls(of, conductor_of(**of))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        mine, theirs = cast("Mapping[str, Any]", one), cast("Mapping[str, Any]", other)
        return mine.keys() == theirs.keys() and all(mine[key] is theirs[key] for key in mine)
    plain = isinstance(one, str | Path | float | bool)
    return one is other or (plain and type(one) is type(other) and bool(one == other))


class _Connecting:
    """Makes a chat model for an agent, as its siblings are."""

    def __init__(
        self, make: Callable[[Agent], object | None], dressed: Callable[[Any], object]
    ) -> None:
        self._make = make
        self._dressed = dressed

    def __call__(self, agent: Agent) -> object | None:
        return self._dressed(self._make(agent))


def _dressed(output_version: str | None, bound: Any) -> Any:
    if output_version is None or not isinstance(bound, BaseChatModel):
        return bound
    return bound.model_copy(update={"output_version": output_version})
