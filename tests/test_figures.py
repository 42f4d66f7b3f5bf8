"""The published figures are what the engine gives on recorded outcomes, also in the documents."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.strategies import measuring, pages, reference
from benchmarks.strategies.breakeven import break_even
from benchmarks.strategies.catalogue import Entry, catalogue
from benchmarks.strategies.choosing import choose
from benchmarks.strategies.hull import Point, cost_of, frontier, mixture
from benchmarks.strategies.intervals import figures
from benchmarks.strategies.judges import Judge
from benchmarks.strategies.outcomes import DATA, POOLS, Pool, Row, load
from benchmarks.strategies.reference import Played
from benchmarks.strategies.replay import conductor_of, metadata, played, policy_of
from conductor_mw import Conductor, Usage
from conductor_mw.plugins import Plugins
from conductor_mw.testing import WAYS, Way, ask

ROOT = Path(__file__).resolve().parents[1]
recorded = pytest.mark.skipif(
    not DATA.is_dir(), reason="the recorded outcomes are not beside this checkout"
)


def published() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pages.FIGURES.read_text(encoding="utf-8"))
    return found


PRICES = ((0.1, 0.1), (0.2, 0.4), (0.3, 0.3), (0.9, 0.9), (5.0, 15.0))
SKILL = (0.5, 0.6, 0.55, 0.7, 0.8)


def made(rows: int = 60, *, exact: bool = True, seed: int = 8) -> Pool:
    """A pool of five models, none of which is any good at half of the tasks."""
    dice = Random(seed)
    return Pool(
        name="made",
        title="made up",
        models=("tiny", "small", "odd", "middle", "large"),
        prices=PRICES,
        choose=tuple(_row(dice, f"c{n}", exact=exact) for n in range(rows)),
        measure=tuple(_row(dice, f"m{n}", exact=exact) for n in range(rows)),
        exact=exact,
        note="made up",
    )


def _row(dice: Random, name: str, *, exact: bool) -> Row:
    task = dice.choice(["sums", "it's a tale", "code"])
    asked = dice.randint(5, 200)
    usages = tuple(Usage(asked, dice.randint(1, 300)) for _ in SKILL)
    draws = [dice.random() for _ in SKILL]
    return Row(
        id=name,
        task=task,
        prompt=f"{task}: " + "how many are there? " * dice.randint(1, 20),
        scores=tuple(
            float(draw < skill) if exact else round(draw, 4)
            for draw, skill in zip(draws, SKILL, strict=True)
        ),
        usages=usages,
        costs=tuple(
            usage.input_tokens * round(price[0] * 1_000)
            + usage.output_tokens * round(price[1] * 1_000)
            for usage, price in zip(usages, PRICES, strict=True)
        ),
    )


MADE = made()
ENTRIES = catalogue(MADE, choose(MADE))


# The engine against the plain reference.


def test_the_made_up_pool_has_strategies_of_every_kind_that_is_published() -> None:
    def kinds(keys: Iterable[str]) -> set[str]:
        return {key.partition("_")[0] for key in keys}

    shown = published()["mmlu_pro"]["entries"]

    assert kinds(
        key for key, one in shown.items() if one["group"] not in {"single", "oracle"}
    ) <= kinds(entry.key for entry in ENTRIES)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_the_engine_delivers_and_bills_what_the_reference_does(entry: Entry, way: Way) -> None:
    rows = MADE.measure[:4]

    ours = _run(MADE, entry, rows, way)

    expected = [entry.strategy(row) for row in rows]
    if entry.group == "vote" and way in {"call", "stream"}:
        # In threads a vote may be certain before the last one has ended; its bill comes later.
        assert [one.quality for one in ours] == [one.quality for one in expected]
        assert all(one.cost <= most.cost for one, most in zip(ours, expected, strict=True))
    else:
        assert ours == expected


def test_scores_between_right_and_wrong_go_through_the_engine_too() -> None:
    pool = made(exact=False)

    for entry in catalogue(pool, choose(pool)):
        measuring.agreed(pool, entry, pool.measure[:5])


def test_a_strategy_that_the_engine_runs_differently_is_told() -> None:
    cascade = next(entry for entry in ENTRIES if entry.key == "cascade2_0")
    wrong = replace(cascade, strategy=reference.single(cascade.models[0]))

    with pytest.raises(measuring.DisagreementError, match="made, cascade2_0, m"):
        measuring.agreed(MADE, wrong, MADE.measure)


def test_deciding_by_rules_asks_nobody_but_the_agent_that_answers() -> None:
    for entry in ENTRIES:
        if entry.group in {"single", "rule", "table"}:
            for row, one in zip(
                MADE.measure, _run(MADE, entry, MADE.measure, "acall"), strict=True
            ):
                assert one.calls == 1
                assert one.cost == row.costs[one.by]


def test_every_policy_loads_without_a_warning() -> None:
    for entry in ENTRIES:
        agents = {MADE.models[at]: str for at in entry.models} | {"judge": str}
        text = policy_of(MADE, entry)
        bound = {name: agent for name, agent in agents.items() if f"id: {name}\n" in text}

        assert Conductor.from_text(text, agents=bound, plugins=Plugins.core()).policy.warnings == ()


def _run(pool: Pool, entry: Entry, rows: Sequence[Row], way: Way) -> list[Played]:
    conductor = conductor_of(pool, entry, rows)
    return [
        played(pool, row, ask(conductor, row.prompt, way=way, metadata=metadata(row, number)))
        for number, row in enumerate(rows)
    ]


# Judges, mixtures, intervals.


def test_a_judge_errs_as_often_as_it_says_and_on_the_same_answers_again() -> None:
    rows = made(3_000).measure

    def wrong(error: float) -> set[int]:
        judge = Judge(error)
        return {n for n, row in enumerate(rows) if judge.verdict(row, 1) != row.scores[1]}

    assert wrong(0.0) == set()
    assert 0.08 < len(wrong(0.1)) / len(rows) < 0.12
    assert 0.18 < len(wrong(0.2)) / len(rows) < 0.22
    assert wrong(0.1) < wrong(0.2)


def test_a_judge_like_a_model_accepts_whatever_that_model_cannot_answer() -> None:
    judge = Judge(like=3)

    for row in MADE.measure:
        assert judge.verdict(row, 0) == (row.scores[0] if row.scores[3] else 1.0)


def test_no_mixture_of_models_beats_the_frontier() -> None:
    dice = Random(2)
    points = [Point(dice.uniform(1, 100), dice.random()) for _ in range(12)]
    hull = frontier(points)

    assert all(below.cost < above.cost for below, above in pairwise(hull))
    for one in points:
        for other in points:
            share = dice.random()
            cost = share * one.cost + (1 - share) * other.cost
            quality = share * one.quality + (1 - share) * other.quality
            assert mixture(hull, cost) >= quality - 1e-12
    for target in (0.2, 0.5, 0.8):
        at_least = max(target, hull[0].quality)
        assert mixture(hull, cost_of(hull, target)) == pytest.approx(
            min(at_least, hull[-1].quality)
        )


def test_the_expected_cascade_is_the_mean_over_many_judges() -> None:
    pool = made(400)
    points = [
        Point(
            sum(row.costs[at] for row in pool.measure) / 400,
            sum(row.scores[at] for row in pool.measure) / 400,
        )
        for at in range(5)
    ]
    hull, best = frontier(points), points[4].quality
    error = break_even(pool.measure, [1, 4], hull, best, Judge()).best

    qualities = [
        sum(reference.cascade([1, 4], Judge(error, seed=seed))(row).quality for row in pool.measure)
        / 400
        for seed in range(60)
    ]

    assert sum(qualities) / 60 == pytest.approx(best, abs=0.005)


def test_intervals_hold_the_figure_and_vanish_where_every_row_is_alike() -> None:
    dice = Random(1)
    alike = [Played(0.5, 100, 0, 1)] * 200
    mixed = [Played(float(dice.random() < 0.7), dice.randint(1, 9_000), 1, 1) for _ in alike]

    found = figures({"a": alike, "b": mixed}, ["a", "b"], "a", resamples=400)

    assert found["a"].quality_within == (0.5, 0.5)
    low, high = found["b"].quality_within
    assert low < found["b"].quality < high
    assert high - low == pytest.approx(2 * 1.96 * (0.7 * 0.3 / 200) ** 0.5, rel=0.25)
    assert found["b"].cost == sum(one.cost for one in mixed) / 200
    assert found["b"].quality == pytest.approx(sum(one.quality for one in mixed) / 200)


# The documents.


def test_the_documents_show_the_figures_of_the_committed_run() -> None:
    for path, text in pages.files(published()):
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is not what the run gave"


def test_the_run_covered_every_pool_and_the_documents_show_each() -> None:
    assert tuple(published()) == POOLS
    shown = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    assert all(f"<!-- figures: {name} -->" in shown for name in POOLS)


def test_only_sums_over_all_prompts_are_committed() -> None:
    for pool in published().values():
        assert pool["rows"] > 400
        assert set(pool) == {
            "title", "note", "rows", "chosen_on", "chosen", "entries", "mixtures", "break_even",
        }  # fmt: skip
        for one in pool["entries"].values():
            assert all(isinstance(value, int | float | list) for value in list(one.values())[2:])


def test_in_no_entry_does_deciding_by_rules_cost_a_call() -> None:
    for pool in published().values():
        for one in pool["entries"].values():
            if one["group"] in {"rule", "table"}:
                assert one["calls"] == pool["rows"]


# The recorded outcomes, where they are there.


@cache
def pool_of(name: str) -> tuple[Pool, list[Entry]]:
    pool = load(name)
    return pool, catalogue(pool, choose(pool))


@recorded
@pytest.mark.parametrize("name", POOLS)
def test_the_reference_gives_the_published_figures_on_every_row(name: str) -> None:
    pool, entries = pool_of(name)
    shown = published()[name]["entries"]

    assert [entry.key for entry in entries] == [key for key in shown if key != "oracle"]
    for entry in entries:
        done = [entry.strategy(row) for row in pool.measure]
        assert shown[entry.key]["nano"] == sum(one.cost for one in done), entry.key
        assert shown[entry.key]["calls"] == sum(one.calls for one in done), entry.key
        assert shown[entry.key]["score"] == sum(one.quality for one in done), entry.key


@recorded
@pytest.mark.parametrize("name", POOLS)
def test_the_engine_agrees_with_the_reference_on_a_sample(name: str) -> None:
    pool, entries = pool_of(name)
    rows = Random(11).sample(pool.measure, 15)

    for entry in entries:
        measuring.agreed(pool, entry, rows)


@recorded
def test_the_smallest_pool_measured_anew_is_what_was_published() -> None:
    pool, _ = pool_of("routellm_gsm8k")

    assert json.loads(json.dumps(measuring.measure(pool))) == published()["routellm_gsm8k"]


# The command.


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.strategies", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_runs_on_outcomes_that_lie_elsewhere(tmp_path: Path) -> None:
    _write(tmp_path)

    done = run("--data", str(tmp_path), "--rows", "9", "--resamples", "20", "routellm_gsm8k")

    assert done.returncode == 0, done.stderr
    assert "| cascade small → large; judge knows |" in done.stdout


def test_a_recorded_cost_that_is_not_tokens_at_list_price_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, cost=[0.001, 0.002])

    with pytest.raises(ValueError, match="g1: recorded"):
        load("routellm_gsm8k", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["mmlu"], 2, "no pool 'mmlu'; there are mmlu_pro,"),
        (["--write", "uiuc"], 2, "--write goes with every pool"),
        (["--data", "nowhere"], 1, "the recorded outcomes are not at nowhere"),
    ],
)
def test_what_cannot_be_run_is_said(arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments)

    assert done.returncode == code
    assert said in done.stderr


def _write(folder: Path, **more: object) -> None:
    about = {"models": ["weak.1", "strong"], "price": {"weak.1": 0.24, "strong": 24.7}}
    (folder / "routellm.meta.json").write_text(json.dumps(about))
    with gzip.open(folder / "routellm.dev.jsonl.gz", "wt", encoding="utf-8") as file:
        for n in range(1, 80):
            row = {
                "id": f"g{n}", "bench": "gsm8k", "cat": "gsm8k", "prompt": f"What is {n} times 7?",
                "score": [n % 2, n % 5 > 0], "in_tok": n, "out_tok": [n, 2 * n], **more,
            }  # fmt: skip
            print(json.dumps(row), file=file)
