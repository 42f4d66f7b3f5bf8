"""input.tokens: how many tokens a request sends, estimated from its bytes or counted exactly.

The estimate is

    ceil(bytes / 3.6) + 4 for each message + 1,000 for each image, sound or file + 3

where `bytes` are the UTF-8 bytes of every text that would be sent: messages, tool calls and the
tools' descriptions. It needs no tokenizer and costs a microsecond for a kilobyte. Addresses and
data of images, sounds and files do not count as text.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from pathlib import Path
from typing import Final, Literal, Protocol

from conductor_mw.errors import PluginError
from conductor_mw.request import Request, Weight
from conductor_mw.rules.types import INT

from .registry import Facts, Signal

BYTES_PER_TOKEN: Final = 3.6
"""Mail has about 4.2 (o200k), code 4.2, Japanese 3.8, formulas 2.9, JSON of numbers 2.3."""
MESSAGE_TOKENS: Final = 4
MEDIA_TOKENS: Final = 1_000
REPLY_TOKENS: Final = 3
ENCODING: Final = "o200k_base"
# tiktoken names a cached file after the SHA-1 of the address it came from.
_FILE: Final = "fb374d419588a4632f3f557e76b4b70aebbca790"


class TokenCounter(Protocol):
    """Counts the tokens that a request sends."""

    def count(self, request: Request, /) -> int:
        """Give the number of tokens of everything that would be sent."""
        ...


class ByteEstimate:
    """Counts tokens from bytes; see the formula at the head of this module."""

    __slots__ = ()

    def count(self, request: Request, /) -> int:
        """Give the estimate."""
        weight = request.lens.weight(request.native)
        return -int(-weight.size // BYTES_PER_TOKEN) + _overhead(weight)


class Encoder(Protocol):
    """What turns a text into tokens, as tiktoken's `Encoding` does."""

    def encode_ordinary(self, text: str, /) -> list[int]:
        """Give the tokens of a text, in which no special token is recognised."""
        ...


class ExactCount:
    """Counts tokens with a tokenizer; the tokenizer is loaded when the first request is counted.

    Args:
        encoder: the tokenizer; by default tiktoken's o200k_base, read from the files that LiteLLM
            ships, so that no network is used.
    """

    __slots__ = ("_encoder", "_lock")

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()

    def count(self, request: Request, /) -> int:
        """Give the number of tokens; every text is encoded once.

        Raises:
            PluginError: tiktoken or its files are not installed.
        """
        encoder = self._encoder
        if encoder is None:
            with self._lock:
                if self._encoder is None:
                    self._encoder = load_encoder()
                encoder = self._encoder
        tokens = sum(
            len(encoder.encode_ordinary(piece))
            for piece in request.lens.pieces(request.native)
            if piece
        )
        return tokens + _overhead(request.lens.weight(request.native))


ESTIMATE: Final = ByteEstimate()


def token_counter(setting: Literal["estimate", "exact"]) -> TokenCounter:
    """Return the counter that a policy's `tokens:` names.

    Raises:
        PluginError: `exact` needs packages that are not installed.
    """
    if setting == "estimate":
        return ESTIMATE
    _tokenizer_folder()
    return ExactCount()


def input_tokens(counter: TokenCounter) -> Signal:
    """Return the signal `input.tokens`, counted by this counter."""

    def read(facts: Facts) -> int:
        return counter.count(facts.request)

    return Signal("input.tokens", INT, read, doc="Tokens of everything that would be sent.")


def load_encoder(name: str = ENCODING) -> Encoder:
    """Return a tiktoken encoding, read from LiteLLM's files; nothing is downloaded.

    Raises:
        PluginError: tiktoken or LiteLLM is not installed.
    """
    folder = _tokenizer_folder()
    import tiktoken  # noqa: PLC0415 - an extra, and slow to import

    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    try:
        return tiktoken.get_encoding(name)
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before


def _tokenizer_folder() -> Path:
    """Give the folder of LiteLLM's tokenizer files, without importing LiteLLM."""
    spec = importlib.util.find_spec("litellm")
    missing = ["tiktoken"] if importlib.util.find_spec("tiktoken") is None else []
    if spec is None or spec.origin is None:
        missing.append("litellm")
    else:
        folder = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
        # Without its file tiktoken would fetch the encoding from the network.
        if not missing and (folder / _FILE).is_file():
            return folder
        missing = missing or ["a litellm that ships o200k_base"]
    raise PluginError(
        f"'tokens: exact' needs {' and '.join(missing)}",
        mend="pip install 'conductor-mw[tokens]', or write 'tokens: estimate'",
    )


def _overhead(weight: Weight) -> int:
    return REPLY_TOKENS + MESSAGE_TOKENS * weight.messages + MEDIA_TOKENS * weight.media
