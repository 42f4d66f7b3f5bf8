"""Runs a strategy through the engine: agents answer from the recorded row, and so do judges."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from conductor_mw import Answer, Attempt, Conductor, Part
from conductor_mw.plugins import Plugins

from .catalogue import Entry
from .judges import Judge
from .outcomes import Pool, Row
from .reference import Played

_SIGN: Final = "recorded-answer-of-model-{}."
_SIGNS: Final = re.compile(r"recorded-answer-of-model-(\d+)\.")
_JUDGE: Final = "judge"


def replay(pool: Pool, entry: Entry, rows: Sequence[Row]) -> list[Played]:
    """Give how a strategy does on rows when the engine runs its policy, one row after the other."""
    conductor = conductor_of(pool, entry, rows)

    async def answers() -> list[Answer]:
        # Async, because branches of a parallel flow cost no threads there.
        return [
            await conductor.acall(row.prompt, metadata=metadata(row, number))
            for number, row in enumerate(rows)
        ]

    try:
        found = asyncio.run(answers())
    finally:
        conductor.close()
    return [played(pool, row, answer) for row, answer in zip(rows, found, strict=True)]


def metadata(row: Row, number: int) -> dict[str, object]:
    """Give what the app says beside a prompt: the task, and for the agents which row it is."""
    return {"row": number, "task": row.task}


def played(pool: Pool, row: Row, answer: Answer) -> Played:
    """Give how a strategy did on a row, from the engine's answer."""
    assert answer.cost is not None
    model = pool.models.index(answer.agent)
    return Played(row.scores[model], answer.cost.nano, model, len(answer.attempts))


def conductor_of(pool: Pool, entry: Entry, rows: Sequence[Row]) -> Conductor:
    """Give the conductor of a strategy, its agents bound to recorded rows."""
    agents: dict[str, object] = {
        pool.models[at]: Recorded(rows, at, entry.says) for at in entry.models
    }
    if entry.judge is not None:
        agents[_JUDGE] = RecordedJudge(rows, entry.judge)
    return Conductor.from_text(policy_of(pool, entry), agents=agents, plugins=Plugins.core())


def policy_of(pool: Pool, entry: Entry) -> str:
    """Give the policy of a strategy as YAML."""
    agents: list[dict[str, Any]] = [
        {"id": pool.models[at], "price": _price(pool.prices[at])} for at in entry.models
    ]
    if entry.judge is not None:
        agents.append({"id": _JUDGE, "price": _price(entry.judge.price)})
    document = {
        "signals": {"task": {"from": "metadata.task", "type": "string", "default": "none"}},
        "agents": agents,
        "routing": dict(entry.routing),
    }
    return yaml.safe_dump(document, sort_keys=False, width=1_000)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An agent that answers as a model did: the recorded tokens, and a text that stands for it."""

    rows: Sequence[Row]
    model: int
    says: str

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give the recorded answer to the row that is asked for."""
        row = _row_of(self.rows, attempt)
        text = _SIGN.format(self.model)
        if self.says != "who":
            right = row.scores[self.model] == 1
            text = "right" if right else "wrong" if self.says == "right or wrong" else text
        yield Part(text, usage=row.usages[self.model], finish="stop")


@dataclass(frozen=True, slots=True)
class RecordedJudge:
    """A judge that finds the signs of models in what it is shown and gives its verdict on each."""

    rows: Sequence[Row]
    judge: Judge

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give a score for one answer, or which of several is the best, as JSON."""
        row = _row_of(self.rows, attempt)
        shown = [int(sign) for sign in _SIGNS.findall(attempt.request.text)]
        verdicts = [self.judge.verdict(row, model) for model in shown]
        said: dict[str, float] = {"score": verdicts[0]}
        if len(shown) > 1:
            said = {"best": verdicts.index(max(verdicts)) + 1}
        yield Part(json.dumps(said), usage=self.judge.usage(row, shown), finish="stop")


def _row_of(rows: Sequence[Row], attempt: Attempt) -> Row:
    number = attempt.request.metadata["row"]
    assert isinstance(number, int)
    return rows[number]


def _price(price: tuple[float, float]) -> dict[str, float]:
    return {"input": price[0], "output": price[1]}
