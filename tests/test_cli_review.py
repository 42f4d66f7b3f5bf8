"""`conductor-mw review`: look at what people are asked, and decide it from another process."""

from __future__ import annotations

import json
import re
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from conductor_mw import Gate, Verdict
from conductor_mw.cli import main
from conductor_mw.cli.review import review
from conductor_mw.gates import Gates
from conductor_mw.gates.book import TABLE
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load_text
from conductor_mw.stores.sqlite import SqliteStore
from tests.cli_documents import BLOCK, replayed

PEOPLE = (Path(__file__).parents[1] / "docs" / "people.md").read_text(encoding="utf-8")
STORE = ("--store", "sqlite:conductor.db")
POLICY = (
    "store: sqlite:conductor.db\nagents: [{id: leads, human: leads}]\nrouting: {default: leads}\n"
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LOGNAME", "ana")
    for name in ("NO_COLOR", "FORCE_COLOR", "CONDUCTOR_TRACEBACK", "CONDUCTOR_ENV"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def gates() -> Iterator[Gates]:
    with closing(SqliteStore.open("sqlite:conductor.db")) as store:
        yield Gates(store)


def gate(run: str, **more: Any) -> Gate:
    now = time.time()
    asked: dict[str, Any] = {
        "id": f"{run}:refund/approve", "run": run, "path": "refund/approve", "agent": "leads",
        "queue": "support", "show": "We refund $10.", "opened": now - 125,
        "deadline": now + 2 * 86400 + 60, **more,
    }  # fmt: skip
    return Gate(**asked)


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, ["review", *arguments], prog_name="conductor-mw", **options)


def opened(gates: Gates, *asked: Gate) -> None:
    for one in asked:
        gates.open(one, time.time())


def test_what_waits_is_a_table(gates: Gates) -> None:
    opened(gates, gate("4be1c8d2a9f07c33"), gate("77f0a1b2c3d4e5f6", queue="board", quorum=2,
           choices=("approve", "reject"), deadline=time.time() + 95))  # fmt: skip

    result = invoke("list", *STORE)

    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = (re.split(r" {2,}", line.strip()) for line in result.stdout.splitlines())
    assert head == ["gate", "queue", "agent", "waits", "left", "state", "shown"]
    assert [row[0] for row in rows] == ["77f0a1b2", "4be1c8d2"]
    assert [row[1] for row in rows] == ["board", "support"]
    assert [row[3] for row in rows] == ["2 min 5 s"] * 2
    assert rows[0][4].startswith("1 min 3")
    assert rows[1][4].startswith("2 d")
    assert [row[5] for row in rows] == ["open, 0 of 2", "open"]


def test_the_queue_and_what_was_decided_can_be_chosen(gates: Gates) -> None:
    opened(gates, gate("r1"), gate("r2", queue="board"), gate("r3"))
    gates.decide("r3:refund/approve", Verdict(choice="approve", by="bo"), time.time())

    def listed(*options: str) -> set[str]:
        result = invoke("list", *STORE, "--format", "json", *options)
        return {one["run"] for one in json.loads(result.stdout)["gates"]}

    assert listed() == {"r1", "r2"}
    assert listed("--queue", "board") == {"r2"}
    assert listed("--all") == {"r1", "r2", "r3"}


def test_nothing_waits_is_said_beside_the_result(gates: Gates) -> None:
    del gates

    result = invoke("list", *STORE)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing waits\n")


def test_a_store_that_is_not_there_yet_is_not_made() -> None:
    result = invoke("list", *STORE)

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "nothing waits: the store is not there yet\n"
    assert not Path("conductor.db").exists()
    assert invoke("approve", "r1", *STORE).exit_code == 2
    assert not Path("conductor.db").exists()


def test_an_empty_list_is_json_all_the_same() -> None:
    result = invoke("list", *STORE, "--format", "json")

    assert json.loads(result.stdout) == {"gates": [], "damaged": []}


def test_a_damaged_record_is_named_and_hides_nothing(gates: Gates) -> None:
    opened(gates, gate("r1"))
    with closing(SqliteStore.open("sqlite:conductor.db")) as store:
        store.put(TABLE, "r0:leads", b"{}", now=time.time())

    result = invoke("list", *STORE)

    assert result.stderr == "r0:leads: the record of this gate is damaged\n"
    assert "r1:refu" in result.stdout
    assert invoke("approve", "r0", *STORE).exit_code == 1


def test_a_gate_is_shown_in_full_and_harmless(gates: Gates) -> None:
    hostile = "We refund $10.\n\x1b[2J\u202eDear customer"
    opened(gates, gate("r1", show=hostile, quorum=2, choices=("approve", "reject")))
    gates.decide(
        "r1:refund/approve", Verdict(choice="approve", by="bo", comment="fine\x07"), time.time()
    )

    result = invoke("show", "r1", *STORE)

    assert result.exit_code == 0
    assert "  state     open, 1 of 2\n" in result.stdout
    assert "  choices   approve, reject\n" in result.stdout
    assert ", rejects by itself in 2 d" in result.stdout
    assert ": fine\ufffd\n" in result.stdout
    assert result.stdout.endswith("shown\n  We refund $10.\n  \ufffd[2J\ufffdDear customer\n")


def test_a_gate_as_json_holds_everything(gates: Gates) -> None:
    opened(gates, gate("r1", show="Zeile\n\x1b"))
    gates.decide("r1:refund/approve", Verdict(choice="edit", by="bo", text="X"), time.time())

    found = json.loads(invoke("show", "r1", *STORE, "--format", "json").stdout)

    assert (found["id"], found["show"], found["state"]) == (
        "r1:refund/approve",
        "Zeile\n\x1b",
        "edited",
    )
    assert (found["verdict"]["by"], found["verdict"]["text"]) == ("bo", "X")
    assert found["votes"] == [found["verdict"]]
    assert found["opened"].endswith(" UTC")


def test_the_first_decision_stands_and_the_second_is_told(gates: Gates) -> None:
    opened(gates, gate("r1"))

    first = invoke("approve", "r1", *STORE, "--comment", "as agreed")
    second = invoke("reject", "r1", *STORE, "--by", "bo")

    assert (first.exit_code, first.stdout) == (0, "approved by ana\n")
    assert (second.exit_code, second.stdout) == (2, "")
    assert second.stderr.startswith("it was decided already: approved by ana at ")
    found = gates.get("r1:refund/approve", time.time())
    assert found is not None
    assert [(vote.by, vote.comment) for vote in found.votes] == [("ana", "as agreed")]


def test_a_quorum_tells_how_many_are_missing(gates: Gates) -> None:
    opened(gates, gate("r1", quorum=2, choices=("approve", "reject")))

    results = [invoke("approve", "r1", *STORE, "--by", name) for name in ("ana", "Ana", "bo")]

    assert [one.exit_code for one in results] == [0, 2, 0]
    assert results[0].stdout == "recorded; 1 more must approve it\n"
    assert results[1].stderr.startswith("ana approved it already at ")
    assert results[2].stdout == "approved by ana and bo\n"


def test_what_is_over_is_told_with_its_reason(gates: Gates) -> None:
    withdrawn, expired = gate("r1"), gate("r2", deadline=time.time() - 1)
    opened(gates, withdrawn, expired)
    gates.withdraw(withdrawn, time.time())

    late = [invoke("approve", run, *STORE, "--format", "json") for run in ("r1", "r2", "r3")]

    assert [one.exit_code for one in late] == [2, 2, 2]
    statuses = [json.loads(one.stdout)["status"] for one in late]
    assert statuses == ["withdrawn", "expired", "unknown"]
    assert invoke("approve", "r3", *STORE).stderr == "no gate begins with 'r3'\n"
    assert invoke("approve", "r1", *STORE).stderr.startswith(
        "it was decided already: the run stopped waiting at "
    )


def test_an_id_that_several_gates_begin_with_is_refused_with_their_names(gates: Gates) -> None:
    opened(gates, gate("ab1"), gate("ab2"))

    result = invoke("approve", "ab", *STORE)

    assert (result.exit_code, result.stderr) == (
        1, "2 gates begin with 'ab'\n  ab1:refund/approve\n  ab2:refund/approve\n",
    )  # fmt: skip
    assert invoke("approve", "ab1:refund/approve", *STORE).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "text"),
    [
        (["--text", "We refund $5."], None, "We refund $5."),
        (["--file", "answer.txt"], None, "from a file\n"),
        (["--file", "-"], "from stdin", "from stdin"),
    ],
)
def test_an_edited_text_comes_from_wherever_people_have_it(
    gates: Gates, arguments: list[str], stdin: str | None, text: str
) -> None:
    Path("answer.txt").write_text("from a file\n", encoding="utf-8")
    opened(gates, gate("r1"))

    result = invoke("edit", "r1", *STORE, *arguments, input=stdin)

    assert (result.exit_code, result.stdout) == (0, "edited by ana\n")
    found = gates.get("r1:refund/approve", time.time())
    assert found is not None
    assert found.verdict is not None
    assert found.verdict.text == text


