"""What the README and the pages for plugin authors show is true: their code runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conductor_mw import Conductor
from conductor_mw.hookspecs import HOOKS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN = (
    "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt '.[all]' && "
    ".venv/bin/conductor-mw run examples/support-desk/conductor.yaml "
    "examples/support-desk/requests.jsonl"
)
TEST = (
    "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e '.[all,test]' && "
    ".venv/bin/python -m pytest"
)
SCRIPT = str(Path(sys.executable).with_name("conductor-mw"))


@dataclass(frozen=True, slots=True)
class Command:
    """A line that a reader may type, and what it is said to print."""

    line: str
    output: str


def blocks(text: str, language: str) -> list[str]:
    """Give the code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands() -> list[Command]:
    """Give every `$` line of the console blocks with the lines below it."""
    found: list[Command] = []
    for block in blocks(README, "console"):
        for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = piece.partition("\n")
            found.append(Command(line, output))
    return found


def policy() -> str:
    """Give the policy that the README shows, without the mistakes it speaks of."""
    (text,) = (block for block in blocks(README, "yaml") if block.startswith("# conductor.yaml"))
    return text


def with_mistake(text: str, output: str) -> str:
    """Make the mistake that an output speaks of, at the very place it names."""
    place = re.match(r"conductor\.yaml:(\d+):(\d+): .*'(\w+)'\n  did you mean '(\w+)'\?", output)
    if place is None:
        return text
    row, column = int(place[1]) - 1, int(place[2]) - 1
    wrong, right = place[3], place[4]
    lines = text.splitlines(keepends=True)
    assert lines[row][column:].startswith(right), f"no {right!r} at that place"
    lines[row] = lines[row][:column] + lines[row][column:].replace(right, wrong, 1)
    return "".join(lines)


def test_the_two_commands_stand_as_everything_else_expects_them() -> None:
    assert [block.strip() for block in blocks(README, "bash")] == [RUN, TEST]


def test_the_first_command_runs_the_main_job() -> None:
    arguments = shlex.split(RUN.rpartition("conductor-mw ")[2])

    result = subprocess.run(
        [SCRIPT, *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert "Traceback" not in result.stderr
    assert result.returncode == 0, result.stderr
    assert "%" in result.stdout


def test_the_python_blocks_run_in_order() -> None:
    namespace: dict[str, object] = {"__name__": "readme"}

    for block in blocks(README, "python"):
        exec(compile(block, "README.md", "exec"), namespace)

    assert "conductor" in namespace


def test_the_policies_compile() -> None:
    shown = blocks(README, "yaml")

    assert shown
    for block in shown:
        Conductor.from_text(block)


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.line)
def test_a_command_does_what_is_shown(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "conductor.yaml"
    file.write_text(with_mistake(policy(), command.output), encoding="utf-8")
    name, *arguments = shlex.split(command.line, comments=True)
    assert name == "conductor-mw"

    result = subprocess.run(
        [SCRIPT, *arguments], cwd=tmp_path, check=False, capture_output=True, text=True
    )

    assert "Traceback" not in result.stderr
    if command.output:
        assert result.stdout + result.stderr == command.output
    else:
        assert result.returncode == 0, result.stderr


def test_what_is_called_silent_says_nothing(tmp_path: Path) -> None:
    (silent,) = (command for command in commands() if "# silent" in command.line)
    (tmp_path / "conductor.yaml").write_text(policy(), encoding="utf-8")

    result = subprocess.run(
        [SCRIPT, *shlex.split(silent.line, comments=True)[1:]],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)

    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_guide_to_testing_runs() -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "guide"}

    for block in blocks(page, "python"):
        exec(compile(block, "docs/testing.md", "exec"), namespace)

    assert "POLICY" in namespace


def test_the_guide_to_plugins_shows_python_and_every_hook() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")

    shown = blocks(page, "python")

    for block in shown:
        compile(block, "docs/plugins.md", "exec")
    assert set(HOOKS) <= {name for block in shown for name in re.findall(r"def (\w+)", block)}
