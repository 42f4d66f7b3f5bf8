"""The audit's log: what is appended can be found again, and any change of it is named."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conductor_mw_audit.checkpoint import Signer, read_lines
from conductor_mw_audit.entry import Entry
from conductor_mw_audit.keys import Keys
from conductor_mw_audit.log import Log
from conductor_mw_audit.opening import open_tables
from conductor_mw_audit.tree import Tree, leaf_hash
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_mw import ConductorError

from .audit_kit import (
    KEY,
    NOON,
    checkpoints_in,
    entries,
    found,
    log_at,
    schema_in,
    tampered,
    verdict_of,
)


@pytest.fixture(params=("sqlite", "postgres"))
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty log in each database."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'audit.db'}"
    return schema_in(request.getfixturevalue("postgres_address"))


# The tree.


def reference(leaves: list[bytes]) -> bytes:
    """Give the root of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = reference(leaves[:split]), reference(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(max_size=40), max_size=70), st.integers(0, 70))
def test_the_tree_is_the_one_of_rfc_6962_wherever_it_is_taken_up(
    leaves: list[bytes], stop: int
) -> None:
    tree = Tree()
    for at, leaf in enumerate(leaves):
        if at == stop:
            tree = Tree(tree.size, tree.frontier)
        tree.add(leaf_hash(leaf))

    assert tree.root() == reference(leaves)
    assert tree.size == len(leaves)


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="no frontier of 3 leaves"):
        Tree(3, bytes(32))


# Appending.


def test_what_is_appended_stands_there_in_order_and_verifies(address: str) -> None:
    log = log_at(address, every=10)

    for first in range(0, 100, 7):
        log.append(entries(7, first), NOON)

    state = log.tables.state()
    stored = list(log.tables.records(0, state.size))
    assert [one.data["number"] for one in stored] == list(range(state.size))
    assert [one.number for one in stored] == list(range(1, state.size + 1))
    log.tables.close()
    verdict = verdict_of(address)
    assert (verdict.findings, verdict.size, verdict.checkpoints) == ([], 105, 10)
    assert verdict.root == reference([one.body.encode() for one in stored])
    assert verdict.signed


@settings(max_examples=20)
@given(st.lists(st.integers(0, 5), max_size=8), st.integers(1, 7))
def test_batches_of_any_size_give_the_same_tree(sizes: list[int], every: int) -> None:
    with TemporaryDirectory() as folder:
        _batches(log_at(f"sqlite:{folder}/audit.db", every=every), sizes, every)


