"""Events reach the address that asked for them, signed, and nothing there can hold the app up."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, cast

import conductor_mw_webhook
import pytest
from conductor_mw_webhook import outbox as outboxes
from conductor_mw_webhook.options import Webhook

from conductor_mw import Conductor, ConductorError, Failure, Plugins, PolicyError, Setting, hookimpl
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from conductor_mw.testing.conformance import LayerConformance
from conductor_mw.workers.signature import key_of, refusal

SECRET = "whsec_c2VjcmV0LW9mLXRoZS1ob29r"
PATIENCE = 20.0


@dataclass
class Got:
    """What a receiver was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """A receiver on this machine that answers as it is told."""

    statuses: list[int] = field(default_factory=list[int])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    got: list[Got] = field(default_factory=list[Got])
    go_on: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alerts?team=a"

    def wait(self, messages: int) -> list[Got]:
        until(lambda: len(self.got) >= messages)
        return self.got


@contextmanager
def receiver(*statuses: int, held: bool = False, **headers: str) -> Generator[Receiver]:
    found = Receiver(list(statuses), headers)
    if not held:
        found.go_on.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sent = {name.lower(): value for name, value in self.headers.items()}
            found.got.append(Got(self.path, sent, body))
            found.go_on.wait(PATIENCE)
            self.send_response(found.statuses.pop(0) if found.statuses else 204)
            for name, value in found.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield found
    finally:
        found.go_on.set()
        server.shutdown()
        server.server_close()


@contextmanager
def hostile(answer: Callable[[socket.socket], object]) -> Generator[str]:
    """Give the address of a server that does as `answer` does with every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    wire, _ = listening.accept()
                except OSError:
                    return
                with wire:
                    try:
                        wire.recv(65536)
                        answer(wire)
                    except OSError:
                        pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def until(holds: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.005)


class Crier:
    """A layer that tells what a test wants told."""

    def __init__(self) -> None:
        self.tell: Callable[..., None] = print

    @hookimpl
    def conductor_layers(self, register: Any) -> None:
        crier = self

        @dataclass(frozen=True)
        class Options:
            def build(self, setting: Setting) -> object:
                crier.tell = setting.tell
                return type("Quiet", (), {"hears": frozenset(), "told": print})()

        register("crier", Options, rank=1)


@contextmanager
def crying(webhook: str) -> Generator[tuple[Callable[..., None], Webhook]]:
    """Give how to tell an event, and the layer."""
    plugins, crier = Plugins.core(), Crier()
    plugins.add(conductor_mw_webhook, "webhook")
    plugins.add(crier, "crier")
    conductor = Conductor.from_text(
        "agents: [{id: a}]\nrouting: {default: a}\n"
        f"plugins: {{crier: {{}}, webhook: {webhook}}}\n",
        agents={"a": Scripted("ok")},
        plugins=plugins,
        clock=VirtualClock(),
        seed=1,
    )
    try:
        yield crier.tell, cast("Webhook", conductor.layer("webhook"))
    finally:
        conductor.close()


def settled(layer: Webhook, messages: int) -> tuple[int, int, int]:
    def done() -> bool:
        found = layer.figures
        return found.delivered + found.failed + found.dropped == messages

    until(done)
    return layer.figures.delivered, layer.figures.failed, layer.figures.dropped


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries come soon."""
    monkeypatch.setattr(outboxes, "_FIRST_WAIT", 0.01)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def test_an_event_is_posted_and_its_signature_verifies() -> None:
    with receiver() as to, crying(
        f"{{url: '{to.url}', events: [crier.cried], secret: '${{env:HOOK_SECRET}}'}}"
    ) as (tell, layer):  # fmt: skip
        tell("crier.cried", run="r1", agent="big", calls=3)
        [got] = to.wait(1)
        assert settled(layer, 1) == (1, 0, 0)

    assert got.path == "/alerts?team=a"
    assert got.content == {
        "type": "crier.cried", "timestamp": "2026-05-28T20:26:40+00:00", "run": "r1",
        "data": {"agent": "big", "calls": 3},
    }  # fmt: skip
    assert got.headers["content-type"] == "application/json"
    assert refusal(key_of(SECRET), got.headers, got.body, now=time.time()) == ""
    assert refusal(b"another", got.headers, got.body, now=time.time()) != ""


