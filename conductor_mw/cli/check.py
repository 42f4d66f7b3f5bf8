"""`conductor-mw check`: is this policy sound, before it meets a request?"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from conductor_mw.errors import ConductorError, Finding, PolicyError

from . import console
from .arguments import format_option
from .command import Command
from .door import FOUND
from .group import COULD_NOT_RUN

if TYPE_CHECKING:
    from conductor_mw.workbench.bound import Worst


@click.command(
    cls=Command,
    epilog="""
  conductor-mw check conductor.yaml
  conductor-mw check conductor.yaml --strict --format json
  conductor-mw check conductor.yaml --bound""",
)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--strict", is_flag=True, help="Let warnings count as well.")
@click.option("--bound", is_flag=True, help="Print the most calls that one request can cost.")
@format_option("pretty", "json", "sarif")
@click.pass_context
def check(
    ctx: click.Context, files: tuple[Path, ...], strict: bool, bound: bool, form: str
) -> None:
    """Say what is wrong with a policy.

    Silent where nothing is. Finds what cannot be compiled (syntax, types, unknown names), rules
    that can never decide, a missing default, targets that may need more calls than the policy
    allows.

    Exit codes: 0 sound, 1 a file cannot be read, 2 something was found.
    """
    from conductor_mw.workbench import check as workbench
    from conductor_mw.workbench.bound import worst_calls
    from conductor_mw.workbench.load import load

    # Compiling makes many small objects that stay: looking through them all again and again for
    # garbage took a third of the time with 10,000 rules.
    gc.set_threshold(50_000, 20, 20)
    checked = Checked()
    for path in files:
        try:
            policy = load(path)
        except PolicyError as error:
            checked.findings += error.findings
        except ConductorError as error:
            checked.unreadable.append(error)
        else:
            checked.findings += workbench.check(policy)
            if bound:
                checked.bounds.append((str(path), worst_calls(policy)))
    _PRINTERS[form](checked)
    if checked.unreadable:
        ctx.exit(COULD_NOT_RUN)
    if any(strict or one.severity == "error" for one in checked.findings):
        ctx.exit(FOUND)


@dataclass(slots=True)
class Checked:
    """What came out of checking some files."""

    findings: list[Finding] = field(default_factory=list[Finding])
    unreadable: list[ConductorError] = field(default_factory=list[ConductorError])
    bounds: list[tuple[str, tuple[Worst, ...]]] = field(
        default_factory=list[tuple[str, "tuple[Worst, ...]"]]
    )


def _pretty(checked: Checked) -> None:
    for one in checked.findings:
        place = console.paint(console.harmless(str(one.place)), "name")
        warning = console.paint("warning: ", "warn") if one.severity == "warning" else ""
        console.say(f"{place}: {warning}{console.harmless(one.problem)}")
        if one.mend:
            console.say(f"  {console.harmless(one.mend)}")
    _tell_unreadable(checked)
    for file, bounds in checked.bounds:
        if len(checked.bounds) > 1:
            console.say(console.paint(console.harmless(file), "name"))
        console.say(_bound_table(bounds))


def _json(checked: Checked) -> None:
    findings = [
        {
            "file": one.place.file,
            "line": one.place.line,
            "column": one.place.column,
            "code": one.code,
            "severity": one.severity,
            "problem": one.problem,
            "mend": one.mend,
        }
        for one in checked.findings
    ]
    unreadable = [
        {"file": error.where, "problem": error.problem, "mend": error.mend}
        for error in checked.unreadable
    ]
    found: dict[str, object] = {"findings": findings, "unreadable": unreadable}
    if checked.bounds:
        found["bound"] = {
            file: [asdict(worst) for worst in bounds] for file, bounds in checked.bounds
        }
    console.say_json(found)


def _sarif(checked: Checked) -> None:
    from conductor_mw.workbench.sarif import sarif

    console.say_json(sarif(checked.findings))
    _tell_unreadable(checked)


_PRINTERS: Final[dict[str, Callable[[Checked], None]]] = {
    "pretty": _pretty,
    "json": _json,
    "sarif": _sarif,
}


def _tell_unreadable(checked: Checked) -> None:
    for error in checked.unreadable:
        console.note(str(error))


def _bound_table(bounds: tuple[Worst, ...]) -> str:
    asks = any(worst.signals for worst in bounds)
    columns = (
        console.Column("rule", style="name", least=8),
        console.Column("target", style="good", least=8),
        console.Column("calls at worst", right=True),
        *([console.Column("for signals", right=True)] if asks else ()),
        console.Column("allowed", right=True, style="quiet"),
    )
    rows = [
        (
            worst.rule or "(default)",
            worst.target,
            str(worst.calls),
            *([str(worst.signals or "")] if asks else ()),
            "" if worst.allowed is None else str(worst.allowed),
        )
        for worst in bounds
    ]
    return console.table(columns, rows)
