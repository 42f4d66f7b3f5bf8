"""The command as a process of its own: streams apart, exit codes, no traceback whatever comes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from conductor_mw.cli import main

SOUND = "agents: [{id: a, simulated: Hello}]\nrouting: {default: a}\n"
COMMAND = (sys.executable, "-c", "from conductor_mw.cli import main; main()")


def start(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(SOUND)
    (tmp_path / "t.jsonl").write_text('{"text": "Hello"}\n')
    return tmp_path


def test_a_process_without_the_file_says_so_on_stderr_without_a_traceback(folder: Path) -> None:
    ended = start(folder, "run", "absent.yaml", "Hello")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "absent.yaml: the file cannot be read: No such file or directory\n"
        "  check its path and permissions\n"
    )


def test_a_process_that_finds_something_says_so_on_stdout(folder: Path) -> None:
    (folder / "bad.yaml").write_text(SOUND.replace("default: a", "default: b"))

    ended = start(folder, "check", "bad.yaml")

    assert (ended.returncode, ended.stderr) == (2, "")
    assert ended.stdout == ("bad.yaml:2:20: routing.default: no agent or flow 'b'\n  known: a\n")


@pytest.mark.parametrize("command", ["check", "explain", "graph", "run"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent", None),
        ("folder", "folder"),
        ("binary", bytes(range(256)) * 40),
        ("empty", b""),
        ("garbage", b"{[}" * 1_700_000),
        ("nul", b"agents: [\0]\n"),
        ("letters", b"\x1b]0;title\x07: \x1b[31m" * 20),
    ],
)
def test_no_policy_gives_a_traceback(
    folder: Path,
    command: str,
    name: str,
    content: bytes | str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = folder / name
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    more = ["Hello"] if command in ("explain", "run") else []
    monkeypatch.chdir(folder)

    ended = CliRunner().invoke(main, [command, name, *more], color=True)

    assert ended.exit_code in (1, 2)
    assert isinstance(ended.exception, SystemExit)
    said = ended.stdout + ended.stderr
    assert click.unstyle(said).startswith(name)
    assert "conductor-mw failed" not in said
    assert "\x1b]0;" not in said
    assert "\x1b[31m" not in said


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 40, b"{[}" * 1_700_000, b"[" * 5_000_000, b"\n\n", b"null\n"]
)
def test_no_traffic_gives_a_traceback(
    folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "t.jsonl").write_bytes(content)
    monkeypatch.chdir(folder)

    ended = CliRunner().invoke(main, ["run", "p.yaml", "t.jsonl"])

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("t.jsonl:")
    assert len(ended.stderr) < 1000
    assert "conductor-mw failed" not in ended.stderr


def test_a_reader_that_goes_away_is_no_fault(folder: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "schema"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read()

    assert said == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, "schema"], cwd=folder, stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert ended.returncode == 1
    assert ended.stderr == b"the system refused: No space left on device\n"


def test_a_pipe_gets_no_colours(folder: Path) -> None:
    ended = start(folder, "explain", "p.yaml", "Hello", env={"FORCE_COLOR": ""})

    assert ended.returncode == 0
    assert "\x1b" not in ended.stdout


def test_a_poor_encoding_is_no_fault(folder: Path) -> None:
    ended = start(folder, "graph", "p.yaml", env={"PYTHONIOENCODING": "ascii"})

    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr
