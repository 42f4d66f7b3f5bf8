"""Structured output: each child's own way to make it, and a plain one for agents that have none."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any, Final, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableParallel, RunnableSequence
from langchain_core.utils.json import parse_json_markdown
from pydantic import BaseModel, ValidationError

from conductor_mw import Failure, FailureKind, classify

from .dialect import fields_of
from .payload import Shape
from .reading import read_message

_MOST_BUILT: Final = 64
"""Children of which is remembered what they made of a schema."""
_PLACE: Final = re.compile(r" at line \d+ column \d+$")  # how jiter, which SDKs parse with, ends


def structured(model: Any, shape: Shape, kwargs: dict[str, Any]) -> Any:
    """Give what asks a child for a structured output; it answers in pairs of raw and parsed.

    Args:
        model: the child.
        shape: what the app asked for.
        kwargs: the call's own parameters, and the policy's.
    """
    found = shape.built.get(id(model))
    if found is None or found[0] is not model:
        # With the raw message, so that its tokens are seen, and what could not be parsed of it.
        found = model, model.with_structured_output(shape.schema, include_raw=True, **shape.options)
        if len(shape.built) >= _MOST_BUILT:
            shape.built.clear()  # of children that a reload of the policy has replaced
        shape.built[id(model)] = found
    runnable: Any = found[1]
    return _with(runnable, kwargs) if kwargs else runnable


def _with(runnable: Any, kwargs: dict[str, Any]) -> Any:
    """Give the same with parameters for its model, which a sequence does not pass on."""
    steps: list[Any] = list(getattr(runnable, "steps", ()))
    first: Any = steps[0] if steps else None
    inside: dict[str, Any] = dict(getattr(first, "steps__", {}))
    if set(inside) != {"raw"}:
        return runnable.bind(**kwargs)
    asking: Any = RunnableParallel(raw=inside["raw"].bind(**kwargs))
    return cast("Any", RunnableSequence(asking, *steps[1:]))


def pair_of(answer: Any, *, whole: bool = True) -> Any:
    """Give what a child answered, in which a value was parsed.

    Args:
        answer: a pair of raw and parsed, or a chunk of one.
        whole: whether nothing follows.

    Raises:
        Failure: it could not be parsed, or is a refusal, or holds nothing of the schema.
    """
    pair = fields_of(answer)
    if pair is None:
        return answer
    error: Exception | None = pair.get("parsing_error")
    if error is not None:
        kind: FailureKind = "refusal" if classify(error) == "refusal" else "invalid_output"
        raise Failure(kind, str(error)) from error
    if whole and "parsed" in pair and pair["parsed"] is None:
        raise nothing_in([pair])
    return answer


def nothing_in(pairs: Iterable[Any]) -> Failure:
    """Give the failure of an answer, or of its chunks, in which nothing was parsed."""
    raws: list[Any] = [pair["raw"] for pair in pairs if pair.get("raw") is not None]
    refused = any(read_message(raw, raw).finish == "refusal" for raw in raws)
    problem = "the answer holds nothing of the schema that was asked for"
    return Failure("refusal" if refused else "invalid_output", problem)


@contextmanager
def shaped(shape: Shape | None) -> Generator[None]:
    """Say what it means where a child raises because its answer is not of the schema.

    Some SDKs parse answers before LangChain sees them, and raise what their parser raises.

    Args:
        shape: what the app asked for, or None where it asked for no structured output.

    Raises:
        Failure: the answer is no JSON, or not of the schema.
    """
    try:
        yield
    except ValueError as error:
        if shape is not None and _unreadable(error):
            raise Failure("invalid_output", str(error)) from error
        raise


def _unreadable(error: ValueError) -> bool:
    if isinstance(error, ValidationError | JSONDecodeError):
        return True
    return type(error) is ValueError and _PLACE.search(str(error)) is not None


def parsed(message: AIMessage, shape: Shape) -> Any:
    """Give what an agent without a way of its own answered: a tool call's arguments, or JSON text.

    Args:
        message: what it said.
        shape: what the app asked for; a pydantic class is filled, anything else gives the mapping.

    Raises:
        OutputParserException: it is no JSON.
        ValidationError: it is not of that class.
    """
    if message.tool_calls:
        value: Any = message.tool_calls[0]["args"]
    else:
        try:
            value = parse_json_markdown(str(message.text))
        except ValueError as error:
            raise OutputParserException(
                f"no JSON: {error}", llm_output=str(message.text)
            ) from error
    if isinstance(shape.schema, type) and issubclass(shape.schema, BaseModel):
        return shape.schema.model_validate(value)
    return value
