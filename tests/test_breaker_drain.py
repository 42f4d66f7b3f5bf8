"""A person lets an agent rest, or work again; every process hears of it, and says who did it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from conductor_mw_breaker.commands import agents

from conductor_mw import Conductor, ConductorError, Failure, SystemClock
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask

from .breaker_kit import ALONE, PAIR, PATIENCE, Told, breaker_of, conductor
from .services import opened


def run(*arguments: str) -> Result:
    return CliRunner().invoke(agents, arguments)


def listed(address: str) -> dict[str, Any]:
    found = json.loads(run("list", "--store", address, "--format", "json").output)["agents"]
    return {one["agent"]: one for one in found}


@pytest.mark.parametrize("way", WAYS)
def test_a_drained_agent_is_not_asked_until_it_is_resumed(way: Way) -> None:
    clock, told = VirtualClock(), Told()
    c = conductor(PAIR, clock=clock, told=told, big=Scripted("big"), small=Scripted("small"))

    breaker_of(c).drain("big", by="ana", because="new keys")
    clock.advance(1e6)
    drained = ask(c, "hello", way=way).text
    breaker_of(c).resume("big", by="ben", because="they work")

    assert (drained, ask(c, "hello", way=way).text) == ("small", "big")
    assert told.names == ["drained", "resumed"]
    assert told.events[0].data == {
        "agent": "big", "by": "ana", "because": "new keys", "at": 1_780_000_000.0, "until": None,
    }  # fmt: skip
    assert (told.last["by"], told.last["because"]) == ("ben", "they work")


def test_whoever_is_refused_is_told_who_drained_the_agent_and_why() -> None:
    c = conductor(ALONE, clock=VirtualClock(), big=Scripted("big"))
    breaker_of(c).drain("big", by="ana", because="new keys", seconds=3600.0)

    with pytest.raises(Failure) as refused:
        c.call("hello")

    assert refused.value.kind == "circuit_open"
    assert str(refused.value) == "agent 'big' was drained by ana: new keys"
    assert refused.value.retry_after == 3600.0
    assert breaker_of(c).state("big").open is True


def test_who_is_drained_for_an_hour_works_again_after_it_by_himself() -> None:
    clock, told = VirtualClock(), Told()
    c = conductor(ALONE, clock=clock, told=told, big=Scripted("big"))
    breaker_of(c).drain("big", by="ana", seconds=3600.0)

    clock.advance(3600.0)

    assert breaker_of(c).state("big").open is False
    assert c.call("hello").text == "big"
    assert told.names == ["drained", "resumed"]


def test_resuming_also_closes_a_circuit_that_calls_opened() -> None:
    c = conductor(ALONE, "{min_calls: 1}", clock=VirtualClock(), big=Scripted(TimeoutError()))
    with pytest.raises(TimeoutError):
        c.call("hello")
    assert breaker_of(c).state("big").open is True

    breaker_of(c).resume("big", by="ana")

    assert breaker_of(c).state("big").open is False


def test_an_agent_that_does_not_exist_is_not_drained() -> None:
    c = conductor(PAIR, clock=VirtualClock(), big=Scripted(), small=Scripted())

    with pytest.raises(ConductorError, match="no agent 'bgi'\n  did you mean 'big'"):
        breaker_of(c).drain("bgi", by="ana")


@pytest.fixture
def running(tmp_path: Path) -> Any:
    """Give a conductor at work over a store, what it told, and the store's address."""
    address, told = f"sqlite:{tmp_path / 'state.db'}", Told()
    c = conductor(
        f"store: {address}\n{PAIR}",
        clock=SystemClock(),
        told=told,
        big=Scripted("big"),
        small=Scripted("small"),
    )
    breaker_of(c).refresh()
    yield c, told, address
    c.close()


Running = tuple[Conductor, Told, str]


def test_a_command_drains_and_resumes_in_running_processes(running: Running) -> None:
    c, told, address = running

    result = run("drain", "big", "--store", address, "--for", "1h", "--because", "new keys", "--by",
                 "ana")  # fmt: skip

    assert result.exit_code == 0
    assert result.output.startswith("agent 'big': drained until 20")
    seen_within_patience(c, drained=True)  # by the thread that looks once a second
    assert c.call("hello").text == "small"
    assert (told.last["by"], told.last["because"]) == ("ana", "new keys")
    one = listed(address)["big"]
    assert (one["state"], one["by"], one["because"]) == ("drained", "ana", "new keys")
    assert datetime.fromisoformat(one["at"]) <= datetime.now(UTC)

    result = run("resume", "big", "--store", address, "--by", "ben")

    assert result.output == "agent 'big': working\n"
    seen_within_patience(c, drained=False)
    assert c.call("hello").text == "big"
    assert told.names == ["drained", "resumed"]
    assert told.last["by"] == "ben"
    assert (listed(address)["big"]["state"], listed(address)["big"]["by"]) == ("working", "ben")


