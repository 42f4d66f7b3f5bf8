"""Policies and agents drawn at random: nested strategies, and agents that do as they like."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from conductor_mw import Failure, Usage
from conductor_mw.effects import Attempt, Io, Sleep
from conductor_mw.errors import FAILURE_KINDS
from conductor_mw.parts import Part

AGENTS: Final = ("a", "b", "c", "d")
CLASSIFIER: Final = "classifier"
JUDGE: Final = "judge"
SAYINGS: Final = (
    "yes", "no", "billing", "tech", "A rather long answer that says a lot.",
    '{"items": ["x", "y"]}', '{"items": []}', "7", '{"grade": 9, "reason": "fine"}',
    "I'm sorry, but I can't help with that.",
)  # fmt: skip
_CONDITIONS: Final = st.sampled_from(
    ("input.chars > 3", "topic == 'billing'", "!hard", "true", "false", "topic == 'tech' || hard")
)
_ACCEPTS: Final = st.sampled_from(
    ("answer.chars > 4", "answer.text == 'yes'", "false", "true", "!hard", "topic != 'tech'")
)
_SCORES: Final[st.SearchStrategy[Any]] = st.sampled_from(
    (
        "not_refusal",
        {"length": {"min": 4}},
        {"judge": JUDGE, "rubric": "Is it good?"},
        {"judge": JUDGE, "rubric": "Is it good?", "votes": 3, "tries": 2},
        ["not_refusal", {"judge": "a", "rubric": "Is it short?"}],
    )
)
_KINDS: Final = st.lists(st.sampled_from(FAILURE_KINDS), min_size=1, max_size=6, unique=True)
_PLAN: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"items": {"type": "array"}},
    "required": ["items"],
}


class Wild:
    """An agent that answers, fails, dawdles or breaks off, by a seed.

    Attributes:
        begun: how many calls were made.
        ended: how many of them were closed.
        reported: the tokens that were told.
    """

    def __init__(self, seed: int, fails: float, sayings: tuple[str, ...] = SAYINGS) -> None:
        self.begun = 0
        self.ended = 0
        self.reported = Usage()
        self._seed = seed
        self._fails = fails
        self._sayings = sayings
        self._lock = threading.Lock()

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        with self._lock:
            self.begun += 1
            dice = Random(f"{self._seed} {self.begun}")
        try:
            await _dawdle(dice.randrange(4))
            await Sleep(dice.choice((0.0, 0.0, 0.1, 2.0)))
            if dice.random() < self._fails:
                raise Failure(dice.choice(FAILURE_KINDS), "wild")
            saying = dice.choice(self._sayings)
            words = saying.split(" ") if attempt.request.stream else [saying]
            for word in words:
                yield Part(word)
                await _dawdle(dice.randrange(2))
                if dice.random() < 0.03:
                    raise ConnectionError("broke off")
            usage = Usage(dice.randrange(9), dice.randrange(9))
            with self._lock:
                self.reported += usage
            yield Part(usage=usage, finish="stop")
        finally:
            with self._lock:
                self.ended += 1


async def _dawdle(times: int) -> None:
    async def pause() -> None:
        for _ in range(times):
            await asyncio.sleep(0)

    await Io(lambda: None, pause)


def _targets(inner: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(inner, min_size=1, max_size=most)


def _with(
    fixed: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(fixed, optional=optional)


def _step(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return _with(
        {"use": inner},
        retry=st.integers(0, 2),
        timeout=st.just("1s"),
        accept=_ACCEPTS,
        score=_SCORES,
        shadow=st.sampled_from(AGENTS),
    )


def _sequence(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    step = _with(
        {"use": inner},
        when=_CONDITIONS,
        on_failure=st.sampled_from(("fail", "continue", "skip_rest")),
        undo=st.sampled_from(AGENTS),
        retry=st.integers(0, 1),
    )
    return st.fixed_dictionaries({"sequence": st.lists(step, min_size=1, max_size=3)})


def _for_each(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fan = _with(
        {"for_each": st.just("{PLAN.items}"), "use": inner, "max": st.integers(1, 3)},
        beyond=st.just("cut"),
        on_failure=st.just("continue"),
    )
    return st.builds(_planned, st.sampled_from(AGENTS), fan, st.integers(0, 10**9))


def _planned(agent: str, fan: dict[str, Any], number: int) -> dict[str, Any]:
    # Each plan has a name of its own, and so have its items: names may not mean two things.
    plan = f"plan{number}"
    inner = {**fan, "for_each": f"{{{plan}.items}}", "as": f"item{number}"}
    return {"sequence": [{"id": plan, "use": agent, "output": _PLAN}, inner]}


def _extended(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        _with({"fallback": _targets(inner)}, on=_KINDS, hedge_after=st.just("1s")),
        st.fixed_dictionaries(
            {
                "choose": st.lists(
                    st.fixed_dictionaries({"when": _CONDITIONS, "use": inner}),
                    min_size=1, max_size=2,
                ),
                "else": inner,
            }
        ),
        _with(
            {"balance": st.lists(st.sampled_from(AGENTS), min_size=1, max_size=3, unique=True)},
            by=st.sampled_from(("weight", "round_robin", "least_busy")),
        ),
        _with(
            {"cascade": _targets(inner), "accept": _ACCEPTS},
            score=_SCORES,
            on_failure=st.sampled_from(("continue", "fail")),
        ),
        _with({"parallel": _targets(inner), "take": st.just("first")}, timeout=st.just("1s")),
        _with(
            {"parallel": _targets(inner), "take": st.just("majority")},
            samples=st.integers(1, 2), otherwise=inner,
        ),
        _with({"parallel": _targets(inner), "take": st.just("best"), "score": _SCORES}),
        _with(
            {"parallel": _targets(inner, 4), "take": st.just("best"), "judge": st.just(JUDGE)},
            samples=st.integers(1, 2),
        ),
        st.fixed_dictionaries(
            {"parallel": _targets(inner), "take": st.just("merge"), "merge": inner}
        ),
        _with(
            {"consensus": st.lists(inner, min_size=2, max_size=3)},
            otherwise=inner, by=st.just("answer.text"),
        ),
        _sequence(inner),
        _with(
            {"repeat": inner, "until": _ACCEPTS, "max": st.integers(1, 3)},
            score=_SCORES, on_failure=st.sampled_from(("fail", "continue")),
        ),
        _for_each(inner),
        _with(
            {
                "pick": st.lists(st.sampled_from(AGENTS), min_size=1, max_size=3, unique=True),
                "minimise": st.just("latency"),
            },
            on=_KINDS,
        ),
        _step(inner),
    )  # fmt: skip


FLOWS: Final = st.recursive(st.sampled_from(AGENTS), _extended, max_leaves=8)
"""A strategy, nested as it comes."""


def policies() -> st.SearchStrategy[dict[str, Any]]:
    """Give policies as plain data: agents that retry, paid signals, a nested target, rescues."""
    agents = st.tuples(
        *(
            st.fixed_dictionaries(
                {"id": st.just(name), "price": st.just({"input": 1, "output": 1})},
                optional={
                    "retry": st.integers(0, 2),
                    "timeout": st.just("1s"),
                },
            )
            for name in (*AGENTS, CLASSIFIER, JUDGE)
        )
    )
    signals = st.fixed_dictionaries(
        {
            "topic": _with(
                {"ask": st.just(CLASSIFIER), "one_of": st.just(["billing", "tech"])},
                default=st.just("tech"),
            ),
            "hard": _with(
                {"ask": st.just(CLASSIFIER), "type": st.just("bool")}, default=st.just(True)
            ),
        }
    )
    rules = st.lists(st.fixed_dictionaries({"condition": _CONDITIONS, "target": FLOWS}), max_size=2)
    routing = _with(
        {"default": FLOWS, "rules": rules},
        fallback=st.dictionaries(st.sampled_from(FAILURE_KINDS), FLOWS, max_size=2),
    )
    return st.fixed_dictionaries({"agents": agents, "signals": signals, "routing": routing})
