"""Ask a judge which of several answers is the best, in two orders, so that order cannot decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from conductor_mw.effects import Gather
from conductor_mw.errors import Failure
from conductor_mw.scorers.question import question, text_of, transcript

from .race import first_failure, raise_faults
from .reply import collect, parsed

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow
    from .reply import Reply

RUBRIC: Final = "Prefer what is right, complete and clear."
ORDERS: Final = 2
_TASK: Final = "Several ANSWERS to one REQUEST follow. Judge which of them is the best. "
_FORM: Final = (
    'Answer with JSON and nothing else: {"because": "<one sentence>", "best": <the number of the '
    "best answer>}"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares answers.

    Models prefer answers by where they stand (Zheng et al. 2023, "Judging LLM-as-a-judge"): the
    judge reads the answers forwards and backwards, and where it names another one the second time,
    neither of the two is better.

    Attributes:
        judge: who is asked.
        rubric: what it looks for.
    """

    judge: Flow
    rubric: str

    async def best(self, replies: Mapping[int, Reply], request: Request, at: At) -> int:
        """Give the key of the best answer; of two that are equally good the lower one.

        Raises:
            Failure: of kind `scorer_failed`, where the judge gave no verdict; a guarantee that
                forbids to ask it stays `policy_violation`.
        """
        keys = sorted(replies)
        if len(keys) == 1:
            return keys[0]
        branches = tuple(
            partial(self._verdict, order, replies, request, at.into(f"parallel/judge/{number}"))
            for number, order in enumerate((keys, keys[::-1]))
        )
        settled = await Gather(
            branches, lambda ended: any(one.error is not None for one in ended), at.deadline
        )
        raise_faults(settled)
        verdicts = [one.value for one in settled if one.done and one.value is not None]
        if len(verdicts) == ORDERS:
            return min(verdicts)
        failure = first_failure(settled)
        if failure.kind in ("scorer_failed", "policy_violation"):
            raise failure
        problem = f"the judge gave no verdict: {failure.problem}"
        raise Failure("scorer_failed", problem, agent=failure.agent) from failure

    async def _verdict(
        self, order: Sequence[int], replies: Mapping[int, Reply], request: Request, at: At
    ) -> int:
        texts = [("REQUEST", transcript(request))]
        texts += [(f"ANSWER {n}", text_of(replies[key])) for n, key in enumerate(order, 1)]
        asked = await question(request, _TASK + self.rubric, texts, _FORM)
        at = at.hidden("judge").standing_in('{"because": "simulated", "best": 1}')
        reply = await collect(self.judge, asked, at)
        said = parsed(reply.text)
        best = cast("dict[str, object]", said).get("best") if isinstance(said, dict) else None
        # A boolean is an int in Python, and names no answer.
        if isinstance(best, bool) or not isinstance(best, int) or not 1 <= best <= len(order):
            problem = f"the judge named none of the {len(order)} answers"
            raise Failure("scorer_failed", problem, agent=reply.agent)
        return order[best - 1]
