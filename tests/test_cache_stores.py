"""Answers in SQLite, Redis and PostgreSQL: the same as in memory, shared, and safe to lose."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conductor_mw_cache.kept import FORM, Kept, read_kept
from conductor_mw_cache.shelves import TABLE, Memory
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Conductor, ConductorError, Store, ToolCall, Usage
from conductor_mw.cli import main
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from tests.cache_kit import T1, T2, Echo, Told, conductor, policy
from tests.outage import Outage
from tests.services import opened

NOW = 1_780_000_000.0


def stored(address: str) -> str:
    return policy(f"ttl: 10m, store: '{address}'")


@pytest.fixture
def address(store_address: str) -> str:
    """Give an address of each kind of store; `memory` where the cache keeps answers itself."""
    return "memory" if store_address == "memory://" else store_address


@pytest.mark.parametrize("way", WAYS)
def test_every_store_gives_the_same_answers(address: str, way: Way) -> None:
    agent, clock = Echo(), VirtualClock()
    with closing(conductor(stored(address), a=agent, clock=clock)) as c:
        texts = [ask(c, "hello", way=way, metadata=one).text for one in (T1, T2, T1, T2)]
        assert texts == ["'t1' None hello", "'t2' None hello"] * 2
        assert agent.calls == 2

        clock.advance(600)
        ask(c, "hello", way=way, metadata=T1)
        assert agent.calls == 3


@pytest.mark.parametrize("store_address", ["sqlite", "redis", "postgres"], indirect=True)
def test_another_conductor_finds_what_one_has_kept(store_address: str) -> None:
    first, second = Scripted("of the first"), Scripted("of the second")
    with closing(conductor(stored(store_address), a=first)) as one:
        one.call("hello", metadata=T1)
    with closing(conductor(stored(store_address), a=second)) as other:
        answer = other.call("hello", metadata=T1)

    assert answer.text == "of the first"
    assert second.asked == []


def test_a_rule_that_wants_younger_answers_gets_no_older_ones(address: str) -> None:
    routing = """
routing:
  rules: [{condition: has(metadata.quick), target: a, cache: {ttl: 5s}}]
  default: a
