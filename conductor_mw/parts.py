"""What comes back from an agent: parts while it speaks, one outcome when it is done."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from .errors import FailureKind
    from .money import Money

Finish = Literal["", "stop", "length", "tool_calls", "refusal", "cut", "error"]
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
Purpose = Literal[
    "answer", "step", "candidate", "merge", "judge", "score", "signal", "summary", "undo", "shadow"
]
"""What an attempt's answer is for. Only an `answer` may be what the caller sees."""


class Origin(NamedTuple):
    """Who said something: the agent, and its step's stable place in the flow."""

    agent: str
    path: str


@dataclass(frozen=True, slots=True)
class Rating:
    """What scorers and conditions found of an answer.

    Attributes:
        score: from 0 to 1, the lowest of `scores`; None where nothing scored it.
        accepted: whether it met its `accept:`; None where there is none.
        scores: every score by the name of its scorer.
    """

    score: float | None = None
    accepted: bool | None = None
    scores: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or several calls.

    `cached_tokens` are part of `input_tokens`; `reasoning_tokens` are part of `output_tokens`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call, or a piece of one while it streams; `index` says which call it belongs to."""

    index: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer. A call that does not stream answers in one part.

    Attributes:
        text: text that was added.
        reasoning: reasoning text that was added.
        tool_calls: tool calls or pieces of them.
        usage: tokens, on the part that reports them.
        finish: why the agent stopped, on the part that says so.
        native: the host's own chunk or answer, untouched.
        media: the kinds of what else was added, for example `("image",)`.
        logprobs: log-probabilities of the tokens that were added, where the provider tells them.
        origin: who says this and what follows, on the first part of an agent that speaks.
        rating: what was found of the whole answer, on its last part.
        headers: the headers of the provider's response in small letters, on the part that has them.
        by: who answered in the agent's place, at no cost: a cache of the host's, for example.
        model: the model that the answer names, on a part that names one.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    finish: Finish = ""
    native: object = None
    media: tuple[str, ...] = ()
    logprobs: tuple[float, ...] = ()
    origin: Origin | None = None
    rating: Rating | None = None
    headers: Mapping[str, str] | None = None
    by: str = ""
    model: str = ""

    @property
    def speaks(self) -> bool:
        """Whether a caller would see something: after such a part no fallback is possible."""
        return bool(self.text or self.tool_calls or self.reasoning or self.media)

    def with_origin(self, origin: Origin) -> Part:
        """Give the same part, said by somebody."""
        return self._with(origin, self.rating)

    def with_rating(self, rating: Rating) -> Part:
        """Give the same part with what was found of the whole answer."""
        return self._with(self.origin, rating)

    def _with(self, origin: Origin | None, rating: Rating | None) -> Part:
        # By hand: `dataclasses.replace` takes three times as long, and every answer comes by here.
        return Part(
            self.text, self.reasoning, self.tool_calls, self.usage, self.finish, self.native,
            self.media, self.logprobs, origin, rating, self.headers, self.by, self.model,
        )  # fmt: skip


Parts: TypeAlias = AsyncGenerator[Part, None]


def joined_tool_calls(parts: Sequence[Part]) -> tuple[ToolCall, ...]:
    """Give whole tool calls for the pieces that a stream brought, by index.

    A name counts once however often a provider repeats it, and another id under an index that is
    taken opens another call: some providers number every call 0.

    >>> joined_tool_calls(
    ...     [
    ...         Part(tool_calls=(ToolCall(0, "c1", "search", "{"),)),
    ...         Part(tool_calls=(ToolCall(0, "", "search", "}"),)),
    ...     ]
    ... )
    (ToolCall(index=0, id='c1', name='search', arguments='{}'),)
    """
    calls: list[_Call] = []
    newest: dict[int, _Call] = {}
    for part in parts:
        for piece in part.tool_calls:
            call = newest.get(piece.index)
            if call is None or (piece.id and call.id and piece.id != call.id):
                call = newest[piece.index] = _Call(piece.index)
                calls.append(call)
            call.id = call.id or piece.id
            call.name = call.name or piece.name
            call.arguments.append(piece.arguments)
    calls.sort(key=lambda call: call.index)
    return tuple(
        ToolCall(call.index, call.id, call.name, "".join(call.arguments)) for call in calls
    )


@dataclass(slots=True)
class _Call:
    """A tool call while its pieces come in."""

    index: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt ended. Errors are values here, so that a run can be recorded and replayed.

    Attributes:
        path: the step's stable place in the flow, for example `fallback/1`.
        agent: the id of the agent that was asked.
        number: 1 for the first try of this step, 2 for its first retry.
        kind: why it failed, or None if it answered.
        error: the original exception, or None.
        usage: tokens, as far as the agent reported them.
        cost: what it cost, or None where the price is unknown, or where the agent worked and did
            not report its tokens. An error in the place of an answer costs nothing.
        started: monotonic seconds at which the attempt began.
        seconds: how long it took.
        first_part: seconds until the caller could see something, or None.
        finish: why the agent stopped; `cut` where the caller stopped reading.
        visible: whether the caller may see this answer.
        purpose: what the answer was for.
        by: the layer that answered instead of the agent, `gateway` for a gateway's own cache, or
            an empty string.
        retry_after: seconds that the provider asked to wait, or None.
        replica: which of the agent's replicas was called; empty where it has none.
        headers: the headers of the provider's response in small letters, as far as they are known.
        model: the model that the answer names, where its price depends on that; else empty.
    """

    path: str
    agent: str
    number: int = 1
    kind: FailureKind | None = None
    error: BaseException | None = None
    usage: Usage = Usage()
    cost: Money | None = None
    started: float = 0.0
    seconds: float = 0.0
    first_part: float | None = None
    finish: Finish = ""
    visible: bool = True
    purpose: Purpose = "answer"
    by: str = ""
    retry_after: float | None = None
    replica: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS, repr=False)
    model: str = ""
