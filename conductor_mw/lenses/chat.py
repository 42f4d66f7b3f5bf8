"""The lens for OpenAI-style payloads: messages, tools and parameters in one mapping.

The app's own list of messages travels by reference; only what must change is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn, cast

from conductor_mw.errors import RequestError
from conductor_mw.parts import Part, Usage
from conductor_mw.request import Message, Weight

from .answer import join_parts, read_answer, show_part
from .walk import NUMBER_BYTES, byte_size, flat_text, kind_of, masked, utf8_length

# What belongs to the conversation or shapes the app's own answer; a judge's question has neither.
_OF_THE_CONVERSATION: Final = frozenset(
    (
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "response_format",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "prediction",
        "modalities",
        "audio",
        "stream",
        "stream_options",
    )
)
_NOT_PARAMETERS: Final = frozenset(("messages", "tools", "functions"))
_TEXT_KINDS: Final = frozenset(("text", "input_text", "output_text"))
_MEDIA_KINDS: Final[Mapping[str, str]] = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "input_audio": "audio",
    "audio": "audio",
    "file": "file",
    "input_file": "file",
    "document": "file",
    "video_url": "video",
    "video": "video",
}
_PLAIN: Final = 2
"""Fields of a message that is a role and a text."""
_MARKS: Final = len("role" + "content") + 2 * 4 + 2 * 2
"""What its two keys, and the marks around keys and values, count; see `byte_size`."""
_OF_MOST: Final = frozenset(("role", "content"))
_BESIDE: Final = ("name", "refusal", "reasoning_content")
"""Texts of a message beside its content."""
_KEY: Final = 4
_SMALL: Final = 100_000
"""Numbers below it count what every short number counts."""
_ROLES: Final[Mapping[str, str]] = {"developer": "system", "function": "tool"}


class ChatLens:
    """Reads and changes `{"messages": [...], "tools": [...], **parameters}`.

    Messages are mappings as the OpenAI API takes them, or the message objects that its SDK and
    LiteLLM answer with. A payload that cannot be read raises `RequestError`, which names the
    place, for example `messages.3.content`.

    >>> lens = ChatLens()
    >>> lens.text({"messages": [{"role": "user", "content": "Hello"}]})
    'Hello'
    """

    __slots__ = ()

    def text(self, native: object) -> str:
        """Give the text of the last user message, or '' where there is none."""
        messages = messages_of(native)
        for position in range(len(messages) - 1, -1, -1):
            message = messages[position]
            if _role(message, position) == "user":
                content = _field(message, "content")
                return content if isinstance(content, str) else _read(content, position)[0]
        return ""

    def messages(self, native: object) -> Sequence[Message]:
        """Give all messages, oldest first."""
        return [_message(message, at) for at, message in enumerate(messages_of(native))]

    def tools(self, native: object) -> Sequence[str]:
        """Give the names of the tools and legacy functions that the request offers."""
        return [_tool_name(tool, where) for where, tool in _tools(native)]

    def parameters(self, native: object) -> Mapping[str, object]:
        """Give everything beside messages and tools, for example `temperature` and `model`."""
        payload = _payload(native)
        return {key: value for key, value in payload.items() if key not in _NOT_PARAMETERS}

    def size(self, native: object) -> int:
        """Give the number of UTF-8 bytes of everything that would be sent, about as JSON."""
        payload = _payload(native)
        given = payload.get("messages")
        messages: Any = given
        if type(given) is not list:
            return byte_size(payload, "request")
        # Most messages are a role and a text; every call under a budget is weighed here.
        total = 0
        others: list[object] = []
        message: object
        for message in messages:
            fields: Any = message
            if type(message) is dict and len(fields) == _PLAIN:
                role: object = fields.get("role")
                text: object = fields.get("content")
                if type(role) is str and type(text) is str and role.isascii():
                    total += len(role) + _MARKS
                    total += len(text) if text.isascii() else utf8_length(text)
                    continue
            others.append(fields)
        for key, value in payload.items():
            total += _KEY + (
                len(key) if type(key) is str and key.isascii() else utf8_length(f"{key}")
            )
            if type(value) is int and -_SMALL < value < _SMALL:
                total += NUMBER_BYTES
            elif value is not given:
                others.append(value)
        return total + byte_size(others, "request") if others else total

    def pieces(self, native: object) -> Iterator[str]:
        """Give every text of messages, tool calls, tools and `prediction`; no data of media."""
        for at, message in enumerate(messages_of(native)):
            text, _ = _read(_field(message, "content"), at)
            yield text
            fields: Any = message
            if isinstance(fields, dict) and fields.keys() == _OF_MOST:
                continue  # most messages are a role and a text
            for name in _BESIDE:
                beside = _field(message, name)
                if isinstance(beside, str) and beside:
                    yield beside
            for where, call in _calls(message, at):
                yield flat_text(call, where)
        for where, tool in _tools(native):
            yield flat_text(tool, where)
        predicted = _payload(native).get("prediction")
        if predicted is not None:
            yield flat_text(predicted, "prediction")

    def weight(self, native: object) -> Weight:
        """Give the request's weight, in one walk over the messages."""
        messages = messages_of(native)
        size = media = turns = 0
        for at, message in enumerate(messages):
            turns += _role(message, at) == "user"
            content = _field(message, "content")
            if type(content) is str:
                size += len(content) if content.isascii() else utf8_length(content)
            else:
                text, kinds = _read(content, at)
                size += utf8_length(text)
                media += len(kinds)
            # Most messages call nothing, and this runs for every decision that counts tokens.
            if not _plain(message):
                for where, call in _calls(message, at):
                    size += utf8_length(flat_text(call, where))
        payload = _payload(native)
        if "tools" in payload or "functions" in payload:
            for where, tool in _tools(native):
                size += utf8_length(flat_text(tool, where))
        return Weight(size, len(messages), media, turns)

    def plain(self, native: object) -> Mapping[str, object]:
        """Give the payload itself."""
        return _payload(native)

    def with_system(self, native: object, prompt: str) -> object:
        """Give a payload that this prompt leads; the app's own system message stays after it."""
        if not prompt:
            return native
        led = [{"role": "system", "content": prompt}, *messages_of(native)]
        return {**_payload(native), "messages": led}

    def with_parameters(self, native: object, parameters: Mapping[str, object]) -> object:
        """Give a payload with these parameters set, the others and the messages kept."""
        return {**_payload(native), **parameters} if parameters else native

    def redacted(self, native: object, mask: Callable[[str], str]) -> object:
        """Give a payload in which every text of messages and tools went through `mask`.

        Ids, names, roles and addresses or data of media stay as they are.
        """
        payload = _payload(native)
        changed = [
            masked(message, mask, f"messages.{at}")
            for at, message in enumerate(messages_of(native))
        ]
        result = {**payload, "messages": changed}
        for key in ("tools", "functions", "prediction"):
            if payload.get(key):
                result[key] = masked(payload[key], mask, key)
        return result

    def fresh(self, native: object, text: str) -> object:
        """Give a payload with one user message; tools and the shape of the answer are kept out."""
        kept = {k: v for k, v in _payload(native).items() if k not in _OF_THE_CONVERSATION}
        return {**kept, "messages": [{"role": "user", "content": text}]}

    def shortened(self, native: object, dropped: Collection[int], note: str = "") -> object:
        """Give a payload without the messages at these positions; a note may stand for them."""
        kept = [one for at, one in enumerate(messages_of(native)) if at not in dropped]
        if note:
            kept.insert(min(dropped), {"role": "user", "content": note})
        return {**_payload(native), "messages": kept}

    def read(self, native: object) -> Part:
        """Read an answer or a chunk: a text, an OpenAI-style mapping, or an SDK's object.

        Raises:
            PluginError: it is nothing of these.
            Failure: it is an error, or has the shape of no answer.
        """
        return read_answer(native)

    def usage_after(self, so_far: Usage, report: Usage) -> Usage:
        """Give the report: a chunk's usage in this dialect counts everything before it too."""
        del so_far
        return report

    def show(self, part: Part) -> object:
        """Give an OpenAI-style chunk for one part."""
        return show_part(part)

    def join(self, parts: Sequence[Part]) -> object:
        """Give an OpenAI-style chat completion for the parts of one answer."""
        return join_parts(parts)


