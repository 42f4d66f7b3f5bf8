"""`Conductor(connect=...)`: the host's own way to reach agents that nothing is bound to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from conductor_mw import (
    Access,
    Agent,
    Attempt,
    Conductor,
    ConductorError,
    Failure,
    Io,
    ModelOptions,
    Part,
    Request,
    access_of,
)
from conductor_mw.policy import load_text
from conductor_mw.testing import WAYS, Way, ask

TWO = """
agents:
  - {id: small, model: openai/gpt-4o-mini}
  - {id: large, model: anthropic/claude-sonnet-4-5}
routing: {default: small}
"""
REPLICAS = """
agents:
  - id: a
    model: openai/gpt-4o-mini
    retry: 2
    replicas: [{name: one, model: x/one}, {name: two, model: x/two}]
routing: {default: a}
"""
NATIVE = "agents: [{id: a, model: x/y, via: native}]\nrouting: {default: a}"
GATEWAY = """
gateways:
  edge:
    base_url: "${env:EDGE_URL}"
    headers: {x-key: "Bearer ${env:EDGE_KEY}", x-app: shop}
agents:
  - {id: a, model: openai/gpt-4o-mini, api_key: "${env:MODEL_KEY}", via: edge}
  - {id: b, model: openai/gpt-4o-mini, api_key: "${env:MODEL_KEY}", base_url: "https://b.example.com"}
  - {id: c, simulated: x}
routing: {default: a}
"""


class Host:
    """Gives a function that says which model it stands for, and remembers who was asked for."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.asked: list[Agent] = []
        self.threads: list[int] = []

    def __call__(self, agent: Agent) -> object | None:
        self.asked.append(agent)
        self.threads.append(threading.get_ident())
        options = agent.options
        assert isinstance(options, ModelOptions)
        if options.model in self.refused:
            raise Failure("auth", f"no key for {options.model}")

        def says(request: Request) -> str:
            del request
            return options.model

        return says


def says_bound(request: Request) -> str:
    del request
    return "bound"


def nothing(agent: Agent) -> None:
    del agent


def seven(agent: Agent) -> int:
    del agent
    return 7


@pytest.mark.parametrize("way", WAYS)
def test_the_host_gives_an_object_for_an_agent_that_nothing_is_bound_to(way: Way) -> None:
    host = Host()
    c = Conductor.from_text(TWO, connect=host)

    answers = [ask(c, "Hello", way=way).text for _ in range(3)]

    assert answers == ["openai/gpt-4o-mini"] * 3
    assert [agent.id for agent in host.asked] == ["small"], "the other agent was never called"


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_the_host_connects_beside_the_event_loop(way: Way) -> None:
    host = Host()
    c = Conductor.from_text(TWO, connect=host)

    ask(c, "Hello", way=way)

    assert host.threads != [threading.get_ident()]


@pytest.mark.parametrize("way", WAYS)
def test_what_the_app_binds_comes_first(way: Way) -> None:
    host = Host()
    c = Conductor.from_text(TWO, agents={"small": says_bound}, connect=host)

    assert ask(c, "Hello", way=way).text == "bound"
    assert not host.asked


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("simulated", ["the policy", "the app"])
def test_nobody_is_asked_for_a_simulated_agent(way: Way, simulated: str) -> None:
    host = Host()
    text = TWO.replace("model: openai/gpt-4o-mini", "simulated: {answer: Sure.}")
    c = (
        Conductor.from_text(text, connect=host)
        if simulated == "the policy"
        else Conductor.from_text(TWO, connect=host, simulate=True)
    )

    assert ask(c, "Hello", way=way).text
    assert not host.asked


