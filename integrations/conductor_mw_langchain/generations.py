"""What LangChain's cache is given, as plain JSON and back; nothing in it names code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    Generation,
    GenerationChunk,
)

_KIND: Final = "kind"
_KINDS: Final[Mapping[str, type[Generation]]] = {
    "Generation": Generation,
    "GenerationChunk": GenerationChunk,
    "ChatGeneration": ChatGeneration,
    "ChatGenerationChunk": ChatGenerationChunk,
}
_MESSAGES: Final[Mapping[str, type[AIMessage]]] = {
    "ai": AIMessage,
    "AIMessageChunk": AIMessageChunk,
}


def written(generations: Sequence[Generation]) -> str | None:
    """Give generations as a text, or None where they hold what could not be given again."""
    try:
        text = json.dumps([_fields(one) for one in generations], separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return None
    return text if read(text) == list(generations) else None


def read(text: str) -> list[Generation] | None:
    """Give the generations of a text, or None where it is none that `written` gives.

    Whoever can write into the store can choose the text. It becomes messages of two classes and
    data in them, whatever it says.
    """
    try:
        stated: Any = json.loads(text)
        if not isinstance(stated, list):
            return None
        return [_generation(one) for one in cast("list[Any]", stated)]
    except Exception:  # noqa: BLE001 - LangChain's validators meet what nobody has checked: a miss
        return None


def _fields(generation: Generation) -> dict[str, Any]:
    fields = {**generation.model_dump(exclude={"message"}), _KIND: type(generation).__name__}
    if isinstance(generation, ChatGeneration):
        message: Any = generation.message
        fields["message"] = message.model_dump()
    return fields


def _generation(stated: Any) -> Generation:
    kind = _KINDS[stated.pop(_KIND)]
    if not issubclass(kind, ChatGeneration):
        return kind.model_validate(stated)
    said = stated["message"]
    message = _MESSAGES[said["type"]].model_validate(said)
    return kind.model_validate({**stated, "message": message})