def editor(folder: Path, code: str) -> str:
    """Give an $EDITOR that runs Python code over the `path` that it gets."""
    script = folder / "editor.py"
    script.write_text(f"import pathlib, sys, time\npath = pathlib.Path(sys.argv[1])\n{code}\n")
    return shlex.join([sys.executable, str(script)])


def test_the_editor_opens_with_what_is_shown(
    gates: Gates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "text = path.read_text()\n"
        "assert text == 'We refund $10.\\n', text\n"
        "path.write_text(text.replace('10', '5'))\n"
        "import os; os.utime(path, (1, 1))"
    )
    monkeypatch.setenv("VISUAL", editor(tmp_path, code))
    opened(gates, gate("r1"))

    result = invoke("edit", "r1", *STORE)

    assert (result.exit_code, result.stdout) == (0, "edited by ana\n")
    found = gates.get("r1:refund/approve", time.time())
    assert found is not None
    assert found.verdict is not None
    assert found.verdict.text == "We refund $5."


def test_an_editor_that_changes_nothing_decides_nothing(
    gates: Gates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", editor(tmp_path, "pass"))
    opened(gates, gate("r1"))

    result = invoke("edit", "r1", *STORE)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("nothing was changed, so nothing was decided\n")
    found = gates.get("r1:refund/approve", time.time())
    assert found is not None
    assert found.votes == ()


def test_no_editor_opens_for_what_cannot_be_edited(
    gates: Gates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", editor(tmp_path, "raise SystemExit(1)"))
    opened(gates, gate("r1", choices=("approve", "reject")), gate("r2"))
    gates.withdraw(gate("r2"), time.time())

    result = invoke("edit", "r1", *STORE)

    assert (result.exit_code, result.stderr) == (
        1, "r1:refund/approve: 'edit' is none of its choices: approve, reject\n",
    )  # fmt: skip
    assert invoke("edit", "r2", *STORE).exit_code == 2


def test_the_policy_names_the_store(gates: Gates) -> None:
    Path("conductor.yaml").write_text(POLICY)
    opened(gates, gate("r1"), gate("r2"))

    assert invoke("approve", "r1", "--policy", "conductor.yaml").exit_code == 0
    assert invoke("approve", "r2").exit_code == 0  # a conductor.yaml in this folder is meant


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which store?\n  give --store sqlite:FILE, or --policy with the policy's file\n"),
        (("--store", "memory://"), "what is kept in memory is seen by its own process only\n"),
        (("--store", "sqlit:x"), "no kind of store 'sqlit'\n  did you mean 'sqlite'?\n"),
        ((*STORE, "--policy", "x.yaml"), "there are two stores\n  give --store or --policy\n"),
        (("--policy", "here.yaml"), "here.yaml: what is kept in memory is seen by its own process"),
        (("--policy", "absent.yaml"), "absent.yaml: the file cannot be read"),
    ],
)
def test_a_store_that_cannot_be_looked_into_is_refused(
    arguments: tuple[str, ...], said: str
) -> None:
    Path("here.yaml").write_text(POLICY.partition("\n")[2])

    result = invoke("list", *arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("approve", "r1", "--by", "deadline"), "'deadline' is no person's name\n"),
        (("edit", "r1", "--text", ""), "r1:refund/approve: an edit, and nothing else, brings a "),
        (("edit", "r1", "--text", "a", "--file", "b"), "there are two texts\n"),
        (("edit", "r1", "--file", "absent.txt"), "absent.txt: the file cannot be read"),
    ],
)
def test_what_is_no_decision_decides_nothing(
    gates: Gates, arguments: tuple[str, ...], said: str
) -> None:
    opened(gates, gate("r1"))

    result = invoke(*arguments, *STORE)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(said)
    found = gates.get("r1:refund/approve", time.time())
    assert found is not None
    assert found.votes == ()