def test_only_events_that_were_asked_for_are_posted() -> None:
    with (
        receiver() as one,
        receiver() as two,
        crying(
            f"{{hooks: [{{url: '{one.url}', events: [crier.a, crier.b]}}, "
            f"{{url: '{two.url}', events: [crier.b]}}]}}"
        ) as (tell, layer),
    ):
        for name in ("crier.a", "crier.b", "crier.c"):
            tell(name)
        assert settled(layer, 3) == (3, 0, 0)

    assert [got.content["type"] for got in one.got] == ["crier.a", "crier.b"]
    assert [got.content["type"] for got in two.got] == ["crier.b"]
    assert "webhook-signature" not in one.got[0].headers


@pytest.mark.parametrize("way", WAYS)
def test_an_open_circuit_is_posted_as_it_comes(way: Way) -> None:
    with receiver() as to:
        conductor = Conductor.from_text(
            "agents: [{id: big}]\nrouting: {default: big}\n"
            f"plugins: {{breaker: {{min_calls: 2}}, webhook: {{url: '{to.url}'}}}}\n",
            agents={"big": Scripted(ConnectionError("a secret in an error"))},
            clock=VirtualClock(),
            seed=1,
        )
        for _ in range(3):
            with pytest.raises((Failure, ConnectionError)):
                ask(conductor, "a secret in a prompt", way=way)
        [got] = to.wait(1)
        conductor.close()

    assert got.content["type"] == "breaker.opened"
    assert got.content["data"]["agent"] == "big"
    assert b"secret" not in got.body


def test_where_a_policy_only_observes_its_events_are_posted_all_the_same() -> None:
    with receiver() as to:
        conductor = Conductor.from_text(
            "mode: observe\nagents: [{id: a}]\nrouting: {default: a}\n"
            f"plugins: {{webhook: {{url: '{to.url}', events: [observed]}}}}\n",
            agents={"a": Scripted("never asked")},
            app=Scripted("the app's own"),
            clock=VirtualClock(),
        )
        assert conductor.call("hello").text == "the app's own"
        [got] = to.wait(1)
        conductor.close()

    assert got.content["type"] == "observed"


@pytest.mark.parametrize("status", [500, 503, 429, 408])
@pytest.mark.usefixtures("soon")
def test_what_was_not_taken_is_tried_again_under_the_same_name(status: int) -> None:
    with receiver(status, status, 200) as to, crying(
        f"{{url: '{to.url}', events: [crier.cried]}}"
    ) as (tell, layer):  # fmt: skip
        tell("crier.cried")
        assert settled(layer, 1) == (1, 0, 0)

    assert len(to.got) == 3
    assert len({got.headers["webhook-id"] for got in to.got}) == 1


@pytest.mark.parametrize(("status", "tries"), [(500, 4), (400, 1), (404, 1), (410, 1), (302, 1)])
@pytest.mark.usefixtures("soon")
def test_what_nobody_takes_is_given_up_and_said(
    status: int, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        receiver() as elsewhere,
        receiver(*[status] * 9, location=elsewhere.url) as to,
        crying(f"{{url: '{to.url}', events: [crier.cried]}}") as (tell, layer),
    ):
        tell("crier.cried")
        assert settled(layer, 1) == (0, 1, 0)

    assert len(to.got) == tries
    assert elsewhere.got == []  # a redirect is not followed
    assert f"it answered {status}" in caplog.text
    assert "alerts" not in caplog.text  # the path of an address may be a secret


def test_a_receiver_that_hangs_does_not_hold_up_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outboxes, "_FIRST_WAIT", 60.0)
    monkeypatch.setattr(outboxes, "FLUSH", 0.1)
    asked: list[socket.socket] = []

    def hangs(wire: socket.socket) -> None:
        asked.append(wire)
        _silent(wire)

    with (
        hostile(hangs) as away,
        receiver() as to,
        crying(
            f"{{hooks: [{{url: '{away}', events: [crier.cried], timeout: 200ms}}, "
            f"{{url: '{to.url}', events: [crier.cried]}}]}}"
        ) as (tell, _),
    ):
        for _ in range(20):
            tell("crier.cried")
        to.wait(20)

        assert len(asked) == 1  # and then it is left alone


def test_where_too_many_wait_further_ones_are_dropped_counted_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with receiver(held=True) as to, crying(
        f"{{url: '{to.url}', events: [crier.cried], queue: 5}}"
    ) as (tell, layer):  # fmt: skip
        tell("crier.cried", number=0)
        to.wait(1)  # one is under way
        for number in range(1, 100):
            tell("crier.cried", number=number)

        assert layer.figures.dropped == 94
        assert layer.outbox.waiting == 5
        to.go_on.set()
        assert settled(layer, 100) == (6, 0, 94)

    assert [got.content["data"]["number"] for got in to.got] == [0, 1, 2, 3, 4, 5]
    assert [record.getMessage() for record in caplog.records] == [
        "webhook: 5 messages wait, further ones are dropped"
    ]


