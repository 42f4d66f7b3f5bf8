"""Which strategies are run on a pool: each as a policy and as its plain reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from . import reference
from .choosing import Choice, Tag, kind_of, task_of
from .judges import Judge, Prices
from .outcomes import Pool, Row
from .reference import Strategy

Group = Literal["single", "rule", "table", "cascade", "best", "vote"]
Says = Literal["who", "right or wrong", "who or right"]
"""What an agent answers: who it is, for a judge; or right/wrong, where answers are compared."""

_ERRORS: Final = (0.0, 0.1, 0.2)
_SMALL_JUDGE: Final = (0.15, 0.60)
_BLENDED_JUDGE: Final = (0.24, 0.24)


@dataclass(frozen=True, slots=True)
class Entry:
    """A strategy on a pool.

    Attributes:
        key: its name in the figures.
        group: the table it stands in.
        label: its name in the tables.
        models: whom it may ask, as positions in `Pool.models`.
        says: what the agents answer.
        routing: the policy's `routing:`, with flows written in place.
        strategy: the same in plain Python.
        judge: who judges, or None.
    """

    key: str
    group: Group
    label: str
    models: tuple[int, ...]
    says: Says
    routing: Mapping[str, Any]
    strategy: Strategy
    judge: Judge | None = None


def catalogue(pool: Pool, choice: Choice) -> list[Entry]:
    """Give every strategy of a pool; single models first."""
    return [
        *_singles(pool),
        *_rules(pool, choice),
        *_tables(pool, choice),
        *_cascades(pool, choice),
        *_best_of(pool, choice),
        *_votes(pool, choice),
    ]


def paid(pool: Pool) -> Prices:
    """Give what a paid judge costs on a pool: a small model's list price."""
    return _BLENDED_JUDGE if pool.name.startswith("routellm") else _SMALL_JUDGE


