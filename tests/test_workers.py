"""Workers: what they are sent, what their answers mean, how connections are kept."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from conductor_mw import Conductor, Failure
from conductor_mw.agents.worker import Worker, WorkerOptions
from conductor_mw.drivers import Host, stream
from conductor_mw.effects import Attempt
from conductor_mw.errors import ConductorError, FailureKind
from conductor_mw.lenses.prompt import to_request
from conductor_mw.parts import Usage
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load_text
from conductor_mw.testing import COLOURS, WAYS, Colour, VirtualClock, Way, ask
from conductor_mw.workers.message import Call
from tests.worker_servers import Said, Server, desk, failed

ROOT = Path(__file__).parents[1]
CORE = Plugins.core()
SECRET = "whsec_dGhlIHNlY3JldA=="


# What a worker is sent


@pytest.mark.parametrize("way", WAYS)
def test_a_workers_output_is_the_answer(way: Way) -> None:
    with Server(Said(body={"output": "Good morning."})) as server:
        answer = ask(desk(f"'{server.url}'"), "Hello", way=way)

    assert answer.text == "Good morning."
    assert [one.method for one in server.asked] == ["POST"]


def test_an_output_that_is_no_text_is_the_answer_as_compact_json() -> None:
    with Server(Said(body={"output": {"score": 0.5, "words": ["é", None]}})) as server:
        answer = desk(f"'{server.url}'").call("Hello")

    assert answer.text == '{"score":0.5,"words":["é",null]}'


def test_a_call_says_what_the_document_says() -> None:
    clock = VirtualClock(utc=1_780_000_000.0)
    with Server() as server:
        desk(
            f"'{server.url}'",
            agent=", prompt: Be brief., parameters: {temperature: 0.2}, timeout: 10s",
            clock=clock,
        ).call("Hello")
    (asked,) = server.asked
    run = asked.content["run_id"]

    assert asked.content == {
        "worker": "scorer",
        "run_id": run,
        "step": "scorer",
        "attempt": 1,
        "deadline": "2026-05-28T20:26:50.000Z",
        "input": {
            "text": "Hello",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
            ],
            "parameters": {"temperature": 0.2},
        },
    }
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["idempotency-key"] == f"{run}:scorer"
    assert asked.headers["webhook-id"] == f"{run}:scorer"
    assert asked.headers["webhook-timestamp"] == "1780000000"
    assert asked.headers["accept-encoding"] == "identity"
    assert "webhook-signature" not in asked.headers


def test_only_the_metadata_that_the_policy_names_is_passed_on() -> None:
    with Server() as server:
        conductor = desk(f"{{url: '{server.url}', pass: [tier, absent]}}")
        conductor.call("Hello", metadata={"tier": "pro", "session_token": "hidden"})
        desk(f"'{server.url}'").call("Hello", metadata={"tier": "pro"})

    assert server.asked[0].content["input"]["metadata"] == {"tier": "pro"}
    assert "metadata" not in server.asked[1].content["input"]
    assert b"hidden" not in server.asked[0].body


def test_metadata_that_is_no_json_is_an_invalid_request_and_nothing_is_sent() -> None:
    with Server() as server:
        conductor = desk(f"{{url: '{server.url}', pass: [tier]}}")
        with pytest.raises(Failure) as caught:
            conductor.call("Hello", metadata={"tier": object()})

    assert caught.value.kind == "invalid_request"
    assert server.asked == []


def test_a_step_may_say_the_input_itself() -> None:
    with Server() as server:
        conductor = desk(f"'{server.url}'", agent=", parameters: {tests: x}")
        speaker = _speaker(conductor, server.url)
        attempt = Attempt(
            "a/b",
            "scorer",
            to_request("Hello", parameters={"tests": "x"}),
            run="r1",
            terms={"input": {"answer": "42"}},
        )
        (part,) = stream(Host({}, {}, VirtualClock()), speaker.answer(attempt))

    assert part.text == "Hello"
    assert server.asked[0].content["input"] == {"answer": "42", "parameters": {"tests": "x"}}
    assert server.asked[0].headers["idempotency-key"] == "r1:a/b"


def _speaker(conductor: Conductor, url: str) -> Worker:
    return Worker(conductor.policy.agents["scorer"], WorkerOptions(url=url), None, None, ())


def test_an_input_that_does_not_fit_is_not_sent() -> None:
    with Server() as server:
        schema = "{properties: {text: {maxLength: 3}}}"
        kind, said = failed(desk(f"{{url: '{server.url}', input: {schema}}}"))

    assert kind == "invalid_request"
    assert "text breaks 'maxLength': 3" in said
    assert server.asked == []


def test_every_retry_of_a_step_has_the_same_key() -> None:
    with Server(Said(503), Said(500), Said(body={"output": "at last"})) as server:
        answer = desk(f"'{server.url}'", agent=", retry: 2").call("Hello")

    assert answer.text == "at last"
    assert len({one.headers["idempotency-key"] for one in server.asked}) == 1
    assert [one.content["attempt"] for one in server.asked] == [1, 2, 3]


def test_a_retry_may_have_other_parameters() -> None:
    with Server(Said(503), Said(body={"output": "x"})) as server:
        agent = ", parameters: {depth: 1, size: 2}, retry: {times: 1, with: [{depth: 9}]}"
        desk(f"'{server.url}'", agent=agent).call("Hello", temperature=1)

    assert [one.content["input"]["parameters"] for one in server.asked] == [
        {"depth": 1, "size": 2},
        {"depth": 9, "size": 2},
    ]


def test_two_runs_have_different_keys() -> None:
    with Server() as server:
        conductor = desk(f"'{server.url}'")
        for _ in range(2):
            conductor.call("Hello")

    assert len({one.headers["idempotency-key"] for one in server.asked}) == 2


def test_a_key_is_one_header_whatever_a_step_is_called() -> None:
    call = Call("w", "run", "a\r\nX-Evil: 1/é/fan#2~1", 1, 0.0, {})

    assert call.key == "run:a%0D%0AX-Evil:%201/%C3%A9/fan#2~1"


# What an answer means


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (408, "timeout"),
        (504, "timeout"),
        (429, "rate_limit"),
        (425, "server_error"),
        (500, "server_error"),
        (503, "server_error"),
        (401, "auth"),
        (403, "auth"),
        (413, "context_overflow"),
        (400, "invalid_request"),
        (404, "invalid_request"),
        (422, "invalid_request"),
        (201, "invalid_output"),
        (204, "invalid_output"),
        (301, "invalid_output"),
        (307, "invalid_output"),
    ],
)
def test_a_status_is_a_kind_of_failure(status: int, kind: FailureKind) -> None:
    with Server(Said(status, {"error": {"message": "no"}})) as server:
        found, said = failed(desk(f"'{server.url}'"))

    assert found == kind
    assert f"answered {status}" in said


def test_an_error_says_what_the_worker_said_short_and_on_one_line() -> None:
    message = "no\r\n\x1b[31mtext " + "x" * 5000
    with Server(Said(422, {"error": {"type": "t", "message": message}})) as server:
        _, said = failed(desk(f"'{server.url}'"))

    assert said.startswith("worker 'scorer' answered 422: no   [31mtext xxx")
    assert len(said) < 260


@pytest.mark.parametrize("body", [b"", b"<html>", {"error": 3}, {"error": {"message": []}}, [1]])
def test_an_error_without_words_is_an_error_all_the_same(body: object) -> None:
    with Server(Said(400, body)) as server:
        _, said = failed(desk(f"'{server.url}'"))

    assert said == "worker 'scorer' answered 400"


def test_a_retry_waits_as_long_as_the_worker_asks() -> None:
    clock = VirtualClock()
    with Server(Said(429, headers={"Retry-After": "7"}), Said(body={"output": "now"})) as server:
        answer = desk(f"'{server.url}'", agent=", retry: 1", clock=clock).call("Hello")

    assert answer.text == "now"
    assert clock.slept == [7.0]


def test_usage_counts_and_a_price_makes_it_cost() -> None:
    said = Said(body={"output": "x", "usage": {"input_tokens": 1000, "output_tokens": 10}})
    with Server(said) as server:
        free = desk(f"'{server.url}'").call("Hello")
        priced = desk(f"'{server.url}'", agent=", price: {input: 1, output: 2}").call("Hello")

    assert free.usage == Usage(1000, 10)
    assert str(free.cost) == "$0.00"
    assert str(priced.cost) == "$0.00102"


def test_a_worker_with_a_price_that_tells_no_usage_has_no_known_cost() -> None:
    with Server() as server:
        free = desk(f"'{server.url}'").call("Hello")
        priced = desk(f"'{server.url}'", agent=", price: {input: 1, output: 2}").call("Hello")

    assert str(free.cost) == "$0.00"
    assert priced.cost is None


@pytest.mark.parametrize("colour", COLOURS)
def test_a_long_job_is_asked_for_until_it_is_done(colour: Colour) -> None:
    clock = VirtualClock()
    with Server(
        Said(202, headers={"Location": "/jobs/7?x=1", "Retry-After": "3"}),
        Said(202),
        Said(202, headers={"Location": "8"}),
        Said(body={"output": "done"}),
    ) as server:
        conductor = desk(f"'{server.url}'", clock=clock)
        answer = ask(conductor, "Hello", way="call" if colour == "sync" else "acall")

    assert answer.text == "done"
    asked = [(one.method, one.path) for one in server.asked]
    assert asked == [
        ("POST", "/work"),
        ("GET", "/jobs/7?x=1"),
        ("GET", "/jobs/7?x=1"),
        ("GET", "/jobs/8"),
    ]
    assert len({one.headers["idempotency-key"] for one in server.asked}) == 1
    assert clock.slept == [3.0, 1.0, 1.0]


@pytest.mark.parametrize("colour", COLOURS)
def test_a_job_that_never_ends_is_a_timeout(colour: Colour) -> None:
    with Server(Said(202, headers={"Location": "/jobs/7", "Retry-After": "0"})) as server:
        kind, said = failed(desk(f"'{server.url}'", agent=", timeout: 2s"), colour)

    assert kind == "timeout"
    assert "is still at it" in said
    assert len(server.asked) == 40  # every 50 ms, however often the worker would be asked


def test_a_job_that_cannot_be_done_in_time_is_not_waited_for() -> None:
    clock = VirtualClock()
    with Server(Said(202, headers={"Location": "/jobs/7", "Retry-After": "3600"})) as server:
        kind, _ = failed(desk(f"'{server.url}'", agent=", timeout: 2s", clock=clock))

    assert kind == "timeout"
    assert clock.slept == []


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://127.0.0.1:1/secret", "the worker names a place that the policy does not list"),
        ("//169.254.169.254/latest", "the worker names a place that the policy does not list"),
        ("https://score.example.com/", "the worker names a place that the policy does not list"),
        ("http://user:pw@127.0.0.1/", "an address holds no user and no password"),
        ("file:/etc/passwd", "this is no address"),
        ("http://[", "this is no address"),
        ("gopher://x/", "this is no address"),
        ("/" + "x" * 3000, "an address has no spaces"),
    ],
)
def test_a_worker_cannot_send_us_elsewhere(location: str, said: str) -> None:
    with Server(Said(202, headers={"Location": location})) as server:
        kind, told = failed(desk(f"'{server.url}'"))

    assert kind == "invalid_output"
    assert said in told
    assert len(server.asked) == 1


def test_a_worker_that_names_no_place_is_refused() -> None:
    with Server(Said(202)) as server:
        assert failed(desk(f"'{server.url}'")) == (
            "invalid_output",
            "worker 'scorer' answered 202 and names no place to ask later",
        )


def test_a_place_that_the_policy_lists_is_followed() -> None:
    with Server(Said(body={"output": "there"})) as other:
        host = re.sub("/work", "", other.url)
        with Server(Said(202, headers={"Location": other.url})) as server:
            answer = desk(f"'{server.url}'", top=f"addresses: ['{host}']").call("Hello")

    assert answer.text == "there"


@pytest.mark.parametrize("colour", COLOURS)
def test_a_redirect_is_not_followed(colour: Colour) -> None:
    with Server() as other, Server(Said(302, headers={"Location": other.url})) as server:
        kind, said = failed(desk(f"'{server.url}'"), colour)

    assert kind == "invalid_output"
    assert "redirects are not followed" in said
    assert other.asked == []


def test_an_output_must_fit_its_schema() -> None:
    schema = "{type: object, required: [score], properties: {score: {type: number, maximum: 1}}}"
    with Server(
        Said(body={"output": {"score": 7}}), Said(body={"output": {"score": 0.7}})
    ) as server:
        conductor = desk(f"{{url: '{server.url}', output: {schema}}}")
        kind, said = failed(conductor)
        answer = conductor.call("Hello")

    assert (kind, answer.text) == ("invalid_output", '{"score":0.7}')
    assert said == ("worker 'scorer': its output is not as declared: score breaks 'maximum': 1")


# Without the extra


def test_a_worker_without_its_library_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "httpcore", None)
    conductor = desk("http://localhost/")

    with pytest.raises(ConductorError) as caught:
        conductor.call("Hello")

    assert str(caught.value).endswith("\n  pip install 'conductor-mw[worker]'")


# Connections


def test_a_connection_serves_several_calls_of_a_thread() -> None:
    with Server() as server:
        conductor = desk(f"'{server.url}'")
        for _ in range(3):
            conductor.call("Hello")

    assert len({one.port for one in server.asked}) == 1


def test_a_connection_serves_several_calls_of_an_event_loop_and_ends_with_it() -> None:
    async def three() -> None:
        for _ in range(3):
            await conductor.acall("Hello")

    with Server() as server:
        conductor = desk(f"'{server.url}'")
        for _ in range(2):
            asyncio.run(three())

    assert len({one.port for one in server.asked}) == 2


def test_many_calls_at_once_each_get_their_own_answer() -> None:
    async def many() -> list[str]:
        found = await asyncio.gather(*(conductor.acall(f"question {n}") for n in range(50)))
        return [one.text for one in found]

    with Server() as server:
        conductor = desk(f"'{server.url}'")
        assert asyncio.run(many()) == ["Hello"] * 50

    assert {one.content["input"]["text"] for one in server.asked} == {
        f"question {n}" for n in range(50)
    }


# The document


def test_the_document_says_what_loads() -> None:
    page = (ROOT / "docs" / "workers.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)

    assert load_text(example, plugins=CORE, env={}).warnings == ()
    fields = WorkerOptions.model_fields.items()
    for name in (field.alias or name for name, field in fields):
        assert f"| `{name}` |" in page


def test_the_documents_call_is_json_and_rightly_named() -> None:
    page = (ROOT / "docs" / "workers.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```http\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    head, _, body = shown.partition("\n\n")
    content = json.loads(body)

    assert f"Idempotency-Key: {content['run_id']}:{content['step']}\n" in head
