"""A whole answer of a step, as conditions, scorers, judges and templates read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property
from math import exp
from typing import TYPE_CHECKING, Final, cast

from conductor_mw.errors import Failure
from conductor_mw.parts import Finish, Part, Rating, joined_tool_calls
from conductor_mw.rules.types import BOOL, DOUBLE, DYN, INT, STRING, Type, list_of, map_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conductor_mw.parts import Outcome
    from conductor_mw.request import Request

    from .base import At, Flow

FIELDS: Final[Mapping[str, Type]] = {
    "text": STRING,
    "score": DOUBLE,
    "scores": map_of(STRING, DOUBLE),
    "accepted": BOOL,
    "success": BOOL,
    "ran": BOOL,
    "failure": STRING,
    "finish": STRING,
    "agent": STRING,
    "chars": INT,
    "tokens": INT,
    "cost": DOUBLE,
    "seconds": DOUBLE,
    "confidence": DOUBLE,
    "tool_calls": list_of(STRING),
    "output": DYN,
}
"""What a condition may read of an answer: `answer.text`, `steps["draft"].score` ...

`score`, `cost`, `confidence` and `output` have no value where nothing gave one; reading them then
fails as any missing signal does.
"""
KEPT: Final = frozenset(("text", "output", "success", "ran", "failure"))
"""What no declared field of an output can hide."""
_MAX_JSON: Final = 1_000_000
_JSON_BEGINS: Final = frozenset('{["-0123456789tfn')
UNRATED: Final = Rating()
"""What was found of an answer that nobody looked at."""


@dataclass(frozen=True)
class Reply:
    """What a step answered, or how it failed.

    Attributes:
        path: the step's stable place in the flow.
        parts: every part of the answer, in order; empty where the step failed or did not run.
        failure: why it did not answer, or None.
        outcomes: the attempts that it took.
        ran: False for a step that was passed over.
    """

    path: str = ""
    parts: Sequence[Part] = ()
    failure: Failure | None = None
    outcomes: Sequence[Outcome] = ()
    ran: bool = True
    rated: Rating | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The text that was said."""
        parts = self.parts
        return parts[0].text if len(parts) == 1 else "".join([part.text for part in parts])

    @property
    def finish(self) -> Finish:
        """Why the agent stopped."""
        for part in reversed(self.parts):
            if part.finish:
                return part.finish
        return ""

    @property
    def agent(self) -> str:
        """The id of the agent that said it, or an empty string."""
        return next((part.origin.agent for part in reversed(self.parts) if part.origin), "")

    @property
    def rating(self) -> Rating:
        """What was found of the answer so far."""
        if self.rated is not None:
            return self.rated
        for part in reversed(self.parts):
            if part.rating is not None:
                return part.rating
        return UNRATED

    @cached_property
    def output(self) -> object:
        """The answer as JSON, or None where it is no JSON."""
        return parsed(self.text)

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the tokens' probabilities, where the provider tells them."""
        logprobs = [one for part in self.parts for one in part.logprobs]
        return min(1.0, exp(sum(logprobs) / len(logprobs))) if logprobs else None

    @property
    def dollars(self) -> float | None:
        """What its attempts cost, or None where one of them is unknown."""
        costs = [outcome.cost for outcome in self.outcomes]
        return None if None in costs else sum(cost.dollars for cost in costs if cost is not None)

    @property
    def seconds(self) -> float:
        """How long its calls took, from the first one's beginning to the last one's end."""
        # Worked out of what was recorded: a look at the clock is an effect, and each passes through
        # every flow around this one.
        called = [one for one in self.outcomes if one.started]
        if not called:
            return 0.0
        return max(one.started + one.seconds for one in called) - min(one.started for one in called)

    def with_rating(self, rating: Rating) -> Reply:
        """Give the same reply with what was found of it, also for whoever reads its parts."""
        parts = rated(self.parts, rating)
        return Reply(self.path, parts, self.failure, self.outcomes, self.ran, rated=rating)

    def facts(
        self,
        name: str,
        shape: Mapping[str, Type] | None = None,
        only: Collection[str] | None = None,
    ) -> dict[str, object]:
        """Give what conditions and templates may read of it, by full name.

        Args:
            name: what the names begin with, for example `answer` or `steps.draft`.
            shape: the declared fields of its output with their types.
            only: the full names that will be read, where that is known: no other is worked out.
        """
        if only is not None and not shape:
            found: dict[str, object] = {}
            for full in only:
                prefix, _, key = full.rpartition(".")
                value = _READ[key](self) if prefix == name and key in _READ else None
                if value is not None:
                    found[full] = value
            return found
        values = {key: read(self) for key, read in _READ.items() if key != "output"}
        output = self.output
        if output is not None:
            values["output"] = output
        if isinstance(output, dict):
            fields = cast("dict[str, object]", output)
            for key, type_ in (shape or {}).items():
                if key in fields:
                    values[key] = _typed(fields[key], type_)
        return {f"{name}.{key}": value for key, value in values.items() if value is not None}


