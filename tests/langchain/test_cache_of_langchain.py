"""`set_llm_cache(ConductorCache(...))`: whose answers it gives, and for how long."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import conductor_mw_cache
import pytest
from click.testing import CliRunner
from conductor_mw_langchain import ConductorCache, ConductorChatModel
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import HumanMessage
from langchain_core.outputs import Generation
from langchain_core.tools import tool

from conductor_mw import Conductor, ConductorError, Plugins, RegisterStore, StoreError, hookimpl
from conductor_mw.cli import main
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.testing import VirtualClock
from tests.cache_kit import Told
from tests.langchain.oracle import Oracle

POLICY = """
signals: {{tenant: {{from: metadata.tenant, type: string, default: ""}}}}
agents: [{{id: small, price: {{input: 1, output: 2}}}}]
routing: {{default: small}}
plugins: {{cache: {{{options}}}{more}}}
"""
SHARED = "ttl: 1h, scope: shared"
WELL = [Generation(text="Well.")]


def conductor(options: str = "ttl: 1h", more: str = "", **others: Any) -> Conductor:
    agents = {"small": Oracle()}
    return Conductor.from_text(POLICY.format(options=options, more=more), agents=agents, **others)


@pytest.fixture
def everywhere() -> Iterator[Any]:
    """Set LangChain's cache for one test."""
    yield set_llm_cache
    set_llm_cache(None)


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


async def test_a_model_of_the_app_is_asked_once_for_each_tenant(everywhere: Any) -> None:
    tenant: ContextVar[str | None] = ContextVar("tenant", default=None)
    everywhere(ConductorCache(conductor(), tenant=tenant.get))
    child = Oracle()

    for name in ("acme", "umbra", "acme"):
        tenant.set(name)
        child.invoke("Hello")
        assert (await child.ainvoke("Hello")).text == child.invoke("Hello").text
    assert len(child.asked) == 2

    for nobody in (None, ""):
        tenant.set(nobody)
        for _ in range(2):
            child.invoke("Hello")
            await child.ainvoke("Hello")
    assert len(child.asked) == 10, "nothing is kept for nobody, and nobody gets what is kept"


def test_tenants_and_users_are_kept_apart_and_what_is_shared_too() -> None:
    apart = conductor("ttl: 1h, scope: user, user: metadata.user")
    shared = conductor(SHARED)
    caches = [
        ConductorCache(apart, tenant="acme", user="ann"),
        ConductorCache(apart, tenant="acme", user="bob"),
        ConductorCache(apart, tenant="umbra", user="ann"),
        ConductorCache(shared),
        ConductorCache(shared, tenant="acme"),
        ConductorCache(shared, tenant="acme", user="ann"),
        ConductorCache(shared, user="ann"),
    ]
    for cache in caches:
        assert cache.lookup("Hello", "model") is None
        cache.update("Hello", "model", WELL)

    caches[0].clear()
    caches[3].clear()

    found = [cache.lookup("Hello", "model") for cache in caches]
    assert found == [None, WELL, WELL, None, WELL, WELL, WELL]


def test_a_function_that_gives_nobody_does_not_reach_what_is_shared() -> None:
    c = conductor(SHARED)
    ConductorCache(c).update("Hello", "model", WELL)
    nobody = ConductorCache(c, tenant=lambda: None)

    nobody.clear()
    nobody.update("Hi", "model", WELL)

    assert nobody.lookup("Hello", "model") is None
    assert ConductorCache(c).lookup("Hello", "model") == WELL
    assert ConductorCache(c).lookup("Hi", "model") is None


@pytest.mark.parametrize(
    ("options", "given", "problem"),
    [
        ("ttl: 1h", {}, "answers of every tenant apart, and no tenant is given"),
        ("ttl: 1h", {"tenant": ""}, "no tenant is given"),
        ("ttl: 1h, scope: user, user: metadata.user", {"tenant": "acme"}, "no user is given"),
        (SHARED, {"user": ""}, "no user is given"),
    ],
)
def test_whose_answers_they_are_must_be_said(
    options: str, given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConductorError, match=problem) as caught:
        ConductorCache(conductor(options), **given)

    assert "scope: shared" in (caught.value.mend or "")


