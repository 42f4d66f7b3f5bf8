"""Read a traffic file: one request a line, each mistake told with its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from conductor_mw.errors import ConductorError, Place, RequestError, nearest
from conductor_mw.lenses.prompt import to_request
from conductor_mw.request import Request

KEYS: Final = ("id", "messages", "text", "metadata", "tools", "parameters")
EXPECTATION: Final = "expect"
"""Keys that begin so belong to tests of the traffic; running it does not read them."""
LONGEST_LINE: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """One request of a traffic file.

    Attributes:
        id: its name; `#<line>` without one.
        line: where it stands, from 1.
        native: the OpenAI-style payload: messages, tools, parameters.
        metadata: what the app knew about it.
    """

    id: str
    line: int
    native: Mapping[str, Any]
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])

    def request(self, *, stream: bool = False) -> Request:
        """Give the request as an app would make it.

        Raises:
            RequestError: the messages cannot be read.
        """
        rest = {key: self.native[key] for key in self.native if key not in ("messages", "tools")}
        return to_request(
            self.native["messages"],
            metadata=self.metadata,
            tools=self.native.get("tools"),
            stream=stream,
            parameters=rest,
        )


def read_traffic(path: Path, *, limit: int | None = None) -> tuple[Question, ...]:
    """Give the requests of a traffic file.

    Args:
        path: a file with one JSON object a line; empty lines are passed over.
        limit: read no more requests than this.

    Raises:
        ConductorError: the file cannot be read, or a line is no request; it names the line.
    """
    try:
        with path.open("rb") as file:
            found: list[Question] = []
            lines = iter(partial(file.readline, LONGEST_LINE + 1), b"")
            for question in read_lines(lines, str(path)):
                if limit is not None and len(found) >= limit:
                    break
                found.append(question)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConductorError(
            f"the traffic cannot be read: {reason}", where=path, mend="check the path"
        ) from error
    if not found:
        raise ConductorError(
            "there is no request in this file",
            where=path,
            mend='write one a line, for example {"id": "q1", "text": "Hello"}',
        )
    return tuple(found)


def read_lines(lines: Iterable[bytes], file: str) -> Iterator[Question]:
    """Give the requests of some lines.

    Raises:
        ConductorError: a line is no request.

    >>> [one.id for one in read_lines([b'{"text": "Hello"}'], "traffic.jsonl")]
    ['#1']
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        here = _Line(file, number)
        question = here.question(line)
        if question.id in seen:
            here.refuse(
                f"the id {question.id[:80]!r} stands here a second time",
                f"the first is in line {seen[question.id]}; rename one of them",
            )
        seen[question.id] = number
        yield question


@dataclass(frozen=True, slots=True)
class _Line:
    """One line while it is read; knows where it stands."""

    file: str
    number: int

    def question(self, line: bytes) -> Question:
        entry = self.entry(line)
        for key in entry:
            if key not in KEYS and not key.startswith(EXPECTATION):
                self.refuse(f"no key {key[:80]!r}", nearest(key, KEYS))
        parameters = self.mapping(entry, "parameters")
        for key in ("messages", "tools", "stream"):
            if key in parameters:
                self.refuse(f"parameters: {key!r} is no parameter")
        native = {**parameters, "messages": self.messages(entry)}
        tools = self.listed(entry, "tools")
        if tools:
            native["tools"] = tools
        name = entry.get("id")
        if name is not None and (not isinstance(name, str | int) or isinstance(name, bool)):
            self.refuse(f"id: must be a string, not {type(name).__name__}")
        question = Question(
            f"#{self.number}" if name is None else str(name),
            self.number,
            native,
            self.mapping(entry, "metadata"),
        )
        self.read(question)
        return question

    def messages(self, entry: Mapping[str, Any]) -> Sequence[object]:
        if "text" in entry and "messages" in entry:
            self.refuse("there are both messages and text", "keep one of them")
        if "messages" in entry:
            return self.listed(entry, "messages")
        text = entry.get("text")
        if text is None:
            self.refuse("there is no message", 'write "messages": [...] or "text": "..."')
        if not isinstance(text, str):
            self.refuse(f"text: must be a string, not {type(text).__name__}")
        return [{"role": "user", "content": text}]

    def entry(self, line: bytes) -> dict[str, Any]:
        if len(line) > LONGEST_LINE:
            self.refuse(f"the line is longer than {LONGEST_LINE // 1_000_000} MB")
        try:
            text = line.decode("utf-8-sig" if self.number == 1 else "utf-8")
            # Without its end, or an error at the end would be told to stand in the next line.
            entry: object = json.loads(text.rstrip("\r\n"))
        except UnicodeDecodeError:
            self.refuse("this is not UTF-8 text")
        except RecursionError:
            self.refuse("the JSON is nested too deeply")
        except json.JSONDecodeError as error:
            mend = "each line must be one JSON object"
            self.refuse(f"this is no JSON: {error.msg}", mend, error.colno)
        except ValueError as error:  # a number with thousands of digits
            self.refuse(f"this is no JSON: {error}")
        if not isinstance(entry, dict):
            self.refuse("this is no JSON object", 'for example {"text": "Hello"}')
        return cast("dict[str, Any]", entry)

    def mapping(self, entry: Mapping[str, Any], key: str) -> dict[str, Any]:
        value: object = entry.get(key) or {}
        if not isinstance(value, dict):
            self.refuse(f"{key}: must be a mapping, not {type(value).__name__}")
        return cast("dict[str, Any]", value)

    def listed(self, entry: Mapping[str, Any], key: str) -> list[Any]:
        value: object = entry.get(key) or []
        if not isinstance(value, list):
            self.refuse(f"{key}: must be a list, not {type(value).__name__}")
        return cast("list[Any]", value)

    def read(self, question: Question) -> None:
        """Read what deciding would read, so that a broken request is told before any is sent."""
        try:
            request = question.request()
            request.lens.messages(request.native)
            request.lens.tools(request.native)
        except RequestError as error:
            where = f"{error.where}: " if error.where else ""
            self.refuse(f"{where}{error.problem}", error.mend)

    def refuse(self, problem: str, mend: str = "", column: int = 1) -> NoReturn:
        raise ConductorError(problem, where=Place(self.file, self.number, column), mend=mend)
