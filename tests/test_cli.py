"""The command line as a whole: help, examples, errors, exit codes, plugins' commands."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from conductor_mw import PluginError
from conductor_mw.cli import main
from conductor_mw.cli.group import COMMANDS, Commands
from tests.cli_documents import BLOCK, replayed

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "support-desk"
HELP = {
    name: getattr(__import__(f"conductor_mw.cli.{name}", fromlist=[name]), name)
    for name in COMMANDS
}
EXAMPLES = [
    pytest.param(line, id=line)
    for command in (main, *HELP.values())
    for line in (command.epilog or "").strip().splitlines()
]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "CONDUCTOR_TRACEBACK", "CONDUCTOR_ENV"):
        monkeypatch.delenv(name, raising=False)


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="conductor-mw", **options)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_help_text_ends_in_examples(name: str) -> None:
    result = invoke(*filter(None, [name]), "--help")

    assert result.exit_code == 0
    before, _, examples = result.output.partition("\nExamples:\n")
    assert before.startswith("Usage: conductor-mw")
    assert examples
    for line in examples.splitlines():
        assert line.startswith(f"  conductor-mw {name}".rstrip())


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_of_a_help_text_runs(line: str) -> None:
    if " init" not in line:
        for name in ("conductor.yaml", "requests.jsonl"):
            shutil.copy(EXAMPLE / name, name)

    result = invoke(*shlex.split(line.strip())[1:])

    assert result.exit_code == 0, result.output


def test_the_overview_lists_every_command_in_the_order_people_need_them() -> None:
    listed = invoke("--help").output.partition("Commands:\n")[2].partition("\n\n")[0]

    assert re.findall(r"^  (\w+)", listed, re.MULTILINE) == list(COMMANDS)


def test_every_command_explains_itself_in_one_whole_line() -> None:
    listed = invoke("--help").output.partition("Commands:\n")[2].partition("\n\n")[0]

    assert all(line.endswith(".") and not line.endswith("...") for line in listed.splitlines())


def test_the_document_says_what_the_commands_print() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    fresh = BLOCK.sub(replayed, text)

    # A fingerprint holds the version of every plugin; it is shown, and not pinned here.
    assert _unprinted(fresh) == _unprinted(text)


def _unprinted(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{12}\b", "<fingerprint>", text)


def test_the_document_has_a_section_for_every_command_with_its_help() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    for name in COMMANDS:
        assert f"\n## {name}\n" in text
        assert f"$ conductor-mw {name} --help\n" in text


def test_the_version_is_that_of_the_distribution() -> None:
    assert invoke("--version").output == f"conductor-mw, version {version('conductor-mw')}\n"


def test_a_misspelt_command_names_the_one_that_was_meant() -> None:
    result = invoke("chek")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "no command 'chek'\n  did you mean 'check'?\n"


def test_a_wrong_option_could_not_run_and_says_where_to_read() -> None:
    result = invoke("check", "--nope", "conductor.yaml")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "No such option '--nope'.\n"
        "  Usage: conductor-mw check [OPTIONS] FILE...\n"
        "  see: conductor-mw check --help\n"
    )


def test_an_error_of_ours_is_one_line_with_the_mend_below() -> None:
    result = invoke("explain", "absent.yaml", "Hello")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "absent.yaml: the file cannot be read: No such file or directory\n"
        "  check its path and permissions\n"
    )


def test_a_fault_of_the_program_is_a_line_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conductor_mw.workbench.load.load", _broken)

    result = invoke("check", "conductor.yaml")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "conductor-mw failed: KeyError: 'gone'\n"
        "  set CONDUCTOR_TRACEBACK=1 to see where, and please report it\n"
    )


def test_who_asks_for_the_traceback_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conductor_mw.workbench.load.load", _broken)
    monkeypatch.setenv("CONDUCTOR_TRACEBACK", "1")

    result = invoke("check", "conductor.yaml")

    assert isinstance(result.exception, KeyError)


def _broken(_: object) -> None:
    raise KeyError("gone")


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[click.Command]]:
    """Commands that a plugin adds."""
    offered: list[click.Command] = []

    class Installed:
        def add_commands(self, group: click.Group) -> None:
            for command in offered:
                group.add_command(command)

    monkeypatch.setattr("conductor_mw.plugins.installed", Installed)
    monkeypatch.setattr(main, "commands", {})
    monkeypatch.setattr(Commands, "_asked_plugins", False)
    main.__dict__.pop("_asked_plugins", None)
    yield offered
    main.__dict__.pop("_asked_plugins", None)


def test_a_plugin_adds_a_command(plugged: list[click.Command]) -> None:
    plugged.append(click.Command("hello", callback=lambda: click.echo("hello"), help="Say hello."))

    assert invoke("hello").output == "hello\n"
    assert "  hello    Say hello.\n" in invoke("--help").output


def test_a_plugin_cannot_take_a_command_of_ours(plugged: list[click.Command]) -> None:
    plugged.append(click.Command("check"))

    result = invoke("hello")

    assert result.exit_code == 1
    assert (
        result.stderr == "the command 'check' is offered twice\n  Uninstall one of the plugins.\n"
    )


def test_a_command_of_ours_does_not_wait_for_plugins(plugged: list[click.Command]) -> None:
    plugged.append(click.Command("check"))

    result = invoke("init", "--help")

    assert result.exit_code == 0


def test_the_error_of_a_taken_command_is_a_plugin_error() -> None:
    with pytest.raises(PluginError):
        Commands("x").add_command(click.Command("run"))
