"""What a request may be: its size, its turns, its media, its languages and its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw import Failure, FailureKind, Run

Most = Annotated[int, Field(ge=0, strict=True)]


class RequestLimits(BaseModel):
    """How much a request may hold; what is left out is not limited."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chars: Most | None = Field(default=None, description="characters of the last user message")
    bytes: Most | None = Field(default=None, description="UTF-8 bytes of everything sent")
    turns: Most | None = Field(default=None, description="messages of the user")
    messages: Most | None = Field(default=None, description="messages altogether")
    media: Most | None = Field(default=None, description="images, sounds and files")
    tools: Most | None = Field(default=None, description="tools that the request offers")
    languages: tuple[str, ...] = Field(
        default=(), description="ISO 639-1 codes; a text of no known language always passes"
    )
    kind: FailureKind = Field(
        default="invalid_request", description="the kind of failure where a limit is passed"
    )

    def hold(self, run: Run) -> None:
        """Refuse a request that passes a limit.

        Raises:
            Failure: of the chosen kind; it names the limit and the figure, and no text.
        """
        request = run.request
        weight = request.lens.weight(request.native)
        self._most("messages", weight.messages, self.messages)
        self._most("messages of the user", weight.turns, self.turns)
        self._most("images, sounds and files", weight.media, self.media)
        if self.chars is not None:
            self._most("characters in its last message", len(request.text), self.chars)
        if self.bytes is not None:
            self._most("bytes", request.size, self.bytes)
        if self.tools is not None:
            self._most("tools", len(request.tools), self.tools)
        if self.languages:
            language = run.facts["input.language"]
            if language not in (*self.languages, "und"):
                allowed = ", ".join(self.languages)
                raise Failure(
                    self.kind, f"the request is written in {language}; allowed: {allowed}"
                )

    def _most(self, what: str, count: int, most: int | None) -> None:
        if most is not None and count > most:
            raise Failure(self.kind, f"the request has {count:,} {what}; at most {most:,} pass")


class Schemas(BaseModel):
    """JSON Schemas that a request must fit, of draft 2020-12 or draft 7."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metadata: Mapping[str, Any] | None = Field(
        default=None, description="what the app says about the request"
    )
    text: Mapping[str, Any] | None = Field(
        default=None, description="the last user message, which then must be JSON"
    )


class Fits(Protocol):
    """A compiled JSON Schema."""

    def problems(self, value: object) -> tuple[str, ...]:
        """Say what is wrong with a value."""
        ...


def fit(run: Run, metadata: Fits | None, text: Fits | None) -> None:
    """Refuse a request that does not fit its schemas.

    Raises:
        Failure: of the kind `invalid_request`; it names places and types, and no values.
    """
    if metadata is not None and (problems := metadata.problems(dict(run.request.metadata))):
        raise Failure("invalid_request", f"the metadata: {'; '.join(problems)}")
    if text is None:
        return
    try:
        value: object = json.loads(run.request.text)
    except (ValueError, RecursionError):
        raise Failure("invalid_request", "the last message is not JSON") from None
    if problems := text.problems(value):
        raise Failure("invalid_request", f"the last message: {'; '.join(problems)}")
