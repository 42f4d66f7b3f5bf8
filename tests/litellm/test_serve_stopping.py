"""One server from its start to its end: what it prints, whom it asks, and how it stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.litellm.serve_command import needs_the_proxy, served

pytestmark = needs_the_proxy

KEY = "sk-of-the-operator"
WORDS = " ".join(["word"] * 40)
POLICY = f"""\
agents:
  - {{id: slow, simulated: {{answer: {WORDS}, tokens_per_second: 25}}}}
  - {{id: group, model: upstream}}
routing:
  rules: [{{condition: "input.text.contains('upstream')", target: group}}]
  default: slow
"""
EXTRA = """\
model_list:
  - model_name: upstream
    litellm_params: {model: openai/any, api_key: none, mock_response: From upstream.}
litellm_settings:
  callbacks: beside.logger
general_settings: {master_key: os.environ/THE_KEY}
"""
BESIDE = """\
from litellm.integrations.custom_logger import CustomLogger

print("\\x1b[32mbeside was loaded\\x1b[0m")
logger = CustomLogger()
"""


@dataclass(frozen=True)
class Story:
    """What one server did.

    Attributes:
        stdout: what it printed.
        stderr: what it said beside.
        models: the models that it listed.
        upstream: the answer of a group of the user's own configuration.
        streamed: the text of a stream that was under way when the server was told to stop.
        finish: why that stream ended.
        refused: whether a client that came later was turned away.
        code: how the process ended.
        left: the files that were left behind.
    """

    stdout: str
    stderr: str
    models: list[str]
    upstream: str | None
    streamed: str
    finish: str | None
    refused: bool
    code: int
    left: list[str]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    (folder / "conductor.yaml").write_text(POLICY)
    (folder / "litellm.yaml").write_text(EXTRA)
    (folder / "beside.py").write_text(BESIDE)
    with served(
        folder, "conductor.yaml", "--config", "litellm.yaml", "--host", "0.0.0.0", "--name", "desk",  # noqa: S104 - the warning is tested
        env={"TMPDIR": str(folder), "NO_COLOR": "1", "THE_KEY": KEY}, key=KEY,
    ) as server, server.client() as client:  # fmt: skip
        models = [model.id for model in client.models.list()]
        asked = client.chat.completions.create(
            model="desk", messages=[{"role": "user", "content": "Ask upstream."}]
        )
        stream = client.chat.completions.create(
            model="desk", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        chunks = [next(stream)]
        server.process.send_signal(signal.SIGTERM)
        refused = threading.Event()
        watching = threading.Thread(target=_turned_away, args=(server.url, refused))
        watching.start()
        chunks += list(stream)
        watching.join()
        code = server.process.wait(60)
        choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
        yield Story(
            server.stdout, server.stderr, models, asked.choices[0].message.content,
            "".join(one.delta.content or "" for one in choices), choices[-1].finish_reason,
            refused.is_set(), code, [path.name for path in folder.glob("conductor-mw-*")],
        )  # fmt: skip


def _turned_away(url: str, refused: threading.Event) -> None:
    """Wait until nobody listens any more; the stream that is under way tells when to give up."""
    for _ in range(1000):
        try:
            httpx.get(f"{url}/health/liveliness", timeout=5)
        except httpx.TransportError:
            refused.set()
            return


def test_a_stream_that_is_under_way_ends_whole(story: Story) -> None:
    assert story.streamed == WORDS
    assert story.finish == "stop"


def test_who_comes_after_the_signal_is_turned_away(story: Story) -> None:
    assert story.refused


def test_it_ends_without_an_error_and_leaves_nothing_behind(story: Story) -> None:
    assert story.code == 0
    assert story.stderr.endswith("stopped\n")
    assert "Traceback" not in story.stderr
    assert "WARNING" not in story.stderr
    assert story.left == []


def test_a_key_that_was_given_is_never_printed(story: Story) -> None:
    assert KEY not in story.stdout + story.stderr
    assert "LITELLM_MASTER_KEY is not set" not in story.stderr


def test_it_tells_where_it_is_what_to_ask_and_how_to_stop(story: Story) -> None:
    said = dict(line.split(None, 1) for line in story.stdout.splitlines() if line[0] != " ")

    url = said["serves"]
    assert url.startswith("http://127.0.0.1:")
    assert said["models"] == "upstream, desk"
    assert said["ask"] == f"curl {url}/chat/completions \\"
    assert '"model": "desk"' in story.stdout
    assert "$LITELLM_MASTER_KEY" in story.stdout
    assert said["stop"] == "Ctrl+C"


def test_others_than_this_computer_are_warned_of(story: Story) -> None:
    assert "warning: others than this computer reach 0.0.0.0" in story.stderr


def test_what_anybody_else_prints_goes_to_stderr_without_colours(story: Story) -> None:
    assert "beside was loaded\n" in story.stderr
    assert "\x1b" not in story.stdout + story.stderr
    assert "LiteLLM" not in story.stdout


def test_the_users_own_configuration_holds_beside_the_policy(story: Story) -> None:
    assert sorted(story.models) == ["desk", "upstream"]
    assert story.upstream == "From upstream."
