"""`conductor-mw run`: answer one prompt, or a whole file of traffic, by the policy."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TextIO

import click

from .arguments import format_option, metadata_option, policy_file, read_metadata, unreadable
from .command import Command

TRAFFIC: Final = (".jsonl", ".ndjson")


@click.command(
    cls=Command,
    epilog="""
  conductor-mw run conductor.yaml "Where do I find my invoices?"
  conductor-mw run conductor.yaml "Solve 3x + 5 = 20, step by step." -m tier=pro --stream
  conductor-mw run conductor.yaml requests.jsonl
  conductor-mw run conductor.yaml requests.jsonl --limit 20 -o answers.jsonl
  conductor-mw run conductor.yaml requests.jsonl --simulate --format json""",
)
@policy_file
@click.argument("what", metavar="PROMPT|TRAFFIC.jsonl")
@metadata_option
@click.option("--simulate", is_flag=True, help="Simulate every agent; call no model.")
@click.option("--stream", is_flag=True, help="Read answers part by part.")
@click.option("--real-time", is_flag=True, help="Wait as long as simulated agents say they take.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1000), default=8, show_default=True,
    help="Requests of the traffic under way at once.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Read no more requests than this.")
@click.option("--seed", type=int, help="Make chance repeatable; a simulation always is.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="OUT",
    help="Keep each answer and how it came about, one JSON object a line.",
)  # fmt: skip
@format_option("pretty", "json")
@click.pass_context
def run(
    ctx: click.Context,
    file: Path,
    what: str,
    metadata: tuple[str, ...],
    simulate: bool,
    stream: bool,
    real_time: bool,
    concurrency: int,
    limit: int | None,
    seed: int | None,
    out: Path | None,
    form: str,
) -> None:
    """Answer a prompt, or run a file of traffic.

    Traffic is summed up for each route: how many, how dear, how slow, and how often it went wrong;
    and compared with what it would have cost otherwise.

    An argument that ends in .jsonl names a traffic file: one request a line with text or messages,
    and id, metadata, tools, parameters where it has any. Anything else is a prompt; - reads it from
    stdin. --metadata then holds for every line that does not say otherwise.

    Models are really called, and cost money, unless the policy simulates them or --simulate is
    given. Where every agent is simulated, so is time: nobody waits for it.

    Exit codes: 0 all answered, 1 could not run, 2 some request got no answer.
    """
    from conductor_mw.workbench.load import load

    from .running import How, answer_prompt, run_file

    how = How(load(file), read_metadata(metadata), simulate, stream, real_time, seed, form)
    with ExitStack() as stack:
        keep = None if out is None else stack.enter_context(_opened(out))
        if what.endswith(TRAFFIC):
            ctx.exit(run_file(how, Path(what), concurrency, limit, keep))
        prompt = sys.stdin.read() if what == "-" else what
        ctx.exit(answer_prompt(how, prompt, keep))


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        raise unreadable(error, path, "written") from error
