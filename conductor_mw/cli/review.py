"""`conductor-mw review`: what are people asked, and what do they say?"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from conductor_mw.errors import ConductorError

from . import console
from .arguments import format_option, read_text
from .command import Command
from .door import FOUND, Group
from .shared_state import store_options

if TYPE_CHECKING:
    from conductor_mw.gates import Choice, Gate

F = TypeVar("F", bound=Callable[..., Any])


@click.group(
    cls=Group,
    epilog="""
  conductor-mw review list --store sqlite:conductor.db
  conductor-mw review list --store sqlite:conductor.db --all --format json""",
)
def review() -> None:
    """Look at what people are asked, and decide it.

    A run that reaches a person waits at a gate, which is kept in the store of its policy. Whoever
    can write that store can decide, from any process; the run goes on within a second. The first
    decision stands, and who comes later is told by whom and when it was made.

    Exit codes: 0 fine, 1 could not run, 2 it came too late, or there is no such gate.
    """


def _by_somebody(command: F) -> F:
    by = click.option("--by", metavar="NAME", help="Who decides; your login name by default.")
    comment = click.option("--comment", default="", metavar="TEXT", help="Why, for the record.")
    return by(comment(store_options(format_option("pretty", "json")(command))))


_gate: Final = click.argument("gate_id", metavar="ID")


@review.command(
    "list",
    cls=Command,
    epilog="""
  conductor-mw review list --store sqlite:conductor.db
  conductor-mw review list --policy conductor.yaml --queue leads
  conductor-mw review list --store sqlite:conductor.db --all --format json""",
)
@click.option("--queue", default="", metavar="NAME", help="Only what this queue is asked.")
@click.option("--all", "decided", is_flag=True, help="Also what was decided, for thirty days.")
@store_options
@format_option("pretty", "json")
def list_gates(
    queue: str, decided: bool, store: str | None, policy: Path | None, form: str
) -> None:
    """List what waits for a decision, the most urgent first."""
    from conductor_mw.gates import Listing

    from . import reviews
    from .reviewing import now, opened

    with opened(store, policy) as gates:
        moment = now()
        ids = () if gates is None else gates.ids(moment)
        found = Listing(()) if gates is None else gates.list(moment, queue=queue, decided=decided)
    if form == "json":
        console.say_json(reviews.as_json(found, moment))
        return
    for damaged in found.damaged:
        console.note(f"{damaged}: the record of this gate is damaged")
    if found.gates:
        console.say(reviews.as_table(found, ids, moment))
    else:
        absent = ": the store is not there yet" if gates is None else ""
        console.note(f"nothing waits{absent}")


@review.command(
    "show",
    cls=Command,
    epilog="""
  conductor-mw review show 4be1 --store sqlite:conductor.db
  conductor-mw review show 4be1 --policy conductor.yaml --format json""",
)
@_gate
@store_options
@format_option("pretty", "json")
@click.pass_context
def show(
    ctx: click.Context, gate_id: str, store: str | None, policy: Path | None, form: str
) -> None:
    """Show what people are asked, and what was said so far.

    ID may be shortened as long as only one gate begins with it.
    """
    from . import reviews
    from .reviewing import now, opened, picked

    with opened(store, policy) as gates:
        gate = None if gates is None else picked(gates, gate_id)
    if gate is None:
        ctx.exit(_unknown(gate_id, form))
    if form == "json":
        console.say_json(reviews.gate_json(gate, now()))
    else:
        console.say("\n".join(reviews.gate_lines(gate, now())))


@review.command(
    "approve",
    cls=Command,
    epilog="""
  conductor-mw review approve 4be1 --store sqlite:conductor.db
  conductor-mw review approve 4be1 --policy conductor.yaml --by ana --comment "as agreed" """,
)
@_gate
@_by_somebody
@click.pass_context
def approve(ctx: click.Context, /, gate_id: str, **options: Any) -> None:
    """Let what is shown go on as it is."""
    _decide(ctx, gate_id, "approve", **options)


@review.command(
    "reject",
    cls=Command,
    epilog="""
  conductor-mw review reject 4be1 --store sqlite:conductor.db --comment "the wrong customer"
  conductor-mw review reject 4be1 --policy conductor.yaml --by ana""",
)
@_gate
@_by_somebody
@click.pass_context
def reject(ctx: click.Context, /, gate_id: str, **options: Any) -> None:
    """Let nothing go on: the waiting step fails as rejected."""
    _decide(ctx, gate_id, "reject", **options)


@review.command(
    "edit",
    cls=Command,
    epilog="""
  conductor-mw review edit 4be1 --store sqlite:conductor.db
  conductor-mw review edit 4be1 --policy conductor.yaml --text "We refund $10."
  conductor-mw review edit 4be1 --policy conductor.yaml --by ana --file answer.txt""",
)
@_gate
@click.option("--text", metavar="TEXT", help="What goes on instead.")
@click.option(
    "--file", type=click.Path(path_type=Path), metavar="FILE",
    help="A file with what goes on instead; - reads it from stdin.",
)  # fmt: skip
@_by_somebody
@click.pass_context
def edit(
    ctx: click.Context, /, gate_id: str, text: str | None, file: Path | None, **options: Any
) -> None:
    """Let another text go on instead of what is shown.

    Without --text and --file, $EDITOR opens with what is shown.
    """
    if text is not None and file is not None:
        raise ConductorError("there are two texts", mend="give --text or --file")
    _decide(ctx, gate_id, "edit", lambda gate: _text(gate, text, file), **options)


def _decide(
    ctx: click.Context,
    gate_id: str,
    choice: Choice,
    text_for: Callable[[Gate], str] = lambda _: "",
    *,
    by: str | None,
    comment: str,
    store: str | None,
    policy: Path | None,
    form: str,
) -> None:
    from conductor_mw.gates import Verdict

    from . import reviews
    from .reviewing import now, opened, picked

    with opened(store, policy) as gates:
        gate = None if gates is None else picked(gates, gate_id)
        if gates is None or gate is None:
            ctx.exit(_unknown(gate_id, form))
        # A text is asked for only where it could go on.
        wanted = choice in gate.choices and gate.state(now()) == "open"
        text = text_for(gate) if wanted else ""
        verdict = Verdict(choice=choice, by=by or _login(), text=text, comment=comment)
        decided = gates.decide(gate.id, verdict, now())
    if form == "json":
        console.say_json(reviews.decided_json(decided, now()))
    elif decided.counts:
        console.say(console.harmless(str(decided)))
    else:
        console.note(str(decided))
    ctx.exit(0 if decided.counts else FOUND)


def _unknown(gate_id: str, form: str) -> int:
    if form == "json":
        console.say_json({"status": "unknown", "said": "there is no such gate", "gate": None})
    else:
        console.note(f"no gate begins with {gate_id[:80]!r}")
    return FOUND


def _text(gate: Gate, text: str | None, file: Path | None) -> str:
    if text is not None:
        return text
    if file is not None:
        return sys.stdin.read() if str(file) == "-" else read_text(file)
    edited = click.edit(gate.approves, extension=".txt")
    if edited is not None and not gate.approves.endswith("\n"):
        edited = edited.removesuffix("\n")  # editors end the last line
    if edited is None or edited == gate.approves:
        raise ConductorError("nothing was changed, so nothing was decided", mend="approve it?")
    return edited


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise ConductorError("the system does not say who you are", mend="give --by") from error
