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
from conductor_mw.cli.group import COMMANDS, LATER, Commands
from tests.cli_documents import BLOCK, replayed

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "support-desk"
SHIPPED = (*COMMANDS[:-1], *LATER, COMMANDS[-1])
"""Every command that an installation of ours has, in the order in which people meet them."""


def below(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Give a group and whatever stands below it, with the words that lead there."""
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        here = f"{path} {name}"
        if isinstance(command, click.Group):
            yield from below(command, here)
        else:
            yield here, command


EVERY = dict(below(main, "conductor-mw"))
GROUPS = [path for path, command in EVERY.items() if isinstance(command, click.Group)]
LINES = [
    pytest.param(line.strip(), id=line.strip())
    for line in dict.fromkeys(
        line for one in EVERY.values() for line in (one.epilog or "").strip().splitlines()
    )
]
OURS = [
    pytest.param(line, id=line)
    for name in COMMANDS
    for line in (EVERY[f"conductor-mw {name}"].epilog or "").strip().splitlines()
]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "CONDUCTOR_TRACEBACK", "CONDUCTOR_ENV"):
        monkeypatch.delenv(name, raising=False)


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="conductor-mw", **options)


@pytest.mark.parametrize("path", EVERY)
def test_every_help_text_ends_in_examples(path: str) -> None:
    result = invoke(*path.split()[1:], "--help")

    assert result.exit_code == 0
    before, _, examples = result.output.partition("\nExamples:\n")
    assert before.startswith("Usage: conductor-mw")
    assert examples
    for line in examples.splitlines():
        assert line.startswith(f"  {path}")


@pytest.mark.parametrize("line", LINES)
def test_every_example_of_a_help_text_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    if ">" in words:  # the shell takes the rest
        words = words[: words.index(">")]
    group: click.Command = main
    context = click.Context(main)
    while isinstance(group, click.Group) and words:
        name = words[0]
        found = group.get_command(context, name)
        if found is None or name.startswith("-"):
            break
        words = words[1:]
        group = found

    # Parsing reads the options and arguments, and refuses what the command does not take.
    group.make_context(group.name, words)


@pytest.mark.parametrize("line", OURS)
def test_every_example_of_a_help_text_runs(line: str) -> None:
    if " init" not in line:
        for name in ("conductor.yaml", "requests.jsonl"):
            shutil.copy(EXAMPLE / name, name)

    result = invoke(*shlex.split(line.strip())[1:])

    assert result.exit_code == 0, result.output


def test_the_overview_lists_every_command_in_the_order_people_need_them() -> None:
    listed = invoke("--help").output.partition("Commands:\n")[2].partition("\n\n")[0]

    assert re.findall(r"^  (\w+)", listed, re.MULTILINE) == list(SHIPPED)


@pytest.mark.parametrize("path", GROUPS)
def test_every_command_explains_itself_in_one_whole_line(path: str) -> None:
    context = click.Context(EVERY[path])
    group = EVERY[path]
    assert isinstance(group, click.Group)

    listed = invoke(*path.split()[1:], "--help").output.partition("Commands:\n")[2]
    lines = listed.partition("\n\n")[0].splitlines()

    assert [line.split()[0] for line in lines] == group.list_commands(context)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


@pytest.mark.parametrize("path", GROUPS)
def test_a_narrow_terminal_breaks_a_summary_and_never_cuts_it(
    path: str,
) -> None:
    printed = invoke(*path.split()[1:], "--help", terminal_width=60).output
    listed = printed.partition("Commands:\n")[2]

    assert "..." not in listed.partition("\n\n")[0]
    assert all(len(line) <= 60 for line in listed.partition("\n\n")[0].splitlines())


def test_the_document_says_what_the_commands_print() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    fresh = BLOCK.sub(replayed, text)

    # A fingerprint holds the version of every plugin; it is shown, and not pinned here.
    assert _unprinted(fresh) == _unprinted(text)


def _unprinted(text: str) -> str:
    for what, pattern in _VARIES.items():
        text = re.sub(pattern, f"<{what}>", text)
    return text


_VARIES = {
    "fingerprint": r"\b[0-9a-f]{12}\b",
    # The audit's writer has its own thread, which says when it archived a policy.
    "archived": r"\d\d:\d\d:\d\d  front-desk",
    "verified": r"\d checkpoints?, \d+\.\d s; root [0-9a-f]{16}\b",
}


def test_the_document_has_a_section_for_every_command_with_its_help() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == list(SHIPPED)
    for path in EVERY:
        if not path.startswith(_NOT_SHOWN):
            assert f"$ {path} --help\n" in text


_NOT_SHOWN = ("conductor-mw review show", "conductor-mw review approve",
              "conductor-mw review reject", "conductor-mw review edit")  # fmt: skip
"""What docs/people.md shows."""


def test_the_version_is_that_of_the_distribution() -> None:
    assert invoke("--version").output == f"conductor-mw, version {version('conductor-mw')}\n"


def test_a_misspelt_command_names_the_one_that_was_meant() -> None:
    result = invoke("chek")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "no command 'chek'\n  did you mean 'check'?\n"


@pytest.mark.parametrize("path", [path for path in GROUPS if path != "conductor-mw"])
def test_a_misspelt_word_below_a_command_names_the_one_that_was_meant(path: str) -> None:
    group = EVERY[path]
    assert isinstance(group, click.Group)
    meant = group.list_commands(click.Context(group))[-1]

    result = invoke(*path.split()[1:], f"{meant[:-1]}x" if len(meant) > 4 else f"{meant}x")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert f"did you mean '{meant}'?\n" in result.stderr


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
def plugged(monkeypatch: pytest.MonkeyPatch) -> list[click.Command]:
    """Commands that a plugin adds."""
    offered: list[click.Command] = []

    class Installed:
        def add_commands(self, group: click.Group) -> None:
            for command in offered:
                group.add_command(command)

    monkeypatch.setattr("conductor_mw.plugins.installed", Installed)
    monkeypatch.setattr(main, "commands", {})
    monkeypatch.setattr(main, "_asked_plugins", False)
    return offered


def test_a_plugin_adds_a_command(plugged: list[click.Command]) -> None:
    plugged.append(click.Command("hello", callback=lambda: click.echo("hello"), help="Say hello."))

    assert invoke("hello").output == "hello\n"
    assert "  hello    Say hello.\n" in invoke("--help").output


def test_plugins_are_asked_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[click.Group] = []

    class Installed:
        def add_commands(self, group: click.Group) -> None:
            asked.append(group)
            group.add_command(click.Command("hello", callback=lambda: None, help="Say hello."))

    monkeypatch.setattr("conductor_mw.plugins.installed", Installed)
    monkeypatch.setattr(main, "commands", {})
    monkeypatch.setattr(main, "_asked_plugins", False)

    assert [invoke("hello").exit_code, invoke("--help").exit_code, invoke("hello").exit_code] == [
        0, 0, 0,
    ]  # fmt: skip
    assert asked == [main]


def test_what_went_wrong_once_goes_wrong_the_same_again(plugged: list[click.Command]) -> None:
    plugged += [click.Command("hello"), click.Command("check")]

    first, again = invoke("hello"), invoke("hello")

    assert first.exit_code == again.exit_code == 1
    assert first.stderr == again.stderr
    assert first.stderr.startswith("the command 'check' is offered twice\n")


def test_the_commands_of_a_stranger_stand_before_the_last(plugged: list[click.Command]) -> None:
    plugged += [click.Command("zebra"), click.Command("audit"), click.Command("ant")]

    assert main.list_commands(click.Context(main)) == [
        *COMMANDS[:-1], "audit", "ant", "zebra", COMMANDS[-1],
    ]  # fmt: skip


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
