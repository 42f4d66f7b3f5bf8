"""`conductor-mw worker test` finds what a worker gets wrong, and shows no secret."""

from __future__ import annotations

import json
import shlex
import socket
import threading
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conductor_mw.cli import main
from conductor_mw.cli.worker import test as command
from conductor_mw.errors import ConductorError
from conductor_mw.workers.bench import Subject
from conductor_mw.workers.conformance import CHECKS, Status, examine
from tests.worker_servers import Said, Server, hostile, raw

SAYS_YES = Said(body={"output": "yes"}, headers={"Content-Type": "application/json"})
ABOUT_SIGNATURES = {"wrong-signature", "no-signature", "changed-body", "old-message"}


def statuses(url: str, *, key: bytes | None = b"key", seconds: float = 5.0) -> dict[str, Status]:
    return {one.check: one.status for one in examine(Subject(url, key, seconds=seconds))}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["worker", *arguments], prog_name="conductor-mw")


def test_a_worker_that_says_yes_to_everything_refuses_nothing() -> None:
    with Server(SAYS_YES) as server:
        found = statuses(server.url)

    passed = {"answer", "content-type", "replay", "unknown-key", "large-body"}
    assert {check for check, status in found.items() if status == "pass"} == passed
    assert {status for check, status in found.items() if check not in passed} == {"fail"}
    assert list(found) == [check.name for check in CHECKS]


def test_without_a_secret_nothing_is_said_about_signatures() -> None:
    with Server(SAYS_YES) as server:
        found = statuses(server.url, key=None)

    assert {check for check, status in found.items() if status == "skipped"} == ABOUT_SIGNATURES


def test_a_refusal_that_only_asks_for_a_signature_proves_nothing() -> None:
    with Server(Said(401, {"error": {"message": "no"}})) as server:
        found = statuses(server.url, key=None)

    skipped = {check for check, status in found.items() if status == "skipped"}
    assert found["answer"] == "fail"
    assert {"no-json", "no-mapping", "no-input", "unknown-type", "deadline"} < skipped


def test_another_body_for_the_same_key_is_found() -> None:
    bodies = [Said(body={"output": n}) for n in range(10)]
    with Server(*bodies) as server:
        assert statuses(server.url)["replay"] == "fail"


def test_a_worker_that_breaks_is_no_worker_that_refuses() -> None:
    with Server(SAYS_YES, SAYS_YES, SAYS_YES, SAYS_YES, Said(500)) as server:
        found = statuses(server.url)

    assert {found[name] for name in ("no-json", "no-input", "deadline", "large-body")} == {"fail"}


def test_a_long_job_is_waited_for() -> None:
    later = Said(202, headers={"Location": "/jobs/1", "Retry-After": "0"})
    with Server(later, later, SAYS_YES) as server:
        assert statuses(server.url)["answer"] == "pass"


@pytest.mark.parametrize(
    "later",
    [Said(202), Said(202, headers={"Location": "http://127.0.0.1:1/x"})],
    ids=["no place", "elsewhere"],
)
def test_a_long_job_without_an_honest_place_is_found(later: Said) -> None:
    with Server(later) as server:
        assert statuses(server.url)["answer"] == "fail"


def test_a_hostile_worker_cannot_keep_the_command() -> None:
    def dripping(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(raw(b'{"output": "'))
        while not over.wait(0.01):
            connection.sendall(b"a")

    with hostile(dripping) as url:
        found = statuses(url, seconds=0.1)

    assert {
        status for check, status in found.items() if check not in ("replay", "unknown-key")
    } == {"fail"}


def test_nobody_there_is_an_error_and_no_finding() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"

    with pytest.raises(ConductorError, match="nobody answers at"):
        list(examine(Subject(url)))


# The command


def test_a_worker_that_does_not_keep_to_it_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKER_SECRET", "hidden-secret")
    with Server(SAYS_YES) as server:
        result = invoke("test", server.url, "--secret-env", "WORKER_SECRET")

    assert result.exit_code == 2
    assert result.output.endswith(f"\n5 passed, 10 failed, 0 skipped: {server.url}\n")
    assert "hidden-secret" not in result.output


def test_json_holds_every_check() -> None:
    with Server(SAYS_YES) as server:
        result = invoke("test", server.url, "--format", "json")
    found: dict[str, Any] = json.loads(result.stdout)

    assert found["url"] == server.url
    assert [set(one) for one in found["checks"]] == [{"check", "says", "status", "detail"}] * 15


def test_what_a_worker_says_cannot_steer_the_terminal() -> None:
    with Server(Said(400, {"error": {"message": "\x1b[2J\nbye"}})) as server:
        result = invoke("test", server.url)

    assert "\x1b" not in result.output


def test_a_worker_that_refuses_the_usual_input_is_told_how_to_give_another() -> None:
    with Server(Said(422, {"error": {"message": "the input has no `code`"}})) as server:
        usual = invoke("test", server.url)
        own = invoke("test", server.url, "--input", '{"code": "x"}')

    assert usual.stderr == "  where it takes another input than a text, give one: --input JSON\n"
    assert own.stderr == ""


def test_an_input_of_ones_own_is_sent() -> None:
    with Server(SAYS_YES) as server:
        invoke("test", server.url, "--input", '{"code": "x"}')

    assert server.asked[0].content["input"] == {"code": "x"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no worker was named"),
        (["ftp://x/"], "this is no address"),
        (["http://user:hunter2@x/"], "an address holds no user and no password"),
        (["http://127.0.0.1:1/"], "nobody answers at http://127.0.0.1:1/"),
        (["http://127.0.0.1:1/", "--input", "{"], "--input is no JSON"),
        (["http://127.0.0.1:1/", "--input", "[]"], "--input is no mapping"),
        (["http://127.0.0.1:1/", "--timeout", "10"], "--timeout '10': "),
        (["http://127.0.0.1:1/", "--secret-env", "NOT_SET"], "--secret-env 'NOT_SET': the secret"),
    ],
    ids=range(8),
)
def test_what_could_not_run_is_exit_code_1(arguments: list[str], said: str) -> None:
    result = invoke("test", *arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(said)
    assert "hunter2" not in result.output


def test_every_example_of_the_help_text_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_SECRET", "secret")
    lines = (command.epilog or "").strip().splitlines()
    with Server(SAYS_YES) as server:
        for line in lines:
            words = shlex.split(line.strip().replace("http://127.0.0.1:9000/", server.url))
            result = CliRunner().invoke(main, words[1:], prog_name="conductor-mw")
            assert result.exit_code == 2, result.output

    assert len(lines) == 3