def test_a_policy_without_a_cache_is_refused() -> None:
    c = Conductor.from_text("agents: [{id: a}]\nrouting: {default: a}")

    with pytest.raises(ConductorError, match="names no layer 'cache'"):
        ConductorCache(c)


def test_it_takes_the_path_of_a_policy(tmp_path: Path) -> None:
    file = tmp_path / "conductor.yaml"
    file.write_text(POLICY.format(options=SHARED, more=""), encoding="utf-8")
    cache = ConductorCache(file)

    cache.update("Hello", "model", WELL)
    assert cache.lookup("Hello", "model") == WELL

    file.write_text(POLICY.format(options="ttl: 0s, scope: shared", more=""), encoding="utf-8")
    cache.conductor.reload()
    assert cache.lookup("Hello", "model") is None
    cache.update("Hi", "model", WELL)
    assert cache.lookup("Hi", "model") is None


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_answers_are_kept_as_long_as_the_policy_says(store: str, tmp_path: Path) -> None:
    time = VirtualClock()
    address = "memory" if store == "memory" else f"sqlite:{tmp_path / 'cache.db'}"
    cache = ConductorCache(conductor(f'{SHARED}, store: "{address}"', clock=time))
    cache.update("Hello", "model", WELL)

    time.advance(3599)
    assert cache.lookup("Hello", "model") == WELL
    time.advance(2)
    assert cache.lookup("Hello", "model") is None


def test_there_are_no_more_than_the_policy_says() -> None:
    cache = ConductorCache(conductor(f"{SHARED}, most_entries: 2"))

    for number in range(5):
        cache.update(f"{number}", "model", WELL)

    assert [cache.lookup(f"{n}", "model") for n in range(5)] == [None, None, None, WELL, WELL]


def test_prompt_and_model_cannot_be_mistaken_for_each_other() -> None:
    cache = ConductorCache(conductor(SHARED))
    cache.update("ab", "c", WELL)

    assert cache.lookup("a", "bc") is None
    assert cache.lookup("abc", "") is None
    cache.update("\ud800", "model", WELL)
    assert cache.lookup("\ud800", "model") == WELL


@pytest.mark.parametrize("allowed", [True, False])
def test_tool_calls_are_kept_where_the_policy_says_so(everywhere: Any, allowed: bool) -> None:
    everywhere(ConductorCache(conductor(f"{SHARED}, tool_calls: {str(allowed).lower()}")))
    child = Oracle()
    bound = child.bind_tools([weather])

    answers = [bound.invoke("Hello 'Paris'") for _ in range(2)]

    assert len(child.asked) == (1 if allowed else 2)
    assert answers[0].tool_calls == answers[1].tool_calls != []


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Write to ada@example.com", False),
        ("Write to\n\tada@example.com\nsoon", False),
        ("Write to Ada", True),
    ],
)
def test_personal_data_is_not_kept_where_the_policy_looks_for_it(
    everywhere: Any, said: str, kept: bool
) -> None:
    everywhere(ConductorCache(conductor(SHARED, ", guard: {pii: [email]}")))
    child = Oracle()

    for _ in range(2):
        child.invoke([HumanMessage(said)])

    assert len(child.asked) == (1 if kept else 2)


