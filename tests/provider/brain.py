"""What the provider answers: it follows from the question alone, so that it can be recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Literal

Schema = Mapping[str, Any]
JOKE: Final[Schema] = {"properties": {"setup": {}, "punchline": {}}}
"""What is told where JSON is asked for, and no schema."""
REFUSAL: Final = "I cannot help with that."
RETRY_AFTER: Final = 7
"""Seconds; in the header of every 429."""

Why = Literal["stop", "stop_sequence", "length", "tool_calls", "refusal"]
TROUBLES: Final = {
    "limited": 429,
    "broken": 500,
    "overloaded": 503,
    "locked": 401,
    "forbidden": 403,
    "missing": 404,
    "overflowing": 400,
    "strict": 422,
}
"""The status that a model answers with, by the first word of its name: `limited-1` answers 429."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as the model sees it."""

    name: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Question:
    """What both dialects ask.

    Attributes:
        model: the name of the model; its first word may ask for trouble.
        text: what the last message says.
        told: words of the whole conversation.
        resumes: the last message brings results of tools.
        tools: the tools that the model may call.
        chosen: the one that it must call.
        schema: what the answer must look like.
        stop: where the answer ends early.
        limit: words that the answer may have.
    """

    model: str
    text: str
    told: int
    resumes: bool = False
    tools: Sequence[Tool] = ()
    chosen: str | None = None
    schema: Schema | None = None
    stop: Sequence[str] = ()
    limit: int | None = None

    @property
    def number(self) -> str:
        """Tell one question from another, the same way every time."""
        asked = json.dumps([self.model, self.text, self.told, [t.name for t in self.tools]])
        return sha256(asked.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool."""

    number: str
    name: str
    arguments: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The arguments as JSON."""
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, before it is put in a dialect."""

    number: str
    text: str = ""
    calls: Sequence[Call] = ()
    why: Why = "stop"
    asked: int = 1
    said: int = 1

    @property
    def pieces(self) -> list[str]:
        """The text as it is streamed: word by word."""
        return re.findall(r"\s*\S+\s*", self.text)


def manner(model: str) -> str:
    """Give the first word of a model's name, which says how it behaves."""
    return model.partition("-")[0]


def answer(question: Question) -> Reply:
    """Call the first tool, or the chosen one; tell JSON where it is asked for; greet otherwise."""
    reply = Reply(question.number, asked=question.told or 1)
    babbles = manner(question.model) == "babbling"
    if manner(question.model) == "refusing":
        return replace(reply, text=REFUSAL, why="refusal", said=len(REFUSAL.split()))
    if question.tools and not question.resumes:
        chosen = [tool for tool in question.tools if tool.name == question.chosen]
        tool = (chosen or question.tools)[0]
        arguments: Schema = {} if babbles else _sample(tool.schema, question.text, "it", {})
        call = Call(question.number, tool.name, arguments)
        return replace(reply, calls=(call,), why="tool_calls", said=len(call.text.split()))
    text = f"Hello from {question.model}, nice to see you"
    if question.schema is not None and not babbles:
        text = json.dumps(_sample(question.schema, question.text, "it", {}), ensure_ascii=False)
    return _shortened(replace(reply, text=text), question)


def _shortened(reply: Reply, question: Question) -> Reply:
    text, why = reply.text, reply.why
    for stop in question.stop:
        if stop in text:
            text, why = text.partition(stop)[0], "stop_sequence"
    words = text.split(" ")
    if question.limit is not None and len(words) > question.limit:
        text, why = " ".join(words[: question.limit]), "length"
    return replace(reply, text=text, why=why, said=len(text.split()))


def _sample(  # noqa: PLR0911 - one for each kind of schema
    schema: Schema, text: str, name: str, defined: Schema
) -> Any:
    """Give a value of a JSON Schema, made from what the question quotes and counts."""
    defined = schema.get("$defs", defined)
    if "$ref" in schema:
        return _sample(defined[schema["$ref"].rpartition("/")[2]], text, name, defined)
    if "anyOf" in schema:
        return _sample(schema["anyOf"][0], text, name, defined)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if kind == "object":
        fields = schema.get("properties", {})
        return {key: _sample(value, text, key, defined) for key, value in fields.items()}
    if kind in ("integer", "number"):
        return int((re.findall(r"-?\d+", text) or ["1"])[0])
    if kind == "boolean":
        return True
    if kind == "array":
        return []
    return (re.findall(r"'([^']+)'", text) or [f"some {name}"])[0]
