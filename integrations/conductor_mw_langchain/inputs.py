"""What a chain is given, as the engine carries it: untouched, with what signals read of it.

A chain takes anything. A policy reads a text or messages, so it is settled here where in an input
they stand; whatever a flow says anew (a step's own prompt, say) is put back into the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, Self, cast

from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from conductor_mw import ConductorError, RequestError

from .payload import Payload
from .values import fields_of, json_text, texts

KEYS: Final = ("messages", "input", "question", "query", "text")
"""Where in a mapping the text or the messages stand; the first that holds some counts."""
LONGEST: Final = 1_000_000
"""Characters of JSON that are read of an input in which nothing says what the text is."""
_PAIR: Final = 2
_MOST_FIELDS: Final = 100
_LONGEST_FIELD: Final = 1_000

Read = Callable[[Any], str | Sequence[Any]]
Write = Callable[[Any, str], Any]
Form = Literal["text", "message", "messages", "prompt", "json", "own"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an input the text or the messages stand.

    Attributes:
        form: what stands there; `json` where nothing says what the text is, `own` where the app's
            `read` does.
        key: the field of a mapping or a pydantic object; None for the input itself.
        write: the app's way to put another text into its input.
    """

    form: Form
    key: str | None = None
    write: Write | None = None

    def put(self, value: Any, messages: Sequence[BaseMessage]) -> Any:
        """Give the input with other messages in their place.

        Raises:
            ConductorError: its form has no place for them.
        """
        if self.write is not None:
            return self.write(value, _only_text(messages))
        if self.key is None:
            return self._formed(value, messages)
        fields = fields_of(value) or {}
        inner = self._formed(fields[self.key], messages)
        if isinstance(value, BaseModel):
            return value.model_copy(update={self.key: inner})
        return {**fields, self.key: inner}

    def _formed(self, value: Any, messages: Sequence[BaseMessage]) -> Any:
        if self.form == "messages":
            return list(messages)
        if self.form == "prompt":
            if isinstance(value, StringPromptValue):
                return StringPromptValue(text=_only_text(messages))
            return ChatPromptValue(messages=messages)
        if self.form == "text":
            return _only_text(messages)
        if self.form == "message" and len(messages) == 1:
            return messages[0]
        if self.form == "message":
            raise ConductorError(
                "a flow says several messages, and the input has a place for one of them",
                where="input", mend="Give the chain a list of messages.",
            )  # fmt: skip
        raise ConductorError(
            "a flow says a text of its own, and nobody knows where in the input it belongs",
            where="input",
            mend=f"Call the field one of {', '.join(KEYS)}, or say "
            "ConductorRunnable(..., write=lambda value, text: {**value, 'topic': text}).",
        )


