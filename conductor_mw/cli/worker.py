"""`conductor-mw worker`: does a worker keep to the contract?"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import click

from conductor_mw.durations import seconds
from conductor_mw.errors import ConductorError

from . import console
from .arguments import format_option
from .command import Command
from .door import FOUND, Group

if TYPE_CHECKING:
    from conductor_mw.workers.conformance import Verdict


@click.group(
    cls=Group,
    epilog="""
  conductor-mw worker test --list
  conductor-mw worker test --list --format json""",
)
def worker() -> None:
    """Test a worker: an HTTP service that answers for an agent."""


@worker.command(
    cls=Command,
    epilog="""
  conductor-mw worker test http://127.0.0.1:9000/
  conductor-mw worker test http://127.0.0.1:9000/ --secret-env WORKER_SECRET
  conductor-mw worker test http://127.0.0.1:9000/ --format json""",
)
@click.argument("url", required=False)
@click.option(
    "--secret-env", metavar="NAME", help="The environment variable that holds the secret."
)
@click.option("--input", "given", metavar="JSON", help="An input that this worker takes.")
@click.option("--timeout", default="10s", show_default=True, help="How long one answer may take.")
@click.option("--list", "only_list", is_flag=True, help="Say what would be checked; call nobody.")
@format_option("pretty", "json")
def test(
    url: str | None,
    secret_env: str | None,
    given: str | None,
    timeout: str,
    form: str,
    *,
    only_list: bool,
) -> int:
    """Check that a worker keeps to the contract.

    It makes one call for each thing that goes wrong in production.

    Exit codes: 0 it does, 1 could not run, 2 it does not.
    """
    try:
        from conductor_mw.workers import bench, conformance
    except ModuleNotFoundError as error:
        raise ConductorError(
            f"{error.name} is not installed", mend="pip install 'conductor-mw[worker]'"
        ) from None
    if only_list:
        _list([(check.name, check.says) for check in conformance.CHECKS], form)
        return 0
    if url is None:
        raise ConductorError(
            "no worker was named", mend="write its URL, for example http://127.0.0.1:9000/"
        )
    subject = bench.Subject(
        url,
        None if secret_env is None else _key(secret_env),
        bench.SAMPLE if given is None else _input(given),
        _seconds(timeout),
    )
    verdicts = tuple(conformance.examine(subject))
    _print(url, verdicts, form)
    if given is None and any(one.check == "answer" and one.status == "fail" for one in verdicts):
        console.note("  where it takes another input than a text, give one: --input JSON")
    return FOUND if any(one.status == "fail" for one in verdicts) else 0


def _list(checks: Sequence[tuple[str, str]], form: str) -> None:
    if form == "json":
        console.say_json([{"check": name, "says": says} for name, says in checks])
        return
    columns = (console.Column("check", style="name"), console.Column("a worker must", least=20))
    console.say(console.table(columns, checks))


def _print(url: str, verdicts: Sequence[Verdict], form: str) -> None:
    if form == "json":
        console.say_json({"url": url, "checks": [asdict(one) for one in verdicts]})
        return
    columns = (
        console.Column("check", style="name"),
        console.Column("a worker must", least=20),
        console.Column("", style="value"),
        console.Column("seen", style="quiet", least=20),
    )
    rows = [(one.check, one.says, one.status, one.detail) for one in verdicts]
    console.say(console.table(columns, rows))
    passed, failed, skipped = (
        sum(one.status == status for one in verdicts) for status in ("pass", "fail", "skipped")
    )
    told = console.paint(f"{passed} passed, {failed} failed", "bad" if failed else "good")
    console.say(f"\n{told}, {skipped} skipped: {console.harmless(url)}")


def _key(name: str) -> bytes:
    from conductor_mw.workers.signature import key_of

    try:
        return key_of(os.environ.get(name, ""))
    except ConductorError as error:
        raise ConductorError(
            f"--secret-env {name[:80]!r}: {error.problem}", mend=f"set {name[:80]} to the secret"
        ) from None


def _input(text: str) -> dict[str, Any]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConductorError(f"--input is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ConductorError("--input is no mapping", mend='for example {"text": "Hello"}')
    return cast("dict[str, Any]", found)


def _seconds(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise ConductorError(f"--timeout {text[:40]!r}: {error}") from None
