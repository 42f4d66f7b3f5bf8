"""`balance: {a: 80, b: 20}`: one of several, by weight, stable hash, in turn, or least busy."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate, count
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

from pydantic import Field

from conductor_mw.effects import Random
from conductor_mw.errors import EvaluationError
from conductor_mw.parts import Part

from .base import Flow, FlowOptions, Site
from .gives import sole_agent
from .step import Word
from .use import UseOptions

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
_LARGEST: Final = 1e9


class ShareOptions(UseOptions):
    """One of several, with its share; a prompt or parameters of its own make it a variant."""

    id: Word | None = Field(
        default=None, description="Its word in paths and records; its position without it."
    )
    share: float = Field(default=1.0, description="Its share, relative to the others'.")


class BalanceOptions(FlowOptions):
    """One of several answers each request."""

    balance: dict[str, float] | list[str | ShareOptions] = Field(
        description="Agents or flows with their shares, a list of them with equal shares, or a "
        "list of mappings with `use` and `share`."
    )
    by: By = Field(
        default="weight",
        description="`weight` by chance, `hash` the same one for the same key, `round_robin` in "
        "turn, `least_busy` the less busy of two taken by chance.",
    )
    key: str | None = Field(
        default=None, description="With `by: hash`: an expression; equal values go to the same one."
    )
    sticky: str | None = Field(
        default=None,
        description="Short for `by: hash` with this `key`, for example `metadata.conversation`.",
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        entries = _entries(self.balance)
        if not entries or sum(one.share for one in entries) <= 0:
            site.refuse("no share is above zero", "balance", mend="Give at least one share.")
        for one in entries:
            if not 0 <= one.share <= _LARGEST:
                site.refuse(f"the share of {one.name!r} is {one.share:g}", "balance", one.where,
                            mend="Write a share from 0 to 1000000000.")  # fmt: skip
        names = [one.name for one in entries]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            site.refuse(f"{twice!r} stands there twice", "balance", mend="give each its own `id:`")
        by, key = self._by(site)
        steps = tuple((one.name, one.compiled(site)) for one in entries)
        found = {name: sole_agent(step) for name, step in steps}
        agents = {name: "" if agent is None else agent.id for name, agent in found.items()}
        return Balance(steps, tuple(one.share for one in entries), by, key, agents)

    def _by(self, site: Site) -> tuple[By, Expression | None]:
        if self.sticky is not None:
            if {"by", "key"} & self.model_fields_set:
                site.refuse(
                    "`sticky:` says how already", "sticky", mend="leave `by:` and `key:` out"
                )
            return "hash", site.value(self.sticky, "sticky")
        if (self.by == "hash") != (self.key is not None):
            site.refuse(
                "`by: hash` and `key:` belong together", "key" if self.key else "by",
                mend="Write both, for example `by: hash` and `key: metadata.user`.",
            )  # fmt: skip
        return self.by, None if self.key is None else site.value(self.key, "key")


class _Entry(NamedTuple):
    """One of several: where it stands below `balance`, its word in paths, its share, and who."""

    where: str | int
    name: str
    share: float
    target: str | ShareOptions

    def compiled(self, site: Site) -> Flow:
        if isinstance(self.target, ShareOptions):
            return self.target.compiled(site, "balance", self.where)
        return site.step(self.target, "balance", self.where)


def _entries(stated: dict[str, float] | list[str | ShareOptions]) -> list[_Entry]:
    if isinstance(stated, list) and any(isinstance(one, ShareOptions) for one in stated):
        return [
            _Entry(index, one.id or str(index), one.share, one)
            if isinstance(one, ShareOptions)
            else _Entry(index, str(index), 1.0, one)
            for index, one in enumerate(stated)
        ]
    shares = stated if isinstance(stated, dict) else dict.fromkeys(cast("list[str]", stated), 1.0)
    # Sorted, so that the order of keys in the file changes nobody's place.
    return [_Entry(name, name, shares[name], name) for name in sorted(shares)]


@dataclass(frozen=True, slots=True)
class Balance:
    """Sends each request to one of its steps.

    Attributes:
        steps: who may answer, each with its word in paths.
        shares: their shares, relative to each other.
        by: how one of them is chosen.
        key: with `hash`, what is hashed.
        agents: the id of the agent that each step is, by its word; empty for a flow.
    """

    steps: Sequence[tuple[str, Flow]]
    shares: Sequence[float]
    by: By
    key: Expression | None
    agents: Mapping[str, str]
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
            turn = next(self._turns)
            chosen = self.steps[turn % len(self.steps)]
            if self._rests(chosen, at):
                healthy, _ = self._healthy(at)
                return healthy[turn % len(healthy)]
            return chosen
        if self.by == "hash" and self.key is not None:
            return self._share(await self._point(self.key, at), at)
        first = self._share(await Random(), at)
        if self.by == "weight":
            return first
        # The power of two choices: nearly as even as asking all, without their herd effect
        # (Mitzenmacher 2001, IEEE TPDS 12(10)).
        second = self._share(await Random(), at)
        busy = self._busy
        return second if busy.get(second[0], 0) < busy.get(first[0], 0) else first

    async def _point(self, key: Expression, at: At) -> float:
        try:
            value = repr(await at.evaluate(key)).encode("utf-8", "surrogatepass")
        except EvaluationError:
            return await Random()  # a request without the key has nothing to be held to
        return int.from_bytes(sha256(value).digest()[:8]) / 2**64

    def _share(self, point: float, at: At) -> tuple[str, Flow]:
        """Give the step at a point from 0 up to 1 along the shares laid end to end.

        Where that one rests, the point falls on the others' shares: they keep theirs, and whoever
        has a key finds the same one again while the state lasts.
        """
        chosen = _along(self.steps, self.shares, point)
        return _along(*self._healthy(at), point) if self._rests(chosen, at) else chosen

    def _rests(self, step: tuple[str, Flow], at: At) -> bool:
        """Whether the circuit of a step's agent is open; a flow sees to its agents itself."""
        agent = self.agents[step[0]]
        return bool(agent) and at.run.runtime.board.agent(agent).open

    def _healthy(self, at: At) -> tuple[Sequence[tuple[str, Flow]], Sequence[float]]:
        """Give the steps that do not rest, with their shares; all of them where every one does."""
        pairs = zip(self.steps, self.shares, strict=True)
        found = [(step, share) for step, share in pairs if not self._rests(step, at)]
        if not any(share for _, share in found):
            return self.steps, self.shares
        return [step for step, _ in found], [share for _, share in found]


def _along(
    steps: Sequence[tuple[str, Flow]], shares: Sequence[float], point: float
) -> tuple[str, Flow]:
    ends = list(accumulate(shares))
    index = bisect_right(ends, point * ends[-1])
    return steps[min(index, len(steps) - 1)]