@pytest.mark.parametrize("way", WAYS)
def test_none_is_the_usual_way(way: Way) -> None:
    c = Conductor.from_text("agents: [{id: a}]\nrouting: {default: a}", connect=nothing)

    with pytest.raises(ConductorError, match="agent 'a' has neither a model nor anything else"):
        ask(c, "Hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_an_object_that_nobody_knows_is_refused_with_the_agents_name(way: Way) -> None:
    c = Conductor.from_text(TWO, connect=seven)

    with pytest.raises(ConductorError, match="agent 'small' cannot speak through a int"):
        ask(c, "Hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_who_could_not_connect_is_asked_again(way: Way) -> None:
    host = Host("openai/gpt-4o-mini")
    c = Conductor.from_text(TWO, connect=host)

    with pytest.raises(Failure, match="no key") as caught:
        ask(c, "Hello", way=way)
    host.refused.clear()

    assert caught.value.kind == "auth"
    assert ask(c, "Hello", way=way).text == "openai/gpt-4o-mini"


@pytest.mark.parametrize("way", WAYS)
def test_every_replica_is_connected_for_itself(way: Way) -> None:
    host = Host()
    c = Conductor.from_text(REPLICAS, connect=host, seed=1)

    texts = {ask(c, f"{n}", way=way).text for n in range(20)}

    assert texts == {"x/one", "x/two"}
    assert len(host.asked) == 2
    assert all(agent.id == "a" and not agent.replicas for agent in host.asked)


@pytest.mark.parametrize("way", WAYS)
def test_a_replica_that_cannot_connect_rests_and_the_others_answer(way: Way) -> None:
    host = Host("x/one")
    c = Conductor.from_text(REPLICAS, connect=host, seed=1)

    assert {ask(c, f"{n}", way=way).text for n in range(10)} == {"x/two"}


@pytest.mark.parametrize("way", WAYS)
def test_the_apps_own_object_serves_an_agent_via_native(way: Way) -> None:
    c = Conductor.from_text(NATIVE, connect=Host())
    nobody = Conductor.from_text(NATIVE, connect=nothing)

    assert ask(c, "Hello", way=way).text == "x/y"
    with pytest.raises(ConductorError, match="says `via: native`"):
        ask(nobody, "Hello", way=way)
    with pytest.raises(ConductorError, match="says `via: native`"):
        Conductor.from_text(NATIVE)


def test_a_new_version_of_the_policy_is_connected_anew(tmp_path: Path) -> None:
    host = Host()
    file = tmp_path / "conductor.yaml"
    file.write_text(TWO, encoding="utf-8")
    c = Conductor(file, connect=host)

    before = c.call("Hello").text
    file.write_text(TWO.replace("gpt-4o-mini", "gpt-4o"), encoding="utf-8")
    c.reload()

    assert (before, c.call("Hello").text) == ("openai/gpt-4o-mini", "openai/gpt-4o")


def test_many_threads_connect_once() -> None:
    host = Host()
    together = threading.Barrier(8)

    inside = threading.Barrier(2)

    def connect(agent: Agent) -> object | None:
        with suppress(threading.BrokenBarrierError):
            inside.wait(0.2)  # for another thread that is in here as well
        return host(agent)

    c = Conductor.from_text(TWO, connect=connect)

    def call(_: int) -> str:
        together.wait()
        return c.call("Hello").text

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(call, range(8))) == {"openai/gpt-4o-mini"}
    assert len(host.asked) == 1


async def test_many_tasks_connect_once() -> None:
    host = Host()
    c = Conductor.from_text(TWO, connect=host)

    await asyncio.gather(*(c.acall("Hello") for _ in range(8)))

    assert len(host.asked) == 1


def test_a_caller_that_stops_at_the_first_call_closes_the_hosts_stream() -> None:
    closed: list[str] = []

    class Speaks:
        async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
            del attempt
            try:
                yield Part("one ")
                yield Part("two")
            finally:
                await Io(lambda: closed.append("closed"))  # nobody does this for a forgotten one

    def speaks(agent: Agent) -> object:
        del agent
        return Speaks()

    c = Conductor.from_text(TWO, connect=speaks)

    with c.stream("Hello") as parts:
        next(parts)

    assert closed == ["closed"]


def test_access_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    agents = load_text(GATEWAY, env={}).agents
    monkeypatch.setenv("MODEL_KEY", "sk-1")
    monkeypatch.setenv("EDGE_KEY", "edge-1")
    monkeypatch.setenv("EDGE_URL", "https://edge.example.com")

    through, direct = access_of(agents["a"]), access_of(agents["b"])

    assert through == Access(
        "https://edge.example.com", "sk-1", {"x-key": "Bearer edge-1", "x-app": "shop"}
    )
    assert direct == Access("https://b.example.com", "sk-1", {})
    assert access_of(agents["c"]) == Access()
    assert "sk-1" not in repr(through)
    assert "edge-1" not in repr(through)


@pytest.mark.parametrize(
    ("missing", "kind"),
    [("MODEL_KEY", "auth"), ("EDGE_KEY", "auth"), ("EDGE_URL", "invalid_request")],
)
def test_a_variable_that_is_not_set_is_named_with_the_agent(
    missing: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = load_text(GATEWAY, env={}).agents
    for name in ("MODEL_KEY", "EDGE_KEY", "EDGE_URL"):
        monkeypatch.setenv(name, "https://x.example.com")
    monkeypatch.delenv(missing)

    with pytest.raises(Failure, match=f"agent 'a': the environment variable {missing}") as caught:
        access_of(agents["a"])

    assert caught.value.kind == kind