"""
    agent, clock = Echo(), VirtualClock()
    text = policy(f"ttl: 10m, store: '{address}'", routing=routing)
    with closing(conductor(text, a=agent, clock=clock)) as c:
        c.call("hello", metadata=T1)
        clock.advance(30)
        c.call("hello", metadata={**T1, "quick": True})

    assert agent.calls == 2


def test_a_store_may_forget_what_got_old(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path / 'state.db'}"
    with closing(conductor(stored(address), a=Echo())) as c:
        c.call("hello", metadata=T1)

    with closing(opened(address)) as store:
        assert len(store.keys(TABLE, now=NOW + 599)) == 1
        assert store.keys(TABLE, now=NOW + 600) == ()


def entries(store: Store) -> dict[str, bytes]:
    found = {key: store.get(TABLE, key, now=NOW) for key in store.keys(TABLE, now=NOW)}
    return {key: value for key, value in found.items() if value is not None}


def kept(c: Conductor, address: str) -> tuple[str, bytes]:
    c.call("a question", metadata={"tenant": "acme"})
    with closing(opened(address)) as store:
        ((key, value),) = entries(store).items()
    return key, value


def test_an_entry_is_versioned_json_under_a_name_that_tells_nothing(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path / 'state.db'}"
    with closing(conductor(stored(address), a=Scripted("an answer"))) as c:
        key, value = kept(c, address)

    assert value.startswith(FORM)
    assert json.loads(value.partition(b"\n")[2])["text"] == "an answer"
    assert "acme" not in key
    assert b"acme" not in value
    assert b"question" not in value


@pytest.mark.parametrize("how", ["cut off", "changed", "foreign", "moved", "older form", "empty"])
def test_a_damaged_or_foreign_entry_is_a_miss(tmp_path: Path, how: str) -> None:
    address = f"sqlite:{tmp_path / 'state.db'}"
    agent = Scripted("an answer")
    with closing(conductor(stored(address), a=agent)) as c:
        key, value = kept(c, address)
        other = Kept("of another question", "", (), None, "stop", NOW).to_bytes(b"another key")
        damaged = {
            "cut off": value[:-5],
            "changed": value.replace(b"an answer", b"an anchor"),
            "foreign": b'{"text": "x"}',
            "moved": other,
            "older form": value.replace(b"cache 1", b"cache 0"),
            "empty": b"",
        }[how]
        with closing(opened(address)) as store:
            store.put(TABLE, key, damaged, now=NOW)

        answer = c.call("a question", metadata={"tenant": "acme"})

    assert answer.text == "an answer"
    assert len(agent.asked) == 2


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
CALLS = st.builds(ToolCall, st.integers(0, 5), TEXTS, TEXTS, TEXTS)
COUNTS = st.integers(0, 2**40)
ANSWERS = st.builds(
    Kept,
    TEXTS,
    TEXTS,
    st.lists(CALLS, max_size=3).map(tuple),
    st.none() | st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS),
    st.sampled_from(["stop", "tool_calls"]),
    st.floats(0, 4e9),
)


@given(ANSWERS, st.binary(min_size=32, max_size=32))
def test_an_answer_is_read_as_it_was_written(answer: Kept, key: bytes) -> None:
    assert read_kept(answer.to_bytes(key), key) == answer


@given(ANSWERS, st.data())
def test_one_changed_byte_is_noticed(answer: Kept, data: st.DataObject) -> None:
    entry = bytearray(answer.to_bytes(b"key"))
    entry[data.draw(st.integers(0, len(entry) - 1))] ^= data.draw(st.integers(1, 255))

    assert read_kept(bytes(entry), b"key") is None


@given(ANSWERS)
def test_a_streamed_replay_says_the_same(answer: Kept) -> None:
    parts = answer.parts(stream=True)

    assert "".join(part.text for part in parts) == answer.text
    assert "".join(part.reasoning for part in parts) == answer.reasoning
    assert parts[-1].finish == answer.finish
    assert parts[-1].usage == answer.usage


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["cut", "hang"])
def test_without_its_store_the_cache_goes_on_without(
    redis_address: str, way: Way, how: str
) -> None:
    agent, told, clock = Scripted("x"), Told(), VirtualClock()
    with Outage(f"{redis_address}&timeout=0.2") as outage:
        text = stored(outage.address)
        with closing(conductor(text, a=agent, told=told, clock=clock)) as c:
            ask(c, "hello", way=way, metadata=T1)
            getattr(outage, how)()
            for _ in range(3):
                assert ask(c, "hello", way=way, metadata=T1).text == "x"
            assert len(agent.asked) == 4
            assert len(told.of("cache.down")) == 1  # then it is left alone for a second

            outage.restore()
            clock.advance(1)
            ask(c, "hello", way=way, metadata=T1)

            assert len(agent.asked) == 4  # what was kept before is there again


def test_a_store_that_is_not_there_at_the_start_is_asked_later(redis_address: str) -> None:
    agent, clock = Scripted("x"), VirtualClock()
    with Outage(f"{redis_address}&timeout=0.2") as outage:
        outage.cut()
        with closing(conductor(stored(outage.address), a=agent, clock=clock)) as c:
            c.call("hello", metadata=T1)
            outage.restore()
            clock.advance(1)
            c.call("hello", metadata=T1)
            c.call("hello", metadata=T1)

    assert len(agent.asked) == 2


# Memory's own bounds.


@pytest.mark.parametrize("bound", ["most_entries: 3", "most_bytes: 6000"])
def test_memory_forgets_what_was_not_used_for_longest(bound: str) -> None:
    agent = Scripted("x" * 500)
    c = conductor(policy(f"ttl: 1h, {bound}"), a=agent)
    for number in range(6):
        c.call(f"question {number}", metadata=T1)
        c.call("question 0", metadata=T1)  # used again and again, so it stays
    assert len(agent.asked) == 6
    assert shelf_of(c).weight <= 6000
    assert len(shelf_of(c)) == 3

    c.call("question 5", metadata=T1)
    assert len(agent.asked) == 6
    c.call("question 1", metadata=T1)
    assert len(agent.asked) == 7


def shelf_of(c: Conductor) -> Memory:
    layer: Any = c.layer("cache")
    shelf: Memory = layer.shelf
    return shelf


def test_an_address_that_nothing_can_open_is_refused_at_the_start() -> None:
    with pytest.raises(ConductorError, match="rediss-like"):
        conductor(stored("rediss-like://somewhere"), a=Scripted("x"))


def test_an_answer_larger_than_everything_may_be_is_not_kept() -> None:
    agent = Scripted("x" * 5000)
    c = conductor(policy("ttl: 1h, most_bytes: 4000"), a=agent)

    for _ in range(2):
        c.call("hello", metadata=T1)

    assert len(agent.asked) == 2


# The command.


@pytest.mark.parametrize("store_address", ["sqlite", "redis", "postgres"], indirect=True)
@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--tenant", "t1"], ["t2"]),
        (["--tenant", "t3"], ["t1", "t2"]),
        (["--all"], []),
    ],
)
def test_purge_forgets_the_answers_of_one_tenant(
    store_address: str, options: list[str], left: list[str]
) -> None:
    agent = Echo()
    # The command uses the clock of this machine.
    with closing(conductor(stored(store_address), a=agent, real_clock=True)) as c:
        for tenant in ("t1", "t2"):
            c.call("hello", metadata={"tenant": tenant})
        told = purge("--store", store_address, *options, "--format", "json")
        answers = [c.call("hello", metadata={"tenant": tenant}) for tenant in ("t1", "t2")]

    assert json.loads(told.output) == {"forgotten": 2 - len(left)}
    kept = [answer.text[1:3] for answer in answers if answer.attempts[0].by == "cache"]
    assert kept == left


def test_purge_forgets_a_users_answers(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path / 'state.db'}"
    agent = Echo()
    text = policy(f"ttl: 1h, scope: user, user: metadata.user, store: '{address}'")
    with closing(conductor(text, a=agent, real_clock=True)) as c:
        for user in ("ann", "bob"):
            c.call("hello", metadata={**T1, "user": user})

        told = purge("--store", address, "--tenant", "t1", "--user", "ann")

        assert told.output == "1 answer forgotten\n"
        c.call("hello", metadata={**T1, "user": "bob"})
        assert agent.calls == 2


@pytest.mark.parametrize("options", [[], ["--all", "--tenant", "t1"]])
def test_purge_wants_to_know_whose_answers(tmp_path: Path, options: list[str]) -> None:
    told = purge("--store", f"sqlite:{tmp_path / 'state.db'}", *options)

    assert told.exit_code == 1
    assert "whose answers?" in told.output


def purge(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["cache", "purge", *arguments], prog_name="conductor-mw")