def parsed(text: str) -> object:
    r"""Give the JSON that a text is, also inside one Markdown fence; None where it is none.

    >>> parsed('```json\n{"a": 1}\n```'), parsed("hello")
    ({'a': 1}, None)
    """
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text[text.index("\n") : -3].strip()
    if text[:1] not in _JSON_BEGINS or len(text) > _MAX_JSON:
        return None
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _typed(value: object, type_: Type) -> object:
    # JSON writes a whole number without a point, and the condition language tells the two apart.
    return float(value) if type_ == DOUBLE and type(value) is int else value


def rated(parts: Sequence[Part], rating: Rating) -> Sequence[Part]:
    """Give the parts with a rating on the last of them; on one of its own where nothing came."""
    return [*parts[:-1], parts[-1].with_rating(rating)] if parts else [Part(rating=rating)]


async def collect(flow: Flow, request: Request, at: At) -> Reply:
    """Give the whole answer of a flow. Raises `Failure` where it did not answer."""
    reply = await attempt(flow, request, at)
    if reply.failure is not None:
        raise reply.failure
    return reply


async def attempt(flow: Flow, request: Request, at: At) -> Reply:
    """Give the whole answer of a flow, or how it failed.

    Args:
        flow: whom to ask.
        request: what is asked.
        at: where; its attempts are recorded below this path.
    """
    parts: list[Part] = []
    failure: Failure | None = None
    try:
        async with aclosing(flow.answer(request, at)) as answering:
            async for part in answering:
                parts.append(part)  # noqa: PERF401 - a comprehension is one frame more to wait in
    except Failure as error:
        failure = error
        parts = []
    return Reply(at.path, parts, failure, at.run.outcomes_below(at.path))


_READ: Final[Mapping[str, Callable[[Reply], object]]] = {
    "text": lambda reply: reply.text,
    "score": lambda reply: reply.rating.score,
    "scores": lambda reply: dict(reply.rating.scores),
    "accepted": lambda reply: (
        reply.rating.accepted is not False and reply.failure is None and reply.ran
    ),
    "success": lambda reply: reply.ran and reply.failure is None,
    "ran": lambda reply: reply.ran,
    "failure": lambda reply: "" if reply.failure is None else reply.failure.kind,
    "finish": lambda reply: reply.finish,
    "agent": lambda reply: reply.agent,
    "chars": lambda reply: len(reply.text),
    "tokens": lambda reply: sum(outcome.usage.output_tokens for outcome in reply.outcomes),
    "cost": lambda reply: reply.dollars,
    "seconds": lambda reply: reply.seconds,
    "confidence": lambda reply: reply.confidence,
    "tool_calls": lambda reply: [call.name for call in joined_tool_calls(reply.parts)],
    "output": lambda reply: reply.output,
}


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