CHAT: Final = ChatLens()
"""The one chat lens; it holds no state."""


# Nothing is cast in these: `cast` is a call, and they are called ten times for every request.
def _payload(native: object) -> Mapping[str, object]:
    payload: Any = native
    # Asking a dict whether it is a Mapping goes through the ABC, at a fifth of a decision's time.
    if type(native) is dict or isinstance(native, Mapping):
        found: Mapping[str, object] = payload
        return found
    raise RequestError(
        f"a chat payload must be a mapping with messages, not {kind_of(native)}", where="request"
    )


def messages_of(native: object) -> Sequence[object]:
    """Give the messages of a payload as they stand there. Raises `RequestError`."""
    messages = _payload(native).get("messages")
    given: Any = messages
    if type(messages) is list or isinstance(messages, (list, tuple)):
        found: Sequence[object] = given
        return found
    if messages is None:
        raise RequestError("is missing", where="messages", mend="pass a list of messages")
    raise RequestError(f"must be a list of messages, not {kind_of(messages)}", where="messages")


def _field(message: object, name: str) -> object:
    fields: Any = message
    if type(message) is dict or isinstance(message, Mapping):
        found: object = fields.get(name)
        return found
    return getattr(message, name, None)


def _plain(message: object) -> bool:
    """Whether a message is a mapping that calls no tool."""
    return type(message) is dict and "tool_calls" not in message and "function_call" not in message


