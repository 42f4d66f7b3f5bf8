"""Agents that a model group of the proxy answers for, where the key that asks may use the group.

Whoever may ask for a model that is a policy may have what the policy asks. A policy that takes over
a model was not asked for, and gives a key nothing that the key had not before.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from conductor_mw import Attempt, Failure, Io, ModelSpeaker, Part

from .access import may_use
from .hearing import heard


class Permitted(ModelSpeaker):
    """Asks a model group, and of a request that was taken over, whether its key may."""

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give the group's parts."""
        listening = heard()
        key = None if listening is None else listening.key
        # The proxy is async throughout: a sync caller is none of its requests.
        if key is not None and not await Io(
            lambda: False, aio=lambda: may_use(key, self.model, self.router)
        ):
            raise Failure(
                "policy_violation",
                f"the key that asks may not use the model group {self.model!r}",
                agent=attempt.agent,
            )
        async with aclosing(super().answer(attempt)) as parts:
            async for part in parts:
                yield part