EXAMPLES = [
    pytest.param(line.strip(), id=line.strip())
    for command in (review, *review.commands.values())
    for line in (command.epilog or "").strip().splitlines()
]


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_of_a_help_text_runs(
    line: str, gates: Gates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", editor(tmp_path, "path.write_text('Another.')"))
    Path("conductor.yaml").write_text(POLICY)
    Path("answer.txt").write_text("Another.")
    opened(gates, gate("4be1c8d2a9f07c33"))

    result = invoke(*shlex.split(line)[2:])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", review.list_commands(click.Context(review)))
def test_every_help_text_ends_in_examples(name: str) -> None:
    result = invoke(name, "--help")

    assert result.exit_code == 0
    examples = result.output.partition("\nExamples:\n")[2].splitlines()
    assert examples
    assert all(line.startswith(f"  conductor-mw review {name}") for line in examples)


# docs/people.md


def written(language: str) -> list[str]:
    """Give the blocks of docs/people.md in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PEOPLE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", written("yaml"))
def test_every_policy_of_the_document_loads_without_a_warning(example: str) -> None:
    policy = load_text(example, plugins=Plugins.core(), env={})

    assert policy.warnings == ()


def test_the_python_of_the_document_runs() -> None:
    for example in written("python"):
        exec(compile(example, "docs/people.md", "exec"), {})


def test_the_document_says_what_the_commands_print() -> None:
    assert BLOCK.sub(replayed, PEOPLE) == PEOPLE
