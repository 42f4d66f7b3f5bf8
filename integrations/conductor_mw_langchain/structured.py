"""Structured output: each child's own way to make it, and a plain one for agents that have none."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableParallel, RunnableSequence
from langchain_core.utils.json import parse_json_markdown
from pydantic import BaseModel

from .payload import Shape


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
