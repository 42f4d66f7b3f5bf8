"""A corner of the cache where a host keeps answers of its own making, apart from those of runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Self

from conductor_mw import ConductorError, Instant, Run, StoreError

from .admission import is_personal
from .canonical import NotPlainError
from .kept import Kept
from .partition import digest_of
from .question import Question

if TYPE_CHECKING:
    from .layer import Cache

_MARK: Final = 16
"""Bytes with which every key of a corner begins."""


@dataclass(frozen=True, slots=True)
class Corner:
    """What one host keeps for one tenant. The policy's options hold here as everywhere.

    Attributes:
        cache: the layer.
        partition: whose answers these are.
        mark: what the keys of this host's answers begin with.
    """

    cache: Cache
    partition: str
    mark: bytes

    @classmethod
    def of(cls, cache: Cache, host: str, tenant: object, user: object) -> Self:
        """Give a corner; see `Cache.corner`."""
        scope, whose = cache.prepared.options.scope, cache.prepared.partitions
        for name, given, needed in (
            ("tenant", tenant, whose.tenant is not None),
            ("user", user, whose.user is not None),
        ):
            if given == "" or (given is None and needed):
                raise ConductorError(
                    f"the cache of this policy keeps the answers of every {name} apart, "
                    f"and no {name} is given",
                    mend=f"Give the {name}, or write `scope: shared` in the policy where "
                    f"everybody may get everybody's answers.",
                )
        if tenant is not None or user is not None:
            scope = "user" if user is not None else "tenant"
        try:
            partition = digest_of(scope, tenant, user)
        except NotPlainError as error:
            raise ConductorError("a tenant or user is plain data", mend="Give a text.") from error
        mark = sha256(f"{host}.{partition}".encode()).digest()[:_MARK]
        return cls(cache, partition, mark)

    @property
    def at_hand(self) -> bool:
        """Whether nobody waits for what is kept here; else async callers ask in a thread."""
        return self.cache.shelf.at_hand

    def find(self, key: bytes) -> str | None:
        """Give what is kept under a key, or None. A store that is down has nothing."""
        question = self._question(key)
        if question.ttl <= 0:
            return None
        try:
            kept = self.cache.shelf.find(question, self.cache.clock.now())
        except StoreError as error:
            self.cache.tell("cache.down", problem=error.problem)
            return None
        return None if kept is None else kept.text

    def keep(
        self,
        key: bytes,
        value: str,
        *,
        tool_calls: bool = False,
        run: Callable[[], Run] | None = None,
    ) -> bool:
        """Keep something under a key for as long as the policy says.

        Args:
            key: stands for everything that shapes the answer.
            value: the answer.
            tool_calls: whether it calls tools; such answers are kept where the policy says so.
            run: gives a run of what is asked; the policy may keep no personal data.

        Returns:
            Whether it is kept.
        """
        question, prepared = self._question(key), self.cache.prepared
        if question.ttl <= 0 or (tool_calls and not question.tool_calls):
            return False
        if prepared.personal and (run is None or is_personal(prepared, run())):
            return False
        now: Instant = self.cache.clock.now()
        kept = Kept(value, "", (), None, "stop", now.utc)
        try:
            self.cache.shelf.hold(question, kept, now)
        except StoreError as error:
            self.cache.tell("cache.down", problem=error.problem)
            return False
        return True

    def forget(self) -> int:
        """Forget everything that is kept here, and give how much it was. Raises `StoreError`."""
        return self.cache.shelf.forget(self.partition, self.mark, self.cache.clock.now())

    def _question(self, key: bytes) -> Question:
        options = self.cache.prepared.options
        digest = sha256(key).digest()
        return Question(self.mark + digest, self.partition, options.ttl, options.tool_calls)