class Watched:
    """A store that says in which threads it was asked, and that may be down."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.broken = False

    @hookimpl
    def conductor_stores(self, register: RegisterStore) -> None:
        register("watched", lambda _: _Watching(self))


class _Watching(MemoryStore):
    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self._watched = watched

    def get(self, table: str, key: str, **options: Any) -> bytes | None:
        self._watched.threads.append(threading.get_ident())
        if self._watched.broken:
            raise StoreError("it is down")
        return super().get(table, key, **options)

    def put(self, table: str, key: str, value: bytes, **options: Any) -> Any:
        self._watched.threads.append(threading.get_ident())
        if self._watched.broken:
            raise StoreError("it is down")
        return super().put(table, key, value, **options)

    def delete(self, table: str, key: str) -> None:
        self._watched.threads.append(threading.get_ident())
        super().delete(table, key)


def watched() -> tuple[Watched, Told, VirtualClock, ConductorCache]:
    store, told, time, plugins = Watched(), Told(), VirtualClock(), Plugins.core()
    for name, plugin in (("cache", conductor_mw_cache), ("store", store), ("told", told)):
        plugins.add(plugin, name)
    c = Conductor.from_text(
        POLICY.format(options=f"{SHARED}, store: watched://", more=""),
        agents={"small": str}, plugins=plugins, clock=time,
    )  # fmt: skip
    return store, told, time, ConductorCache(c)


async def test_async_callers_do_not_wait_for_a_store_in_their_loop() -> None:
    store, _, _, cache = watched()

    await cache.aupdate("Hello", "model", WELL)
    assert await cache.alookup("Hello", "model") == WELL
    await cache.aclear()

    assert await cache.alookup("Hello", "model") is None
    assert len(store.threads) == 4
    assert threading.get_ident() not in store.threads


async def test_a_store_that_is_down_has_nothing_and_stops_nobody() -> None:
    store, told, time, cache = watched()
    cache.update("Hello", "model", WELL)
    store.broken = True

    assert cache.lookup("Hello", "model") is None
    assert await cache.alookup("Hello", "model") is None
    cache.update("Hi", "model", WELL)
    assert len(store.threads) == 2, "it is left alone for a second"
    assert told.of("cache.down") == [{"problem": "it is down"}]

    time.advance(1)
    cache.update("Hi", "model", WELL)
    assert len(told.of("cache.down")) == 2

    time.advance(1)
    store.broken = False
    assert cache.lookup("Hello", "model") == WELL


def test_clearing_leaves_the_answers_of_the_policys_own_agents() -> None:
    child = Oracle()
    c = Conductor.from_text(POLICY.format(options=SHARED, more=""), agents={"small": child})
    routed, cache = ConductorChatModel(conductor=c), ConductorCache(c)
    routed.invoke("Hello")
    cache.update("Hello", "model", WELL)

    cache.clear()
    routed.invoke("Hello")

    assert cache.lookup("Hello", "model") is None
    assert len(child.asked) == 1


def test_purging_a_tenant_forgets_these_answers_too(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path / 'cache.db'}"
    c = conductor(f'ttl: 1h, store: "{address}"')
    caches = [ConductorCache(c, tenant=name) for name in ("acme", "umbra")]
    for cache in caches:
        cache.update("Hello", "model", WELL)

    arguments = ["cache", "purge", "--store", address, "--tenant", "acme"]
    assert "1 answer forgotten" in CliRunner().invoke(main, arguments).output

    assert [cache.lookup("Hello", "model") for cache in caches] == [None, WELL]
    c.close()


def test_a_child_that_langchains_cache_answers_costs_nothing(everywhere: Any) -> None:
    everywhere(ConductorCache(conductor(SHARED)))
    text = "agents: [{id: small, price: {input: 1, output: 2}}]\nrouting: {default: small}"
    child = Oracle()
    routed = ConductorChatModel(conductor=Conductor.from_text(text, agents={"small": child}))

    dollars = [routed.invoke("Hello").response_metadata["conductor"]["dollars"] for _ in range(2)]

    assert len(child.asked) == 1
    assert dollars[0] > 0
    assert dollars[1] == 0


def test_it_serves_models_that_complete_texts(everywhere: Any) -> None:
    everywhere(ConductorCache(conductor(SHARED)))
    model = FakeListLLM(responses=["one", "two"])

    assert [model.invoke("Hello") for _ in range(2)] == ["one", "one"]
    assert model.invoke("Hi") == "two"


@pytest.mark.usefixtures("everywhere")
def test_the_example_in_the_docs_runs() -> None:
    page = Path(__file__).parents[2] / "docs" / "cache.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    child = Oracle()

    for tenant in ("acme", "acme", None, None):
        names["tenant"].set(tenant)
        child.invoke("Hello")

    assert len(child.asked) == 3
