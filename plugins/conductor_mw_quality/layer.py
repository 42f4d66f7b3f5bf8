"""Score a share of the answers when their runs have ended, and watch the scores."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from conductor_mw import At, Failure, Latch, Money, Notify, Now, Random, Reply, Wait

from .purse import Purse, Taken
from .windows import Bounds, Drop, Level, Windows

if TYPE_CHECKING:
    from conductor_mw import Attempted, Part, Parts, Run, Score, Setting

    from .options import Prepared

PATH: Final = "quality:score"
"""Where its calls are recorded. No step has a name with a colon."""
_LOG: Final = logging.getLogger("conductor_mw.quality")
_PATIENCE: Final = 60.0


@dataclass(slots=True)
class _Seen:
    """An answer while it goes by."""

    parts: list[Part] = field(default_factory=list["Part"])
    whole: bool = False
    over: Latch = field(default_factory=Latch)


class Quality:
    """The layer. The windows and the money outlive a reload of the policy.

    Attributes:
        side_calls: the most calls that scoring one answer can take.
    """

    def __init__(self, prepared: Prepared, setting: Setting) -> None:
        options = prepared.options
        self.side_calls = prepared.scorer.worst_calls
        self._options = options
        self._scorer = prepared.scorer
        self._bounds = Bounds(options.alert_below, options.alert_drop, options.at_least)
        self._windows = setting.shared(
            ("quality", "windows", options.window), lambda: Windows(options.window)
        )
        self._purse: Purse | None = None
        if options.dollars is not None:
            self._purse = Purse(setting.store(), Money.of(options.dollars), options.every)

    def levels(self) -> dict[tuple[str, str], Level]:
        """Give the mean score of every agent and rule, with its interval.

        The keys are `("agent", id)` and `("rule", id)`.
        """
        return {(by, name): found for (by, name), found in self._windows.levels().items()}

    async def around_request(
        self, run: Run, proceed: Callable[[Run], Parts]
    ) -> AsyncGenerator[Part, None]:
        """Pass an answer on as it comes, and remember it where it is to be scored."""
        if not await self._chosen(run):
            async with aclosing(proceed(run)) as parts:
                async for part in parts:
                    yield part
            return
        seen = _Seen()
        run.leave(lambda: self._follow(run, seen))
        try:
            async with aclosing(proceed(run)) as parts:
                async for part in parts:
                    seen.parts.append(part)
                    # Whoever has the last part may ask for no further one.
                    seen.whole = seen.whole or bool(part.finish)
                    yield part
            seen.whole = True
        except Exception:  # to remember it, and let it go on
            seen.whole = False
            raise
        finally:
            await Notify(seen.over)

    def begin_attempt(self, attempt: Attempted) -> Coroutine[Any, Any, Taken] | None:
        """Take money for a call that scores; any other call is none of its business."""
        if self._purse is None or not attempt.path.startswith(PATH):
            return None
        return self._purse.take(attempt)

    def end_attempt(
        self, attempt: Attempted, token: Taken | None
    ) -> Coroutine[Any, Any, None] | None:
        """Settle what a call that scored has cost."""
        if self._purse is None or token is None:
            return None
        return self._purse.settle(token, attempt)

    async def _chosen(self, run: Run) -> bool:
        share = self._options.share
        if share >= 1:
            return True
        if self._options.by_run:
            return int.from_bytes(sha256(run.id.encode()).digest()[:8]) < share * 2**64
        return await Random() < share

    async def _follow(self, run: Run, seen: _Seen) -> None:
        """Score what was seen; the run has ended, and nobody waits."""
        await Wait(seen.over, _PATIENCE)
        reply = Reply("", seen.parts, None, run.outcomes_below(""))
        if not seen.whole or not reply.agent or _answered_by_a_layer(reply):
            return
        about: dict[str, str] = {"agent": reply.agent, "rule": _rule(run)}
        now = (await Now()).monotonic
        place = At(run, PATH).hidden("shadow").within(self._options.timeout, now)
        try:
            score = _sound(await self._scorer.score(run.request, reply, place))
        except Failure as failure:
            await run.tell("quality.failed", PATH, 0, **about, kind=failure.kind)
            return
        await self._scored(run, about, score)

    async def _scored(self, run: Run, about: Mapping[str, str], score: Score) -> None:
        drops: list[Drop] = []
        told: Level | None = None
        for by in ("agent", "rule"):
            level, found = self._windows.add(by, about[by], score.value, self._bounds)
            if by == self._options.by:
                told, drops = level, found
        if told is None:
            return
        scores = dict(score.scores) or {self._scorer.label: score.value}
        data = {**about, "score": score.value, "scores": scores, "level": told._asdict()}
        await run.tell("quality.scored", PATH, 0, **data)
        for drop in drops:
            await self._tell_drop(run, about[self._options.by], drop)

    async def _tell_drop(self, run: Run, name: str, drop: Drop) -> None:
        by, before = self._options.by, drop.before
        _LOG.warning(
            "the answers of %s %r have become worse: %.3f (%.3f to %.3f, %d scores)%s",
            by,
            name,
            *drop.now,
            "" if before is None else f", {before.mean:.3f} before",
        )
        data: dict[str, object] = {"by": by, "id": name, "why": drop.why}
        data["level"] = drop.now._asdict()
        data["before"] = None if before is None else before._asdict()
        await run.tell("quality.dropped", PATH, 0, **data)


def _rule(run: Run) -> str:
    rule = None if run.decision is None else run.decision.rule
    return "default" if rule is None else rule


def _answered_by_a_layer(reply: Reply) -> bool:
    """Whether a layer answered in the agent's place: a cache, with what was scored before."""
    of_agent = [one for one in reply.outcomes if one.agent == reply.agent and one.error is None]
    return bool(of_agent) and bool(of_agent[-1].by)


def _sound(score: Score) -> Score:
    value = cast("object", score.value)  # a plugin's scorer may give anything
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Failure("scorer_failed", "the scorer gave no number from 0 to 1")
    return score
