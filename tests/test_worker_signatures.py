"""Calls of workers are signed; secrets are read where they are needed and shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_mw import PolicyError
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load_text
from conductor_mw.testing import COLOURS, Colour, ask
from conductor_mw.workers.signature import key_of, refusal, sign
from tests.worker_servers import Said, Server, desk, failed, policy

ROOT = Path(__file__).parents[1]
CORE = Plugins.core()
SECRET = "whsec_dGhlIHNlY3JldA=="


# Signatures


@pytest.mark.parametrize("colour", COLOURS)
def test_a_secret_signs_every_message(colour: Colour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_SECRET", SECRET)
    with Server(Said(202, headers={"Location": "/jobs/1"}), Said(body={"output": "x"})) as server:
        conductor = desk(f"{{url: '{server.url}', secret: '${{env:WORKER_SECRET}}'}}")
        ask(conductor, "Hello", way="call" if colour == "sync" else "acall")

    for asked in server.asked:
        now = float(asked.headers["webhook-timestamp"])
        assert refusal(key_of(SECRET), asked.headers, asked.body, now=now) == ""
        assert refusal(b"another", asked.headers, asked.body, now=now) == "the signature is wrong"


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification's own libraries.
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'

    headers = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"webhook-id": "other"}, "the signature is wrong"),
        ({"webhook-signature": "v1,"}, "the signature is wrong"),
        ({"webhook-signature": "v1a,é"}, "the signature is wrong"),
        ({"webhook-timestamp": "99999"}, "the timestamp is too far from now"),
        ({"webhook-timestamp": "-5"}, "the message has no id and no timestamp"),
        ({"webhook-timestamp": "9" * 5000}, "the message has no id and no timestamp"),
        ({"webhook-id": ""}, "the message has no id and no timestamp"),
    ],
)
def test_what_was_changed_is_not_believed(change: dict[str, str], said: str) -> None:
    headers = {**sign(b"key", "m", 1000, b"{}"), **change}

    assert refusal(b"key", headers, b"{}", now=1000.0) == said


def test_one_right_signature_among_several_is_enough() -> None:
    headers = sign(b"key", "m", 1000, b"{}")
    headers["webhook-signature"] = f"v1,AAAA v2,x {headers['webhook-signature']}"

    assert refusal(b"key", headers, b"{}", now=1300.0) == ""


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (None, "scorer' needs the environment variable WORKER_SECRET: the secret is empty"),
        ("whsec_%%%", "needs the environment variable WORKER_SECRET: the secret is no base64"),
    ],
)
def test_a_secret_that_is_missing_or_broken_is_named_and_never_shown(
    secret: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORKER_SECRET", raising=False)
    if secret is not None:
        monkeypatch.setenv("WORKER_SECRET", secret)
    with Server() as server:
        kind, told = failed(desk(f"{{url: '{server.url}', secret: '${{env:WORKER_SECRET}}'}}"))

    assert kind == "auth"
    assert said in told
    assert "%%%" not in told
    assert server.asked == []


def test_a_secret_in_the_policy_is_refused_and_not_repeated() -> None:
    with pytest.raises(PolicyError) as caught:
        load_text(policy("{url: 'http://localhost/', secret: whsec_cGFzc3dvcmQ}"), plugins=CORE)

    assert "agents.0.worker.secret: " in str(caught.value)
    assert "cGFzc3dvcmQ" not in str(caught.value)
