"""Runs the console blocks of a document in one folder, as a reader would."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from conductor_mw.cli import main

BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[re.Match[str]]:
    """Give the fenced blocks of a document in their order."""
    return BLOCK.finditer(text)


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
            command = shlex.split(line[2:])
            assert command[0] == "conductor-mw"
            result = CliRunner().invoke(main, command[1:], prog_name="conductor-mw")
            gap = [""] if len(lines) > 1 and not lines[-1].startswith("$ ") else []
            lines += [*gap, line, *result.output.rstrip("\n").splitlines()]
    return "\n".join([*lines, "```"])
