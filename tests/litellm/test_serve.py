"""`conductor-mw serve` at work: whom it lets in, what it answers, and what its health says."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
from openai import OpenAI

from tests.litellm.serve_command import Served, needs_the_proxy, served, until

pytestmark = needs_the_proxy

POLICY = """\
workflow: {name: front-desk}
signals: {tier: {from: metadata.tier, type: string, default: free}}
agents:
  - {id: small, simulated: {answer: "We open at nine."}}
  - {id: tooled, simulated: {answer: "I would look at the weather."}}
  - {id: locked, simulated: {errors: {auth: 1.0}}}
routing:
  rules:
    - {id: tools, condition: "'weather' in input.tools", target: tooled}
    - {id: locked, condition: "tier == 'locked'", target: locked}
  default: small
"""
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "conductor.yaml").write_text(POLICY)
    with served(
        folder, "conductor.yaml", "--format", "json", "--reload-every", "200ms",
        env={"TMPDIR": str(folder)},
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
def client(server: Served) -> Iterator[OpenAI]:
    with server.client() as made:
        yield made


def test_stdout_holds_one_line_of_json_that_tells_where(server: Served) -> None:
    told = json.loads(server.stdout)

    assert server.stdout.count("\n") == 1
    assert told == {
        "url": server.url,
        "base_url": f"{server.url}/v1",
        "models": ["front-desk"],
        "pid": server.process.pid,
    }
    assert server.url.startswith("http://127.0.0.1:")


def test_a_key_is_made_printed_once_and_stands_nowhere_else(server: Served) -> None:
    assert len(server.key) > 40
    assert (server.stderr + server.stdout).count(server.key) == 1
    arguments = Path(f"/proc/{server.process.pid}/cmdline")
    if arguments.exists():
        assert server.key.encode() not in arguments.read_bytes()
    (written,) = server.folder.glob("conductor-mw-*/config.yaml")
    assert server.key not in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700


def test_a_client_is_answered(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="front-desk", messages=HELLO)

    answer = raw.parse()
    assert answer.choices[0].message.content == "We open at nine."
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    assert raw.headers["x-conductor-agent"] == "small"


def test_a_client_is_answered_in_a_stream(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="front-desk", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "We open at nine."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


def test_tools_reach_the_policy(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="front-desk", messages=HELLO, tools=[TOOL])

    assert answer.choices[0].message.content == "I would look at the weather."


def test_the_model_is_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["front-desk"]


@pytest.mark.parametrize("wrong", ["sk-another", "x"])
def test_a_wrong_key_is_refused(server: Served, wrong: str) -> None:
    with server.client(wrong) as stranger, pytest.raises(openai.AuthenticationError) as refused:
        stranger.chat.completions.create(model="front-desk", messages=HELLO)

    assert refused.value.status_code == 401
    assert server.key not in str(refused.value)


def test_no_key_is_refused(server: Served) -> None:
    answer = httpx.post(
        f"{server.url}/v1/chat/completions", json={"model": "front-desk", "messages": HELLO}
    )

    assert answer.status_code == 401


def test_failures_rest_nothing_that_the_policy_does_not_rest(client: OpenAI) -> None:
    statuses: list[int] = []
    for _ in range(4):
        with pytest.raises(openai.APIStatusError) as failed:
            client.chat.completions.create(
                model="front-desk", messages=HELLO, extra_body={"metadata": {"tier": "locked"}}
            )
        statuses.append(failed.value.status_code)

    assert set(statuses) == {401}
    assert client.chat.completions.create(model="front-desk", messages=HELLO).choices


def test_it_says_that_it_lives(server: Served) -> None:
    assert server.health("liveliness").status_code == 200


def test_readiness_names_the_version_at_work(server: Served) -> None:
    answer = server.health("readiness")

    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "healthy"
    assert set(told["policies"]) == {"front-desk"}
    assert told["policies"]["front-desk"]["newest"] == "working"
    assert len(told["policies"]["front-desk"]["fingerprint"]) > 10


def test_details_are_for_who_has_the_key(server: Served) -> None:
    stranger = server.health("readiness/details")
    operator = server.health("readiness/details", authorization=f"Bearer {server.key}")

    assert stranger.status_code == 401
    assert "policies" not in stranger.text
    assert operator.json()["policies"]["front-desk"]["newest"] == "working"


def test_a_new_version_is_taken_over_and_a_broken_one_is_not(
    server: Served, client: OpenAI
) -> None:
    path = server.folder / "conductor.yaml"

    def state() -> dict[str, str]:
        told: Any = server.health("readiness").json()
        return cast("dict[str, str]", told["policies"]["front-desk"])

    def says() -> str | None:
        answer = client.chat.completions.create(model="front-desk", messages=HELLO)
        return answer.choices[0].message.content

    before = state()["fingerprint"]
    try:
        _replace(path, POLICY.replace("at nine", "at eight"))
        until(lambda: says() == "We open at eight.", server)
        works = state()
        assert (works["newest"], works["fingerprint"] == before) == ("working", False)

        _replace(path, POLICY.replace("default: small", "default: nobody"))
        until(lambda: state()["newest"] == "refused", server)

        assert says() == "We open at eight."
        assert state()["fingerprint"] == works["fingerprint"]
        assert server.health("readiness").status_code == 200
        assert "nobody" not in server.health("readiness").text
        details = server.health("readiness/details", authorization=f"Bearer {server.key}").json()
        assert "nobody" in details["policies"]["front-desk"]["problem"]
        until(lambda: "the policy's new version is refused" in server.stderr, server)
        assert "nobody" in server.stderr
    finally:
        _replace(path, POLICY)
        until(lambda: says() == "We open at nine.", server)
    until(lambda: state() == {"fingerprint": before, "newest": "working"}, server)


def _replace(path: Path, text: str) -> None:
    """Put another version in the place of a file, at once as an editor does."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