def seen_within_patience(c: Conductor, *, drained: bool) -> None:
    give_up = time.monotonic() + PATIENCE
    while breaker_of(c).state("big").open is not drained:
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_an_observer_that_raises_does_not_end_the_thread(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    c, told, address = running
    told.events = cast("Any", None)  # whatever it is told, it raises
    run("drain", "big", "--store", address, "--by", "ana")
    seen_within_patience(c, drained=True)
    told.events = []

    run("resume", "big", "--store", address, "--by", "ana")
    seen_within_patience(c, drained=False)

    assert "could not be passed on" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_process_hears_of_it_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, f"sqlite:{tmp_path / 'state.db'}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "drained\n", "")


FORKED = """
import os, sys, time
from conductor_mw import Conductor
c = Conductor.from_text(
    f"store: {sys.argv[1]}\\nagents: [{{id: big, simulated: ok}}]\\nrouting: {{default: big}}\\n"
    "plugins: {breaker: {}}"
)
child = os.fork()
if not child:
    give_up = time.monotonic() + 20
    while not c.layer("breaker").state("big").open and time.monotonic() < give_up:
        time.sleep(0.02)
    os.write(1, b"drained\\n" if c.layer("breaker").state("big").open else b"nothing\\n")
    os._exit(0)
c.layer("breaker").drain("big", by="ana")
os.waitpid(child, 0)
"""


def test_a_list_shows_every_agent_and_what_is_open(running: Running) -> None:
    c, _, address = running
    breaker_of(c).drain("small", by="ana\x1b[31m", because="so")

    result = run("list", "--store", address)

    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.output.splitlines() if line.strip()][1:] == [
        ["big", "working"], ["small", "drained"],
    ]  # fmt: skip
    assert "\x1b" not in result.output


def test_a_slip_of_the_pen_drains_nobody(running: Running) -> None:
    _, _, address = running

    result = run("drain", "bgi", "--store", address, "--by", "ana")

    assert isinstance(result.exception, ConductorError)
    assert str(result.exception) == (
        "no process that uses this store has an agent 'bgi'\n"
        "  did you mean 'big'? (--anyway drains it all the same)"
    )
    assert "bgi" not in listed(address)
    assert run("drain", "bgi", "--store", address, "--by", "ana", "--anyway").exit_code == 0
    assert listed(address)["bgi"]["state"] == "drained"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["drain", "big", "--for", "an hour"], "--for: 'an hour' is not a length of time"),
        (["drain", "big", "--store", "memory://"], "seen by its own process only"),
        (["list", "--store", "sqlite:x", "--policy", "y"], "there are two stores"),
    ],
)
def test_a_command_that_makes_no_sense_says_why(
    arguments: list[str], problem: str, running: Running
) -> None:
    if "--store" not in arguments:
        arguments += ["--store", running[2]]

    result = run(*arguments)

    assert isinstance(result.exception, ConductorError)
    assert problem in str(result.exception)


def test_before_the_store_is_there_a_list_is_empty_and_nobody_is_drained(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path / 'none.db'}"

    assert run("list", "--store", address).exit_code == 0
    result = run("drain", "big", "--store", address, "--by", "ana")

    assert str(result.exception) == "the store is not there yet\n  start the app first"
    assert not (tmp_path / "none.db").exists()


def test_whoever_says_nothing_is_named_by_his_login(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "carla")

    run("drain", "big", "--store", running[2])

    assert listed(running[2])["big"]["by"] == "carla"


def test_a_damaged_record_is_said_and_changes_nothing_here(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    c, _, address = running
    breaker_of(c).drain("big", by="ana")
    _spoil(address)

    breaker_of(c).refresh()

    assert breaker_of(c).state("big").open is True
    assert "damaged" in caplog.text
    assert isinstance(run("list", "--store", address).exception, ConductorError)


def _spoil(address: str) -> None:
    store = opened(address)
    store.put("breaker", "agents", b'{"form": 1, "agents": []}', now=time.time())
    store.close()
