"""Make a request of what an app passes: a text, or OpenAI-style messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conductor_mw.errors import RequestError
from conductor_mw.request import Request

from .chat import CHAT, messages_of
from .walk import kind_of


def to_request(
    prompt: str | Sequence[object],
    *,
    metadata: Mapping[str, object] | None = None,
    tools: Sequence[object] | None = None,
    stream: bool = False,
    parameters: Mapping[str, object] | None = None,
) -> Request:
    """Return a request for a prompt or for OpenAI-style messages.

    Args:
        prompt: the user's text, or the messages; a list is passed on as it is, never copied.
        metadata: what the app says about the request, for example tenant and tier.
        tools: tools in OpenAI's form.
        stream: whether the caller reads the answer part by part.
        parameters: other parameters of the call, for example `temperature`.

    Raises:
        RequestError: there are no messages, or an argument has the wrong type.

    >>> to_request("Hello", metadata={"tier": "pro"}).text
    'Hello'
    """
    native: dict[str, object] = {}
    if parameters:
        if "messages" in parameters or "tools" in parameters:
            raise RequestError(
                "messages and tools are no parameters",
                where="parameters",
                mend="pass messages as the prompt, and tools as tools=[...]",
            )
        native.update(parameters)
    if isinstance(prompt, str):
        native["messages"] = [{"role": "user", "content": prompt}]
    else:
        native["messages"] = prompt
        if not messages_of(native):
            raise RequestError(
                "there is no message", where="messages", mend="pass a text or at least one message"
            )
    if tools:
        native["tools"] = tools
    if metadata is None:
        return Request(native, CHAT, stream=stream)
    if not isinstance(metadata, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - the caller may not have type-checked
        raise RequestError(f"must be a mapping, not {kind_of(metadata)}", where="metadata")
    for key in metadata:
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance] - as above
            raise RequestError(
                f"its keys must be strings, and one is of type {kind_of(key)}", where="metadata"
            )
    return Request(native, CHAT, metadata, stream)