def _role(message: object, position: int) -> str:
    role = _field(message, "role")
    if isinstance(role, str):
        return role
    if isinstance(message, Mapping) or role is not None:
        problem = "is missing" if role is None else f"must be a string, not {kind_of(role)}"
        raise RequestError(
            problem,
            where=f"messages.{position}.role",
            mend="write system, user, assistant or tool",
        )
    raise RequestError(
        f"a message must be a mapping with role and content, not {kind_of(message)}",
        where=f"messages.{position}",
    )


def _message(message: object, position: int) -> Message:
    role = _role(message, position)
    text, media = _read(_field(message, "content"), position)
    calls = tuple(_call_name(call, where) for where, call in _calls(message, position))
    return Message(_ROLES.get(role, role), text, media, calls)


def _read(content: object, position: int) -> tuple[str, tuple[str, ...]]:
    """Give the text of a message's content and the kinds of its other pieces."""
    if isinstance(content, str):
        return content, ()
    if content is None:
        return "", ()
    if not isinstance(content, list | tuple):
        _refuse(content, f"messages.{position}.content")
    texts: list[str] = []
    media: list[str] = []
    for at, piece in enumerate(cast("Sequence[object]", content)):
        where = f"messages.{position}.content.{at}"
        if isinstance(piece, str):
            texts.append(piece)
            continue
        kind = _field(piece, "type")
        if not isinstance(kind, str):
            raise RequestError(
                "a piece of content must be a mapping with a type",
                where=where,
                mend='for example {"type": "text", "text": "..."}',
            )
        if kind in _TEXT_KINDS or kind == "refusal":
            text = _field(piece, "refusal" if kind == "refusal" else "text")
            if not isinstance(text, str):
                raise RequestError(f"must be a string, not {kind_of(text)}", where=f"{where}.text")
            texts.append(text)
        else:
            media.append(_MEDIA_KINDS.get(kind, "other"))
    return "\n".join(texts), tuple(media)


def _refuse(content: object, where: str) -> NoReturn:
    raise RequestError(
        f"must be a string, a list of pieces or null, not {kind_of(content)}", where=where
    )


def _calls(message: object, position: int) -> Iterator[tuple[str, object]]:
    calls = _field(message, "tool_calls")
    if calls is not None:
        where = f"messages.{position}.tool_calls"
        if not isinstance(calls, list | tuple):
            raise RequestError(f"must be a list, not {kind_of(calls)}", where=where)
        for at, call in enumerate(cast("Sequence[object]", calls)):
            yield f"{where}.{at}", call
    legacy = _field(message, "function_call")
    if legacy is not None:
        yield f"messages.{position}.function_call", legacy


def _call_name(call: object, where: str) -> str:
    function = _field(call, "function")
    name = _field(call if function is None else function, "name")
    if isinstance(name, str):
        return name
    raise RequestError(
        "a tool call must name its function",
        where=where,
        mend='for example {"type": "function", "function": {"name": "f", "arguments": "{}"}}',
    )


def _tools(native: object) -> Iterator[tuple[str, object]]:
    payload = _payload(native)
    for key in ("tools", "functions"):
        offered = payload.get(key)
        if offered is None:
            continue
        if not isinstance(offered, list | tuple):
            raise RequestError(f"must be a list, not {kind_of(offered)}", where=key)
        for at, tool in enumerate(cast("Sequence[object]", offered)):
            yield f"{key}.{at}", tool


def _tool_name(tool: object, where: str) -> str:
    function = _field(tool, "function")
    name = _field(tool if function is None else function, "name")
    if isinstance(name, str):
        return name
    # A provider's own tool has a kind and no name, for example {"type": "web_search"}.
    kind = _field(tool, "type")
    if isinstance(kind, str) and function is None:
        return kind
    raise RequestError(
        "a tool must have a name",
        where=where,
        mend='for example {"type": "function", "function": {"name": "f", "parameters": {}}}',
    )