def input_tokens(row: Row) -> int:
    """Give what `input.tokens` is for a prompt: see docs/signals.md."""
    return -int(-len(row.prompt.encode()) // 3.6) + 4 + 3


def _singles(pool: Pool) -> Iterator[Entry]:
    for at, model in enumerate(pool.models):
        routing = {"default": model}
        yield Entry(model, "single", model, (at,), "who", routing, reference.single(at))


def _rules(pool: Pool, choice: Choice) -> Iterator[Entry]:
    small, large = choice.small, choice.large
    written: list[tuple[str, str, Callable[[Row], bool]]] = [
        ("tokens64", "input.tokens < 64", lambda row: input_tokens(row) < 64),
        ("tokens128", "input.tokens < 128", lambda row: input_tokens(row) < 128),
        ("simple", "input.type == 'simple'", lambda row: kind_of(row) == "simple"),
        (
            "not_hard",
            "!(input.type in ['reasoning', 'creative'])",
            lambda row: kind_of(row) not in {"reasoning", "creative"},
        ),
    ]
    for key, condition, holds in written:
        yield Entry(
            f"rule_{key}",
            "rule",
            f"`{condition}` → small, else large",
            (small, large),
            "who",
            {
                "rules": [{"condition": condition, "target": pool.models[small]}],
                "default": pool.models[large],
            },
            _either(holds, small, large),
        )


def _either(holds: Callable[[Row], bool], small: int, large: int) -> Strategy:
    return reference.by_rule(lambda row: small if holds(row) else large)


def _tables(pool: Pool, choice: Choice) -> Iterator[Entry]:
    yield _table(pool, choice, "type_98", "input.type", kind_of, choice.by_type, "98 %")
    if len(choice.by_task[1.0]) > 1:
        for keep, shown in ((0.98, "98 %"), (1.0, "100 %")):
            key = f"task_{keep * 100:.0f}"
            yield _table(pool, choice, key, "task", task_of, choice.by_task[keep], shown)


def _table(
    pool: Pool,
    choice: Choice,
    key: str,
    signal: str,
    tag: Tag,
    models: Mapping[str, int],
    shown: str,
) -> Entry:
    words: dict[int, list[str]] = {}
    for word, model in models.items():
        words.setdefault(model, []).append(word)
    rules = [
        {
            "condition": f"{signal} in [{', '.join(repr(word) for word in found)}]",
            "target": pool.models[model],
        }
        for model, found in sorted(words.items())
    ]
    return Entry(
        f"table_{key}",
        "table",
        f"table over `{signal}`, chosen to keep {shown}",
        tuple(sorted({*words, choice.large})),
        "who",
        {"rules": rules, "default": pool.models[choice.large]},
        reference.by_rule(lambda row: models.get(tag(row), choice.large)),
    )


def _cascades(pool: Pool, choice: Choice) -> Iterator[Entry]:
    for key, shown, models in cascades_of(choice):
        for judge in judges(pool, choice, models):
            yield Entry(
                f"{key}_{_suffix(judge)}",
                "cascade",
                f"{shown}; {_who(judge)}",
                models,
                "who",
                _flow(
                    {
                        "cascade": _names(pool, models),
                        "accept": "answer.score >= 0.5",
                        "score": {"use": "judge"},
                    }
                ),
                reference.cascade(models, judge),
                judge,
            )


def cascades_of(choice: Choice) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Give the cascades of a pool: key, name, steps."""
    yield "cascade2", "cascade small → large", (choice.small, choice.large)
    if choice.middle is not None:
        steps = (choice.small, choice.middle, choice.large)
        yield "cascade3", "cascade small → middle → large", steps
        shown = f"cascade through {len(choice.ladder)} models, cheapest first"
        yield "cascade_all", shown, choice.ladder


def judges(pool: Pool, choice: Choice, models: Sequence[int]) -> Iterator[Judge]:
    """Give the judges that the answers of some models are put before."""
    for error in _ERRORS:
        yield Judge(error)
    yield Judge(0.1, paid(pool))
    if choice.middle is not None and choice.middle not in models:
        yield Judge(price=pool.prices[choice.middle], like=choice.middle)


def _best_of(pool: Pool, choice: Choice) -> Iterator[Entry]:
    crews: list[tuple[str, str, tuple[int, ...]]] = [
        ("best2", "best of large and small", (choice.large, choice.small))
    ]
    if choice.middle is not None:
        three = (choice.large, choice.middle, choice.small)
        crews.append(("best3", "best of large, middle, small", three))
    if len(choice.smalls) >= 3:
        crews.append(("best_small", "best of the three best small", choice.smalls[:3]))
    for key, shown, models in crews:
        for judge in judges(pool, choice, models):
            yield Entry(
                f"{key}_{_suffix(judge)}",
                "best",
                f"{shown}; {_who(judge)}",
                models,
                "who",
                _flow({"parallel": _names(pool, models), "take": "best", "judge": "judge"}),
                reference.best_of(models, judge),
                judge,
            )


def _votes(pool: Pool, choice: Choice) -> Iterator[Entry]:
    """Give what voting may reach: only where answers are right or wrong, and three may vote."""
    if not pool.exact or choice.middle is None:
        return
    crews: list[tuple[str, str, tuple[int, ...]]] = [
        (
            "majority3",
            "majority of large, middle, small",
            (choice.large, choice.middle, choice.small),
        )
    ]
    if len(choice.smalls) >= 3:
        crews.append(("majority_small", "majority of the three best small", choice.smalls[:3]))
    two = (choice.middle, choice.small)
    for agree, end in ((True, "at least"), (False, "at most")):
        says: Says = "right or wrong" if agree else "who or right"
        suffix = "low" if agree else "high"
        for key, shown, models in crews:
            routing = _flow({"parallel": _names(pool, models), "take": "majority"})
            strategy = reference.majority(models, wrong_agree=agree)
            yield Entry(
                f"{key}_{suffix}", "vote", f"{shown}: {end}", models, says, routing, strategy
            )
        yield Entry(
            f"consensus_{suffix}",
            "vote",
            f"small and middle agree, otherwise large: {end}",
            (*two, choice.large),
            says,
            _flow({"consensus": _names(pool, two), "otherwise": pool.models[choice.large]}),
            reference.consensus(two, choice.large, wrong_agree=agree),
        )


def _flow(flow: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"default": dict(flow)}


def _names(pool: Pool, models: Sequence[int]) -> list[str]:
    return [pool.models[model] for model in models]


def _suffix(judge: Judge) -> str:
    if judge.like is not None:
        return "like_middle"
    return f"{judge.error * 100:.0f}{'_paid' if judge.price[0] else ''}"


def _who(judge: Judge) -> str:
    if judge.like is not None:
        return "judge knows what middle knows, paid"
    who = f"judge errs in {judge.error:g}" if judge.error else "judge knows"
    return f"{who}, paid" if judge.price[0] else who
