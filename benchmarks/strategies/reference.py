"""Every strategy in plain Python, without the engine: what the engine's runs must give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from .judges import Judge
from .outcomes import Row

_ORDERS: Final = 2


class Played(NamedTuple):
    """How a strategy did on one row.

    Attributes:
        quality: the recorded score of the answer that is delivered.
        cost: nano-dollars of every call, judges included.
        by: the position of the model whose answer is delivered.
        calls: how many models and judges were asked.
    """

    quality: float
    cost: int
    by: int
    calls: int


Strategy: TypeAlias = Callable[[Row], Played]


def single(model: int) -> Strategy:
    """Ask one model."""
    return lambda row: _ask(row, model)


def by_rule(model_of: Callable[[Row], int]) -> Strategy:
    """Ask the model that a rule points to."""
    return lambda row: _ask(row, model_of(row))


def cascade(models: Sequence[int], judge: Judge, *, accept: float = 0.5) -> Strategy:
    """Ask one model after the other until the judge accepts; the last one's answer stands."""

    def play(row: Row) -> Played:
        cost = calls = 0
        model = models[0]
        for model in models:
            cost += row.costs[model] + judge.cost(row, [model])
            calls += 2
            if judge.verdict(row, model) >= accept:
                break
        return Played(row.scores[model], cost, model, calls)

    return play


def best_of(models: Sequence[int], judge: Judge) -> Strategy:
    """Ask all models and deliver what the judge likes best, of equals the first.

    The judge compares all answers at once, and twice: forwards and backwards.
    """

    def play(row: Row) -> Played:
        chosen = max(models, key=lambda model: judge.verdict(row, model))
        cost = sum(row.costs[model] for model in models) + _ORDERS * judge.cost(row, models)
        return Played(row.scores[chosen], cost, chosen, len(models) + _ORDERS)

    return play


def majority(models: Sequence[int], *, wrong_agree: bool) -> Strategy:
    """Ask all models and deliver the commonest answer, of equals the first.

    Recorded is whether an answer was right, not what it said. Right answers agree with each other;
    whether wrong ones do is assumed either way, which gives both ends of what voting may reach.
    """

    def play(row: Row) -> Played:
        says = [_said(row, model, wrong_agree=wrong_agree) for model in models]
        common = max(says, key=says.count)
        chosen = models[says.index(common)]
        cost = sum(row.costs[model] for model in models)
        return Played(row.scores[chosen], cost, chosen, len(models))

    return play


def consensus(models: Sequence[int], otherwise: int, *, wrong_agree: bool) -> Strategy:
    """Ask some models; where they do not all agree, ask another one. As for `majority`."""

    def play(row: Row) -> Played:
        says = {_said(row, model, wrong_agree=wrong_agree) for model in models}
        cost = sum(row.costs[model] for model in models)
        if len(says) == 1:
            return Played(row.scores[models[0]], cost, models[0], len(models))
        last = row.scores[otherwise]
        return Played(last, cost + row.costs[otherwise], otherwise, len(models) + 1)

    return play


def oracle(row: Row) -> Played:
    """Ask the cheapest of the models that answer best: no strategy can know who that is."""
    best = max(row.scores)
    right = [model for model, score in enumerate(row.scores) if score == best]
    return _ask(row, min(right, key=lambda model: (row.costs[model], model)))


def _ask(row: Row, model: int) -> Played:
    return Played(row.scores[model], row.costs[model], model, 1)


def _said(row: Row, model: int, *, wrong_agree: bool) -> str:
    if row.scores[model] == 1:
        return "right"
    return "wrong" if wrong_agree else f"wrong, as {model} says it"
