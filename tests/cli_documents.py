"""Runs the console blocks of a document in one folder, as a reader would."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from conductor_mw.cli import main

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[re.Match[str]]:
    """Give the fenced blocks of a document in their order."""
    return BLOCK.finditer(text)


def _printed(command: list[str]) -> str:
    """Give what a command prints: one of ours in this process, an example's script in another."""
    program, *arguments = command
    if program == "python":
        script = ROOT / arguments[0]
        done = subprocess.run(
            [sys.executable, script, *arguments[1:]], check=True, capture_output=True, text=True
        )
        return done.stdout
    assert program == "conductor-mw"
    return CliRunner().invoke(main, arguments, prog_name="conductor-mw").output


def replayed(block: re.Match[str]) -> str:
    """Give a console block as it would be written now; a titled block is written to its file."""
    kind, title, body = block.groups()
    if title:
        Path(title).write_text(body, encoding="utf-8")
    if kind != "console":
        return block.group(0)
    lines = ["```console"]
    for line in body.splitlines():
        if line.startswith("$ "):
            printed = _printed(shlex.split(line[2:]))
            gap = [""] if len(lines) > 1 and not lines[-1].startswith("$ ") else []
            lines += [*gap, line, *printed.rstrip("\n").splitlines()]
    return "\n".join([*lines, "```"])
