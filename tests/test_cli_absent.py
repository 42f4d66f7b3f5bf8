"""The commands that read a file or a store, where there is none, or one of another kind."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conductor_mw.cli import main


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "CONDUCTOR_TRACEBACK", "AUDIT_KEY"):
        monkeypatch.delenv(name, raising=False)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="conductor-mw")


ASKING = [
    asked.split()
    for asked in (
        "stats --path",
        "stats --check calls>1 --path",
        "stats --format json --path",
        "stats compare a b --path",
        "audit query --path",
        "audit query --format json --path",
        "audit who-saw --class email --path",
        "audit verify --path",
        "audit export --path",
        "audit prune --before 1d --path",
        "audit forget ana --path",
        "policies list --path",
        "policies show 3edc --path",
        "policies rollback 3edc --policy conductor.yaml --yes --path",
    )
]
STORED = [
    asked.split()
    for asked in (
        "agents list --store",
        "agents drain small --store",
        "agents resume small --store",
        "cache purge --all --store",
        "review list --store",
        "review show 4be1 --store",
    )
]


def _told_kindly(result: Result) -> None:
    """Check that an error is a line and a mend, and nothing else is printed."""
    assert result.exit_code == 1
    assert result.stdout == ""
    told = result.stderr.splitlines()
    assert len(told) == 2
    assert told[1].startswith("  ")
    assert "conductor-mw failed" not in told[0]


@pytest.mark.parametrize("asked", ASKING, ids=" ".join)
@pytest.mark.parametrize("name", ["absent.db", "absent/absent.db"])
def test_a_file_that_is_not_there_is_told_kindly_and_not_made(asked: list[str], name: str) -> None:
    result = invoke(*asked, name)

    _told_kindly(result)
    assert result.stderr.startswith(f"{name}: ")
    assert "--path" in result.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("asked", STORED, ids=" ".join)
@pytest.mark.parametrize("name", ["absent.db", "absent/absent.db"])
def test_a_store_that_is_not_there_is_not_made(asked: list[str], name: str) -> None:
    result = invoke(*asked, f"sqlite:{name}")

    assert result.exit_code in {0, 1, 2}
    assert "failed" not in result.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("asked", [*ASKING, *STORED], ids=" ".join)
def test_a_file_that_is_no_database_is_told_kindly_and_left_alone(asked: list[str]) -> None:
    Path("notes.db").write_text("no database at all, but quite long enough to be one\n" * 9)
    before = Path("notes.db").read_bytes()

    result = invoke(*asked, _named(asked, "notes.db"))

    _told_kindly(result)
    assert Path("notes.db").read_bytes() == before


@pytest.mark.parametrize("asked", [*ASKING, *STORED], ids=" ".join)
def test_a_folder_is_told_kindly(asked: list[str]) -> None:
    Path("folder.db").mkdir()

    _told_kindly(invoke(*asked, _named(asked, "folder.db")))


@pytest.mark.parametrize("asked", ASKING, ids=" ".join)
def test_a_database_of_somebody_else_is_told_and_left_alone(asked: list[str]) -> None:
    with sqlite3.connect("other.db") as connection:
        connection.execute("create table other (one)")
    connection.close()
    before = Path("other.db").read_bytes()

    result = invoke(*asked, "other.db")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("other.db: ")
    assert Path("other.db").read_bytes() == before


@pytest.mark.parametrize("asked", [*ASKING, *STORED], ids=" ".join)
@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="a system with other rights")
def test_a_file_that_may_not_be_read_is_told_kindly(asked: list[str], nobody: None) -> None:
    del nobody

    _told_kindly(invoke(*asked, _named(asked, "locked.db")))


@pytest.fixture
def nobody() -> Iterator[None]:
    """A file that may not be read, and the rights of nobody: the system refuses root nothing."""
    Path("locked.db").touch()
    Path("locked.db").chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    yield
    os.seteuid(was)


def _named(asked: list[str], name: str) -> str:
    return f"sqlite:{name}" if asked[-1] == "--store" else name
