"""`conductor-mw audit verify`: did anybody change what was recorded?"""

from __future__ import annotations

import time
from pathlib import Path

import click

from conductor_mw import ConductorError
from conductor_mw.cli.door import FOUND, Command, format_option, note, paint, say, say_json

from .asked import where_option
from .checkpoint import Checkpoint
from .verdict import Verdict


@click.command(
    "verify",
    cls=Command,
    epilog="""
  conductor-mw audit verify
  conductor-mw audit verify --checkpoints checkpoints.jsonl
  conductor-mw audit verify --path audit.db --checkpoints kept.jsonl --format json""",
)
@where_option
@click.option(
    "--checkpoints", "kept", type=click.Path(path_type=Path), metavar="FILE",
    help="The checkpoints that were kept elsewhere, one a line, as `checkpoints_to:` writes them.",
)  # fmt: skip
@click.option(
    "--public-key", metavar="HEX",
    help="Check Ed25519 signatures with this key, without the log's own.",
)  # fmt: skip
@format_option("pretty", "json")
@click.pass_context
def verify(
    ctx: click.Context, path: str, kept: Path | None, public_key: str | None, form: str
) -> None:
    """Compare every record with its seal, the tree and the checkpoints.

    What nobody can see without checkpoints that were kept elsewhere: whether the newest records
    were cut off together with the log's own checkpoints of them.

    Exit codes: 0 all is as it was written, 1 could not run, 2 something was changed.
    """
    from .records import opened
    from .verify import verify as verified

    outside = None if kept is None else _read(kept)
    begun = time.perf_counter()
    with opened(path, public_key=_public(public_key)) as records:
        verdict = verified(records.tables, records.keys, records.log.signer, outside)
    seconds = time.perf_counter() - begun
    if form == "json":
        say_json(verdict.to_dict())
    else:
        _say(verdict, seconds)
    ctx.exit(FOUND if verdict.findings else 0)


def _say(verdict: Verdict, seconds: float) -> None:
    for finding in verdict.findings:
        say(f"{paint('changed', 'bad')}  {finding}")
    if verdict.more:
        say(f"and {verdict.more:,} more")
    if not verdict.findings:
        here = verdict.size - verdict.pruned
        gone = f", {verdict.pruned:,} pruned" if verdict.pruned else ""
        say(
            f"{paint('fine', 'good')}  {_count(here, 'record')}{gone},"
            f" {_count(verdict.checkpoints, 'checkpoint')},"
            f" {seconds:.1f} s; root {verdict.root.hex()[:16]}"
        )
    if not verdict.signed:
        note("no signature vouches for this: give the log a key, or keep checkpoints elsewhere")
    if not verdict.outside:
        note("only a checkpoint kept elsewhere (--checkpoints) shows that no newest record is gone")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _read(path: Path) -> list[Checkpoint]:
    from .checkpoint import read_lines

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConductorError(f"the checkpoints cannot be read: {error}", where=path) from error
    return list(read_lines(text.splitlines(), str(path)))


def _public(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        found = bytes.fromhex(text)
    except ValueError as error:
        raise ConductorError("--public-key is no hexadecimal number") from error
    return found
