"""What a hostile worker cannot do: stall us, fill us, send us elsewhere."""

from __future__ import annotations

import gzip
import socket
import threading
from pathlib import Path

import pytest

from conductor_mw.plugins import Plugins
from conductor_mw.testing import COLOURS, Colour
from tests.worker_servers import Said, Server, desk, failed, hostile, raw

ROOT = Path(__file__).parents[1]
CORE = Plugins.core()
SECRET = "whsec_dGhlIHNlY3JldA=="


# Hostile answers


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "its answer is not JSON"),
        (b"<html>", "its answer is not JSON"),
        (b"\xff\xfe", "its answer is not JSON"),
        (b'{"output": NaN}', "a number that JSON does not have"),
        (b'{"output": -Infinity}', "a number that JSON does not have"),
        (b'{"output": 1e999}', "a number that JSON does not have"),
        (b'{"output": 1' + b"0" * 400 + b"}", "a number that is too large"),
        (b'{"output": ' + b"9" * 5000 + b"}", "its answer is not JSON"),
        (b'{"output": ' + b"[" * 65 + b"]" * 65 + b"}", "more than 64 levels"),
        (b'{"output": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"output": "\\ud800"}', "half of a character"),
        (b'["output"]', "not a JSON object"),
        (b'"output"', "not a JSON object"),
        (b'{"outputs": 1}', "has no `output`"),
        (b'{"output": 1, "usage": {"input_tokens": -1}}', "`usage.input_tokens` is no number"),
        (b'{"output": 1, "usage": {"output_tokens": 1e3}}', "`usage.output_tokens` is no number"),
        (b'{"output": 1, "usage": {"input_tokens": 9999999999}}', "is no number of tokens"),
        (b'{"output": 1, "usage": [1]}', "`usage` is no mapping"),
    ],
    ids=range(18),
)
def test_an_answer_that_is_none_is_invalid(body: bytes, said: str) -> None:
    with Server(Said(body=body)) as server:
        kind, told = failed(desk(f"'{server.url}'"))

    assert kind == "invalid_output"
    assert said in told
    assert len(told) < 400


@pytest.mark.parametrize("colour", COLOURS)
def test_an_endless_body_is_read_up_to_the_limit(colour: Colour) -> None:
    sent = 0

    def endless(connection: socket.socket, over: threading.Event) -> None:
        nonlocal sent
        connection.sendall(raw(b""))
        while not over.is_set():
            sent += connection.send(b"x" * 10_000)

    with hostile(endless) as url:
        found = failed(desk(f"{{url: '{url}', limit: 50000}}"), colour)

    assert found == ("invalid_output", "worker 'scorer': its answer is longer than 50,000 bytes")
    assert sent < 100_000_000


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("drip", [b"HTTP/1.1 200 OK\r\nX: ", raw(b'{"output": "')])
def test_a_worker_that_drips_is_done_with_at_the_deadline(colour: Colour, drip: bytes) -> None:
    def dripping(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(drip)
        while not over.wait(0.02):
            connection.sendall(b"a")

    with hostile(dripping) as url:
        kind, _ = failed(desk(f"'{url}'", agent=", timeout: 300ms"), colour)

    assert kind == "timeout"


@pytest.mark.parametrize("colour", COLOURS)
def test_a_worker_that_says_nothing_is_done_with_at_the_deadline(colour: Colour) -> None:
    with hostile(lambda _, over: over.wait(60)) as url:
        kind, _ = failed(desk(f"'{url}'", agent=", timeout: 200ms"), colour)

    assert kind == "timeout"


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        raw(b"{}", "Content-Length: 5000"),
        raw(b"zz\r\n", "Transfer-Encoding: chunked"),
        raw(b"", "X: " + "x" * 200_000),
        raw(b"{}", "Evil: a\x00b"),
        raw(b"{}", "Content-Length: 2", "Content-Length: 3"),
    ],
    ids=range(8),
)
def test_what_is_no_http_is_a_failed_connection(said: bytes, colour: Colour) -> None:
    with hostile(lambda connection, _: connection.sendall(said)) as url:
        kind, told = failed(desk(f"'{url}'"), colour)

    assert kind == "connection"
    assert told.startswith("worker 'scorer' could not be reached: ")
    assert told.isprintable()


@pytest.mark.parametrize("colour", COLOURS)
def test_a_compressed_answer_is_not_unpacked(colour: Colour) -> None:
    bomb = gzip.compress(b'{"output": "' + b"x" * 50_000_000 + b'"}')
    with Server(Said(body=bomb, headers={"Content-Encoding": "gzip"})) as server:
        found = failed(desk(f"'{server.url}'"), colour)

    assert found == ("invalid_output", "worker 'scorer': its answer is compressed")


@pytest.mark.parametrize("colour", COLOURS)
def test_nobody_there_is_a_failed_connection(colour: Colour) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    kind, said = failed(desk(f"'http://127.0.0.1:{port}/'"), colour)

    assert kind == "connection"
    assert said.startswith("worker 'scorer' could not be reached: ")


def test_a_worker_keeps_no_cookie_of_ours() -> None:
    with Server(Said(body={"output": "x"}, headers={"Set-Cookie": "a=1"})) as server:
        conductor = desk(f"'{server.url}'")
        for _ in range(2):
            conductor.call("Hello")

    assert "cookie" not in server.asked[1].headers
