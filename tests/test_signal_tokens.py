"""How `input.tokens` is counted: by bytes without a tokenizer, or exactly and offline."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw.effects import Instant
from conductor_mw.errors import PluginError
from conductor_mw.lenses import CHAT, to_request
from conductor_mw.signals import Facts, builtin_signals, input_tokens, token_counter
from conductor_mw.signals.tokens import (
    ESTIMATE,
    MEDIA_TOKENS,
    MESSAGE_TOKENS,
    REPLY_TOKENS,
    ExactCount,
)

NEEDS_FILES: Final = pytest.mark.skipif(
    find_spec("tiktoken") is None or find_spec("litellm") is None,
    reason="the extra `tokens` is not installed",
)
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
SEARCH: dict[str, Any] = {
    "type": "function",
    "function": {"name": "search", "description": "Find pages. " * 20, "parameters": {}},
}


class Counting:
    """A tokenizer of one token a word, which counts the characters it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode_ordinary(self, text: str, /) -> list[int]:
        self.texts.append(text)
        return [0] * len(text.split())


def test_the_estimate_is_the_documented_formula() -> None:
    request = to_request("x" * 360)

    assert ESTIMATE.count(request) == 100 + MESSAGE_TOKENS + REPLY_TOKENS


def test_letters_beyond_ascii_count_by_their_bytes() -> None:
    plain, accents = to_request("a" * 360), to_request("ä" * 360)

    assert ESTIMATE.count(accents) - ESTIMATE.count(plain) == 100


def test_a_lone_surrogate_is_counted_like_any_letter() -> None:
    assert ESTIMATE.count(to_request("\ud800")) == 1 + MESSAGE_TOKENS + REPLY_TOKENS


def test_everything_that_would_be_sent_counts() -> None:
    bare = to_request("Hi")
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "x" * 3_600}}
    longer = to_request(
        [
            {"role": "system", "content": "y" * 3_600},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "z" * 3_600},
            {"role": "user", "content": "Hi"},
        ],
        tools=[SEARCH],
    )

    assert ESTIMATE.count(longer) > ESTIMATE.count(bare) + 3_000 + 60


def test_a_picture_counts_as_a_constant_however_large_its_data() -> None:
    with_picture = to_request(
        [{"role": "user", "content": [{"type": "text", "text": "Hi"}, PICTURE]}]
    )

    assert ESTIMATE.count(with_picture) == ESTIMATE.count(to_request("Hi")) + MEDIA_TOKENS


def test_a_long_text_is_encoded_once_however_often_the_signal_is_read() -> None:
    counting = Counting()
    signals = {signal.name: signal for signal in builtin_signals()}
    signals["input.tokens"] = input_tokens(ExactCount(counting))
    text = "word " * 20_000
    facts = Facts(to_request(text), signals, Instant(0, 0))

    told = {facts[name] for name in ("input.tokens", "input.tokens")}
    for name in signals:
        facts[name]

    assert told == {20_000 + MESSAGE_TOKENS + REPLY_TOKENS}
    assert counting.texts == [text]


@NEEDS_FILES
def test_the_exact_count_is_tiktokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    counter = token_counter("exact")

    assert counter.count(to_request("Hello, world!")) == 4 + MESSAGE_TOKENS + REPLY_TOKENS


@NEEDS_FILES
def test_counting_exactly_loads_no_litellm_and_leaves_the_environment() -> None:
    code = (
        "import os, sys\n"
        "from conductor_mw.signals.tokens import load_encoder\n"
        "before = dict(os.environ)\n"
        "assert len(load_encoder().encode_ordinary('Hello, world!')) == 4\n"
        "assert os.environ == before\n"
        "assert 'litellm' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


def test_estimating_loads_no_tokenizer() -> None:
    code = (
        "import sys\n"
        "from conductor_mw.lenses import to_request\n"
        "from conductor_mw.signals import token_counter\n"
        "assert token_counter('estimate').count(to_request('Hi')) == 8\n"
        "assert 'tiktoken' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


def test_without_the_packages_the_exact_count_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", nothing)

    with pytest.raises(PluginError) as caught:
        token_counter("exact")

    assert str(caught.value) == (
        "'tokens: exact' needs tiktoken and litellm\n"
        "  pip install 'conductor-mw[tokens]', or write 'tokens: estimate'"
    )


@given(st.text(max_size=400))
def test_the_estimate_of_any_text_grows_with_its_bytes(text: str) -> None:
    request = to_request(text)

    tokens = ESTIMATE.count(request)

    size = len(text.encode("utf-8", "surrogatepass"))
    assert tokens == -(-size * 10 // 36) + MESSAGE_TOKENS + REPLY_TOKENS
    assert CHAT.size(request.native) >= size
