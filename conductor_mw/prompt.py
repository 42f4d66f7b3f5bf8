"""What a caller may pass as a prompt, and the request that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .errors import RequestError
from .lenses.prompt import to_request
from .request import Request

Prompt = str | Sequence[Mapping[str, Any]] | Request
"""A text, OpenAI-style messages, or a request that an integration made."""


def request_of(
    prompt: Prompt,
    metadata: Mapping[str, object] | None,
    tools: Sequence[Mapping[str, Any]] | None,
    parameters: Mapping[str, object],
    *,
    stream: bool,
) -> Request:
    """Give the request of a call; whether it streams is the call's to say.

    Raises:
        RequestError: the prompt cannot be read, or a `Request` came with more beside it.
    """
    if not isinstance(prompt, Request):
        return to_request(
            prompt, metadata=metadata or {}, tools=tools, stream=stream, parameters=parameters
        )
    beside = [*(["metadata"] if metadata else []), *(["tools"] if tools else []), *parameters]
    if beside:
        raise RequestError(
            "a Request carries its own metadata, tools and parameters",
            mend=f"Put {', '.join(beside)} into the Request.",
        )
    return prompt if prompt.stream == stream else replace(prompt, stream=stream)