def _drips(wire: socket.socket) -> None:
    while True:
        wire.sendall(b"H")
        time.sleep(0.02)


def _endless(wire: socket.socket) -> None:
    wire.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        wire.sendall(b"x-more: " + b"y" * 8000 + b"\r\n")


def _endless_body(wire: socket.socket) -> None:
    wire.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        wire.sendall(b"z" * 8000)


def _says(answer: bytes) -> Callable[[socket.socket], object]:
    return lambda wire: wire.sendall(answer)


def _silent(wire: socket.socket) -> None:
    wire.recv(1)


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        (_drips, (0, 1, 0)),
        (_silent, (0, 1, 0)),
        (_endless, (1, 0, 0)),
        (_endless_body, (1, 0, 0)),
        (_says(b"\x00\xff" * 50), (0, 1, 0)),
        (_says(b"HTTP/1.1 2000000 OK\r\n\r\n"), (0, 1, 0)),
        (_says(b""), (0, 1, 0)),
    ],
    ids=["drips", "silent", "endless head", "endless body", "garbage", "no status", "hangs up"],
)
def test_a_hostile_receiver_costs_a_bounded_time(
    answer: Callable[[socket.socket], object], ends: tuple[int, int, int]
) -> None:
    with hostile(answer) as url, crying(
        f"{{url: '{url}', events: [crier.cried], retry: 0, timeout: 300ms}}"
    ) as (tell, layer):  # fmt: skip
        tell("crier.cried")
        assert settled(layer, 1) == ends


def test_what_waits_is_posted_before_the_app_ends_but_not_for_ever(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as to:
        with crying(f"{{url: '{to.url}', events: [crier.cried]}}") as (tell, layer):
            for _ in range(20):
                tell("crier.cried")
        assert len(to.got) == layer.figures.delivered == 20

    monkeypatch.setattr(outboxes, "FLUSH", 0.3)
    with hostile(_silent) as url:
        with crying(f"{{url: '{url}', events: [crier.cried]}}") as (tell, layer):
            for _ in range(20):
                tell("crier.cried")
        assert layer.figures.dropped >= 18
    assert "were not posted before the app ended" in caplog.text


def test_an_odd_message_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    loop: list[object] = []
    loop.append(loop)
    with receiver() as to, crying(
        f"{{url: '{to.url}', events: [crier.cried]}}"
    ) as (tell, layer):  # fmt: skip
        tell("crier.cried", odd=loop)
        tell("crier.cried", large="x" * 300_000)
        tell("crier.cried", bytes=b"\xff")
        assert settled(layer, 3) == (1, 2, 0)

    assert "it cannot be written: ValueError" in caplog.text


@pytest.mark.parametrize(
    ("webhook", "problem"),
    [
        ("{}", "there is no address"),
        ("{url: 'https://elsewhere.example/x'}", "elsewhere.example"),
        ("{hooks: [{url: 'https://elsewhere.example/x'}]}", "elsewhere.example"),
        ("{hooks: [{events: [a.b]}]}", "there is no address"),
        ("{url: 'http://127.0.0.1/', hooks: [{url: 'http://127.0.0.1/'}]}", "exclude each other"),
        ("{url: 'http://127.0.0.1/', events: ['no name']}", "events"),
        ("{url: 'http://127.0.0.1/', secret: hunter2}", "a secret must not stand in a policy"),
        ("{url: 'ftp://127.0.0.1/x'}", "no address"),
    ],
)
def test_a_mistake_is_found_when_the_policy_loads(webhook: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem) as caught, crying(webhook):
        pass

    assert "hunter2" not in str(caught.value)


def test_a_secret_that_is_not_there_stops_the_app_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    options = "{url: 'http://127.0.0.1:9/', secret: '${env:HOOK_SECRET}'}"

    with (
        pytest.raises(ConductorError, match="the environment has no HOOK_SECRET"),
        crying(options),
    ):
        pass


def test_an_event_of_a_layer_that_is_not_there_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    with crying("{url: 'http://127.0.0.1:9/', events: [crier.cried, bugdet.alert]}"):
        pass

    assert [record.getMessage() for record in caplog.records] == [
        "webhook: no layer 'bugdet' is there to tell 'bugdet.alert'"
    ]


class TestWebhookConforms(LayerConformance):
    plugin: ClassVar[object] = conductor_mw_webhook
    layer = "webhook"
    options: ClassVar[dict[str, Any]] = {
        "url": "http://127.0.0.1:9/", "events": ["policy_refused"],
    }  # fmt: skip