def _batches(log: Log, sizes: list[int], every: int) -> None:
    whole = entries(sum(sizes))
    rest = list(whole)

    for size in sizes:
        log.append(rest[:size], NOON)
        rest = rest[size:]

    state = log.tables.state()
    assert Tree(state.size, state.frontier).root() == reference([b.encode() for _, b in whole])
    sealed = [one.size // every for one in log.tables.checkpoints(state.id)]
    assert sealed == sorted(set(sealed))  # one at most for each `every` records
    assert state.size // every == max(sealed, default=0)
    log.tables.close()


def test_many_threads_and_connections_write_one_log(address: str) -> None:
    log_at(address).tables.close()

    def write(number: int) -> None:
        log = log_at(address, every=10)
        for turn in range(5):
            log.append(entries(3, 100 * number + 10 * turn), NOON)
        log.tables.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    verdict = verdict_of(address)
    assert (verdict.size, verdict.findings) == (60, [])


def test_a_failed_append_leaves_nothing_behind(address: str) -> None:
    log = log_at(address)
    log.append(entries(3), NOON)
    bad = entries(3, 3)
    bad[1] = bad[1]._replace(head=bad[1].head._replace(kind=None))

    with pytest.raises(ConductorError):
        log.append(bad, NOON)

    assert log.tables.state().size == 3
    log.append(entries(1, 3), NOON)
    log.tables.close()
    assert verdict_of(address).size == 4


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such rights")
def test_the_files_are_their_owners_only(tmp_path: Path) -> None:
    log = log_at(f"sqlite:{tmp_path / 'audit.db'}", every=1, to=str(tmp_path / "kept.jsonl"))
    log.append(entries(1), NOON)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert set(modes.values()) == {0o600}
    assert "kept.jsonl" in modes
    log.tables.close()


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    log = log_at(f"sqlite:{path}")
    log.append(entries(2), NOON)
    for one in tmp_path.glob("audit.db*"):
        one.rename(tmp_path / f"old-{one.name}")

    log.append(entries(3), NOON)

    log.tables.close()
    assert verdict_of(f"sqlite:{path}").size == 3


def test_a_log_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    for address in (f"sqlite:{tmp_path / 'none.db'}", f"mysql:{tmp_path}"):
        with pytest.raises(ConductorError):
            open_tables(address, make=False)

    assert list(tmp_path.iterdir()) == []


# Guards and tampering.


def test_the_database_itself_refuses_changes(address: str) -> None:
    log = log_at(address, every=2)
    log.append(entries(4), NOON)

    for statement in (
        "update audit_records set body = '{}' where number = 2",
        "delete from audit_records where number = 2",
        "update audit_checkpoints set root = seal from audit_records where number = 1",
        "delete from audit_checkpoints",
    ):
        with pytest.raises(ConductorError, match="cannot be"):
            log.tables.ask(statement)
    log.tables.close()

    assert found(address) == []


def test_sqlite_refuses_replacing_as_well(tmp_path: Path) -> None:
    log = log_at(f"sqlite:{tmp_path / 'audit.db'}")
    log.append(entries(2), NOON)

    with pytest.raises(ConductorError, match="cannot be replaced"):
        log.tables.ask("insert or replace into audit_records select * from audit_records")

    log.tables.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the file of a log with twenty records, whose checkpoints were exported as well."""
    path = tmp_path / "audit.db"
    log = log_at(f"sqlite:{path}", every=5, to=str(tmp_path / "kept.jsonl"))
    for first in range(0, 20, 2):
        log.append(entries(2, first), NOON + first)
    log.tables.close()
    return path


CHANGED = "it was changed, or stands in the wrong place: its seal does not fit"
OTHER = "has another root: one of them was changed"
HEAD = "what it is looked up by was changed: its body says something else"
AGAIN = "update audit_records set {} where number = 7"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (AGAIN.format("body = replace(body, '6', '9')"), CHANGED),
        (AGAIN.format("body = '{}'"), CHANGED),
        (AGAIN.format("body = cast(x'ff00' as text)"), CHANGED),
        (AGAIN.format("body = x'00'"), "it was changed: its body is no text"),
        (AGAIN.format("body = 7"), CHANGED),
        (AGAIN.format("seal = x'00'"), CHANGED),
        (AGAIN.format("kind = 'decision'"), HEAD),
        (AGAIN.format("time = time + 1"), HEAD),
        (AGAIN.format("run = 'another'"), HEAD),
        (AGAIN.format("run = null"), HEAD),
        (AGAIN.format("agent = 'other'"), HEAD),
        (AGAIN.format("rule = 'other'"), HEAD),
        (AGAIN.format("tenant = 'other'"), HEAD),
        (AGAIN.format("subject = 'somebody'"), HEAD),
        ("delete from audit_records where number = 7", "missing: somebody deleted it"),
    ],
)
def test_a_change_of_one_record_is_found_at_that_record(path: Path, change: str, told: str) -> None:
    tampered(path, change)

    assert found(f"sqlite:{path}") == [f"record 7: {told}"]
    assert found(f"sqlite:{path}", checkpoints_in(path.parent / "kept.jsonl"))[0] == (
        f"record 7: {told}"
    )


def test_records_that_changed_places_are_both_named(path: Path) -> None:
    tampered(
        path,
        "update audit_records set number = 1000 where number = 4",
        "update audit_records set number = 4 where number = 9",
        "update audit_records set number = 9 where number = 1000",
    )

    assert found(f"sqlite:{path}") == [f"record 4: {CHANGED}", f"record 9: {CHANGED}"]


def test_a_record_that_was_inserted_at_the_end_is_named(path: Path) -> None:
    tampered(
        path,
        "insert into audit_records select 21, kind, time, run, agent, rule, tenant, subject, body,"
        " seal from audit_records where number = 3",
    )

    assert found(f"sqlite:{path}") == ["record 21: it stands outside the log: somebody inserted it"]


def test_a_record_that_was_inserted_in_between_is_named_and_whatever_it_moved(path: Path) -> None:
    tampered(
        path,
        "update audit_records set number = -number - 1 where number >= 10",
        "update audit_records set number = -number where number < 0",
        "insert into audit_records select 10, kind, time, run, agent, rule, tenant, subject, body,"
        " seal from audit_records where number = 3",
        "update audit_log set size = 21",
    )

    told = found(f"sqlite:{path}")

    assert told[0] == f"record 10: {CHANGED}"
    assert len(told) == 12


LAST = "(select frontier from audit_checkpoints where size = 14)"
CUT = (
    "delete from audit_records where number > 14",
    "delete from audit_checkpoints where size > 14",
    f"update audit_log set size = 14, frontier = {LAST}",  # noqa: S608 - ours
)


def test_a_deleted_end_is_found_where_the_log_itself_still_knows_of_it(path: Path) -> None:
    tampered(path, CUT[0])

    assert found(f"sqlite:{path}") == ["records 15 to 20: missing: somebody deleted it"]


def test_a_deleted_end_is_found_by_the_checkpoints_kept_elsewhere_and_only_by_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "audit.db"
    log = log_at(f"sqlite:{path}", every=7, to=str(tmp_path / "kept.jsonl"))
    for first in range(0, 21, 7):
        log.append(entries(7, first), NOON + first)
    log.tables.close()
    kept = checkpoints_in(tmp_path / "kept.jsonl")

    tampered(path, *CUT)

    assert [one.size for one in kept] == [7, 14, 21]
    assert found(f"sqlite:{path}") == []  # nobody could know
    assert found(f"sqlite:{path}", kept) == [
        "records 15 to 21: they are missing: the newest records were cut off"
    ]


def forge(path: Path, keys: Keys) -> None:
    """Put another record in the place of the seventh, sealed with these keys."""
    forged = Entry(kind="call", time=NOON, run="forged").written()
    seal = keys.seal(7, leaf_hash(forged.body.encode()))
    tampered(
        path,
        f"update audit_records set body = '{forged.body}', kind = 'call', time = {NOON},"  # noqa: S608 - ours
        f" run = 'forged', agent = null, rule = null, tenant = null, seal = x'{seal.hex()}'"
        " where number = 7",
    )


def test_who_changes_a_record_and_its_seal_without_the_key_is_found_at_the_record(
    path: Path,
) -> None:
    forge(path, Keys.of(None))

    assert found(f"sqlite:{path}") == [f"record 7: {CHANGED}"]


def test_who_has_the_key_and_changes_seals_is_found_by_the_next_checkpoint(path: Path) -> None:
    forge(path, Keys.of(KEY))

    told = found(f"sqlite:{path}", checkpoints_in(path.parent / "kept.jsonl"))

    assert told == [
        f"records 7 to 10: the checkpoint kept elsewhere {OTHER}",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("update audit_checkpoints set root = zeroblob(32) where size = 10", "wrong signature"),
        ("update audit_checkpoints set time = time + 1 where size = 10", "wrong signature"),
        ("update audit_checkpoints set signature = x'00' where size = 10", "wrong signature"),
        (
            "update audit_checkpoints set method = 'none' where size = 10",
            "it is not signed, and this log signs by hmac",
        ),
    ],
)
def test_a_changed_checkpoint_is_named(path: Path, change: str, told: str) -> None:
    tampered(path, change)

    assert found(f"sqlite:{path}") == [f"the log's own checkpoint of 10 records: {told}"]


def test_a_changed_state_is_found(path: Path) -> None:
    tampered(path, "update audit_log set frontier = zeroblob(length(frontier))")

    assert found(f"sqlite:{path}", checkpoints_in(path.parent / "kept.jsonl")) == [
        "the log's own tree does not fit its records: it was changed"
    ]


def test_checkpoints_that_were_cut_out_of_the_file_are_missed(path: Path) -> None:
    kept = checkpoints_in(path.parent / "kept.jsonl")

    assert found(f"sqlite:{path}", kept[:-1]) == [
        "the checkpoint of 20 records is missing among those kept elsewhere"
    ]
    assert found(f"sqlite:{path}", []) == ["no checkpoint of this log is kept elsewhere"]


def test_a_damaged_file_of_checkpoints_is_told_by_its_line(path: Path) -> None:
    lines = (path.parent / "kept.jsonl").read_text().splitlines()
    lines[1] = lines[1][:40]

    with pytest.raises(ConductorError, match=r"kept\.jsonl:2"):
        list(read_lines(lines, "kept.jsonl"))


def test_checkpoints_of_another_log_say_nothing(path: Path, tmp_path: Path) -> None:
    other = log_at(f"sqlite:{tmp_path / 'other.db'}", every=1, to=str(tmp_path / "other.jsonl"))
    other.append(entries(1), NOON)
    other.tables.close()

    told = found(f"sqlite:{path}", checkpoints_in(tmp_path / "other.jsonl"))

    assert told == [
        "a checkpoint of 1 records is of another log",
        "no checkpoint of this log is kept elsewhere",
    ]


def test_without_the_key_changes_are_found_as_far_as_that_is_possible(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    log = log_at(f"sqlite:{path}", key=None, every=5, to=str(tmp_path / "kept.jsonl"))
    log.append(entries(10), NOON)
    log.tables.close()
    kept = checkpoints_in(tmp_path / "kept.jsonl")
    assert (found(f"sqlite:{path}", key=None), verdict_of(f"sqlite:{path}", key=None).signed) == (
        [],
        False,
    )

    tampered(path, "update audit_records set body = replace(body, '3', '4') where number = 4")

    assert found(f"sqlite:{path}", kept, key=None) == [f"record 4: {CHANGED}"]


def test_ed25519_checkpoints_are_checked_with_the_public_key_alone() -> None:
    keys = Keys.of(KEY)
    signer = Signer(keys, "ed25519")
    made = signer.sign("log", 3, bytes(32), NOON, b"")
    stranger = Signer(Keys(), "ed25519", signer.public_key())

    assert stranger.problem(made) == ""
    assert Signer(Keys(), "ed25519").problem(made).startswith("its signature cannot be checked")
    assert Signer(Keys(), "ed25519", bytes(32)).problem(made) == "wrong signature"


def test_a_checkpoint_goes_through_its_line() -> None:
    signer = Signer(Keys.of(KEY), "hmac")
    made = signer.sign("log", 3, bytes(32), NOON + 0.1, b"")

    (read,) = read_lines([made.line()], "kept.jsonl")

    assert read == made
    assert signer.problem(read) == ""
    assert json.loads(made.line())["size"] == 3


# Pruning.


def test_pruned_segments_are_gone_and_what_is_left_verifies(address: str, tmp_path: Path) -> None:
    log = log_at(address, every=5, to=str(tmp_path / "kept.jsonl"))
    for first in range(0, 20, 5):
        log.append(entries(5, first), NOON)

    gone, upto = log.prune(NOON + 12, "ana", NOON + 100, compact=True)

    assert (gone, upto) == (10, 10)
    assert [one.data.get("number") for one in log.tables.records(0, 99)] == [*range(10, 20), None]
    assert log.prune(NOON + 12, "ana", NOON + 100) == (0, 10)
    log.tables.close()
    verdict = verdict_of(address, checkpoints_in(tmp_path / "kept.jsonl"))
    assert (verdict.findings, verdict.size, verdict.pruned) == ([], 21, 10)


def test_who_prunes_by_hand_is_found(path: Path) -> None:
    tampered(
        path,
        "delete from audit_records where number <= 10",
        "update audit_log set pruned = 10",
    )

    assert found(f"sqlite:{path}") == [
        "records 1 to 10: they are missing, and no record says that they were pruned"
    ]


def test_a_changed_policy_in_the_archive_is_found(path: Path) -> None:
    log = log_at(f"sqlite:{path}")
    log.archive("f" * 64, {"policy.yaml": "agents: []"}, NOON)
    log.tables.close()
    assert found(f"sqlite:{path}") == []

    tampered(path, "update audit_policies set documents = '{}'")

    assert found(f"sqlite:{path}") == ["the archived policy ffffffffffffffff was changed"]


def test_a_key_that_is_too_short_is_refused() -> None:
    with pytest.raises(ConductorError, match="needs 16 at least"):
        Keys.of("short")


def test_a_full_disk_is_an_error_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    log = log_at(f"sqlite:{path}")
    log.append(entries(10), NOON)
    pages = log.tables.ask("pragma page_count")[0][0]
    log.tables.ask(f"pragma max_page_count = {pages + 2}")

    with pytest.raises(ConductorError, match="full"):
        log.append(entries(1000, 10), NOON)
    log.tables.ask("pragma max_page_count = 1000000")
    log.append(entries(1, 10), NOON)

    log.tables.close()
    assert found(f"sqlite:{path}") == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()
