"""Copies of the app's chat models whose runs name their agent, and hide what nobody shall see.

A tag that `with_config` sets is lost when `create_agent` binds the tools; one of the model's own is
kept.
"""

from __future__ import annotations

from typing import Final

from langchain_core.language_models import BaseChatModel

from conductor_mw_langchain.child import HIDDEN, TAG

_MOST: Final = 1024
"""Copies that are remembered; a policy has an agent's model once or twice."""


class Copies:
    """The copies, made once for each agent and model. Safe from many threads at once."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[tuple[str, int, bool], tuple[BaseChatModel, BaseChatModel]] = {}

    def of(self, model: BaseChatModel, agent: str, *, hidden: bool) -> BaseChatModel:
        """Give a model's copy.

        Args:
            model: the model.
            agent: the id of the agent that it answers for.
            hidden: whether its tokens must not be streamed to anybody.
        """
        key = (agent, id(model), hidden)
        found = self._made.get(key)
        if found is None or found[0] is not model:
            tags = [*(model.tags or ()), TAG + agent, *([HIDDEN] if hidden else ())]
            found = model, model.model_copy(update={"tags": tags})
            if len(self._made) >= _MOST:
                self._made.clear()
            self._made[key] = found  # it holds the model, so that its id stays its own
        return found[1]