@dataclass(frozen=True)
class Input(Payload):
    """A chain's input, with what signals read of it.

    Attributes:
        value: the input as the app gave it.
        asked: the messages that were read of it; where `messages` are others, they go in their
            place.
        place: where they stand.
        said: the parameters that the app's call named; those of the policy are none of them.
    """

    value: Any = None
    asked: list[BaseMessage] = field(default_factory=list[BaseMessage])
    place: Place = Place("text")
    said: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        value: Any,
        kwargs: Mapping[str, Any],
        read: Read | None = None,
        write: Write | None = None,
        config: RunnableConfig | None = None,
    ) -> Self:
        """Give a call's input with what is read of it.

        Args:
            value: what the chain was given.
            kwargs: what else the call or `bind` said; it goes to the chain that answers.
            read: gives the text or the messages of an input, in the app's own way.
            write: gives an input with another text, in the app's own way.
            config: of what runs below the conductor's own chain run.

        Raises:
            RequestError: what stands where the messages belong cannot be read as messages.
        """
        place, messages = _found(value, read, write)
        return cls(
            messages, dict(kwargs), config or RunnableConfig(),
            value=value, asked=messages, place=place, said=frozenset(kwargs),
        )  # fmt: skip

    @cached_property
    def beside(self) -> Sequence[str]:
        """The texts of the fields beside that of the text or the messages; found once.

        Raises:
            RequestError: they are nested too deep, or too many.
        """
        key = self.place.key
        fields = {} if key is None else fields_of(self.value) or {}
        return list(texts([one for name, one in fields.items() if name != key]))

    def for_chain(self) -> Any:
        """Give what the chain gets: the app's own input, unless a flow says something else.

        Raises:
            ConductorError: the input has no place for what the flow says.
        """
        return (
            self.value if self.messages is self.asked else self.place.put(self.value, self.messages)
        )

    def facts(self) -> dict[str, object]:
        """Give the short plain fields beside the text, which rules read as `metadata.input.*`."""
        found: dict[str, object] = {}
        for key, one in (fields_of(self.value) or {}).items():
            if len(found) == _MOST_FIELDS:
                break
            plain = isinstance(one, bool | int | float) or (
                isinstance(one, str) and len(one) <= _LONGEST_FIELD
            )
            if plain and isinstance(key, str) and key != self.place.key:  # pyright: ignore[reportUnnecessaryIsInstance] - the app's own mapping
                found[key] = one
        return found


def messages_in(value: object) -> list[BaseMessage] | None:
    """Give the messages that a value is, or None where it is neither a text nor messages."""
    form = _form(value)
    return None if form is None else _messages(value, form)


def _found(value: Any, read: Read | None, write: Write | None) -> tuple[Place, list[BaseMessage]]:
    if read is not None:
        messages = messages_in(read(value))
        if messages is None:
            raise RequestError(
                "what `read` gives is neither a text nor messages",
                where="input", mend="Give a str, or a list of messages.",
            )  # fmt: skip
        return Place("own", None, write), messages
    form = _form(value)
    if form is not None:
        return Place(form, None, write), _messages(value, form)
    fields = fields_of(value) or {}
    for key in KEYS:
        form = _form(fields.get(key))
        if form is not None:
            return Place(form, key, write), _messages(fields[key], form)
    text = json_text(value, LONGEST)
    if len(text) > LONGEST:
        raise RequestError(
            f"is longer than {LONGEST:,} characters, and nothing in it says what its text is",
            where="input",
            mend="Say what a policy shall read: ConductorRunnable(..., read=lambda value: ...).",
        )
    return Place("json", None, write), [HumanMessage(text)]


def _form(value: object) -> Form | None:
    if isinstance(value, str):
        return "text"
    if isinstance(value, BaseMessage):
        return "message"
    if isinstance(value, PromptValue):
        return "prompt"
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        return "messages" if items and all(map(_is_message, items)) else None
    return None


def _is_message(item: object) -> bool:
    if isinstance(item, BaseMessage):
        return True
    if isinstance(item, dict):
        fields = cast("dict[str, Any]", item)
        return "content" in fields and isinstance(fields.get("role", fields.get("type")), str)
    if isinstance(item, tuple):
        pair = cast("tuple[Any, ...]", item)
        return len(pair) == _PAIR and all(isinstance(one, str) for one in pair)
    return False


def _messages(value: Any, form: Form) -> list[BaseMessage]:
    if form == "text":
        return [HumanMessage(value)]
    if form == "message":
        return [value]
    if form == "prompt":
        return cast("PromptValue", value).to_messages()
    try:
        return convert_to_messages(value)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise RequestError(
            f"cannot be read as messages: {str(error)[:200]}", where="input"
        ) from error


def _only_text(messages: Sequence[BaseMessage]) -> str:
    content = messages[0].content if len(messages) == 1 else None
    if isinstance(content, str):
        return content
    raise ConductorError(
        "a flow says several messages, and the input has a place for one text",
        where="input",
        mend="Give the chain a list of messages, or put the instructions into the chain.",
    )
