"""`balance: {a: 80, b: 20}`: one of several, by weight, stable hash, in turn, or least busy."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate, count
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from conductor_mw.effects import Random
from conductor_mw.parts import Part

from .base import Flow, FlowOptions, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conductor_mw.request import Request
    from conductor_mw.rules import Expression

    from .base import At

By = Literal["weight", "hash", "round_robin", "least_busy"]
_LABELS: Final[Mapping[By, str]] = {
    "weight": "by weight",
    "hash": "by hash",
    "round_robin": "in turn",
    "least_busy": "least busy",
}


class BalanceOptions(FlowOptions):
    """One of several answers each request."""

    balance: dict[str, float] | list[str] = Field(
        description="Agents or flows with their shares, or a list of them with equal shares."
    )
    by: By = Field(
        default="weight",
        description="`weight` by chance, `hash` the same one for the same key, `round_robin` in "
        "turn, `least_busy` the less busy of two taken by chance.",
    )
    key: str | None = Field(
        default=None, description="With `by: hash`: an expression; equal values go to the same one."
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        shares = (
            self.balance if isinstance(self.balance, dict) else dict.fromkeys(self.balance, 1.0)
        )
        if not shares or sum(shares.values()) <= 0:
            site.refuse("no share is above zero", "balance", mend="Give at least one share.")
        for name, share in shares.items():
            if not 0 <= share <= 1e9:
                site.refuse(f"the share of {name!r} is {share:g}", "balance", name,
                            mend="Write a share from 0 to 1000000000.")  # fmt: skip
        if (self.by == "hash") != (self.key is not None):
            site.refuse(
                "`by: hash` and `key:` belong together", "key" if self.key else "by",
                mend="Write both, for example `by: hash` and `key: metadata.user`.",
            )  # fmt: skip
        key = None if self.key is None else site.value(self.key, "key")
        # Sorted, so that the order of keys in the file changes nobody's place.
        names = sorted(shares)
        steps = tuple((name, site.step(name, "balance", name)) for name in names)
        return Balance(steps, tuple(shares[name] for name in names), self.by, key)


@dataclass(frozen=True, slots=True)
class Balance:
    """Sends each request to one of its steps."""

    steps: Sequence[tuple[str, Flow]]
    shares: Sequence[float]
    by: By
    key: Expression | None
    _turns: Iterator[int] = field(default_factory=count, compare=False, repr=False)
    _busy: dict[str, int] = field(default_factory=dict[str, int], compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @property
    def label(self) -> str:
        """How it chooses, for example `by hash`."""
        return _LABELS[self.by]

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps with their shares in percent."""
        total = sum(self.shares)
        return tuple(
            (f"{100 * share / total:.3g} %", step)
            for (_, step), share in zip(self.steps, self.shares, strict=True)
        )

    @property
    def worst_calls(self) -> int:
        """The dearest step."""
        return max(step.worst_calls for _, step in self.steps)

    @property
    def canonical(self) -> object:
        """Names are sorted already; shares count relative to each other."""
        total = sum(self.shares)
        steps: list[Any] = [
            [name, share / total, step.canonical]
            for (name, step), share in zip(self.steps, self.shares, strict=True)
        ]
        return ["balance", self.by, None if self.key is None else self.key.canonical, steps]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the chosen step's parts."""
        name, step = await self._choose(at)
        with self._lock:
            self._busy[name] = self._busy.get(name, 0) + 1
        try:
            async with aclosing(step.answer(request, at.into(f"balance/{name}"))) as parts:
                async for part in parts:
                    yield part
        finally:
            with self._lock:
                self._busy[name] -= 1

    async def _choose(self, at: At) -> tuple[str, Flow]:
        if self.by == "round_robin":
            return self.steps[next(self._turns) % len(self.steps)]
        if self.by == "hash" and self.key is not None:
            value = repr(self.key.evaluate(at.run.facts)).encode()
            return self._share(int.from_bytes(sha256(value).digest()[:8]) / 2**64)
        first = self._share(await Random())
        if self.by == "weight":
            return first
        # The power of two choices: nearly as even as asking all, without their herd effect
        # (Mitzenmacher 2001, IEEE TPDS 12(10)).
        second = self._share(await Random())
        busy = self._busy
        return second if busy.get(second[0], 0) < busy.get(first[0], 0) else first

    def _share(self, point: float) -> tuple[str, Flow]:
        """Give the step at a point from 0 up to 1 along the shares laid end to end."""
        ends = list(accumulate(self.shares))
        index = bisect_right(ends, point * ends[-1])
        return self.steps[min(index, len(self.steps) - 1)]
