"""Structured output of answers that no model of LangChain gave: simulated, cached, a person's.

`create_agent` parses what its own models answer. It would ask for ever where nobody parsed these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from langchain.agents.middleware.types import ModelResponse
from langchain.agents.structured_output import (
    OutputToolBinding,
    ProviderStrategyBinding,
    StructuredOutputValidationError,
    ToolStrategy,
)
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

_PROVIDER: Final[Any] = ProviderStrategyBinding
_TOOL: Final[Any] = OutputToolBinding


def shaped(message: AIMessage, asked: Any) -> ModelResponse[Any]:
    """Give the response for a message, with what its text or its tool call holds.

    Args:
        message: what was answered.
        asked: the `response_format` of the model call, or None.

    Raises:
        StructuredOutputValidationError: the answer is not of the form that was asked for.
    """
    if asked is None:
        return ModelResponse(result=[message])
    specs = _specs(asked)
    if message.tool_calls:
        return _of_tool_calls(message, specs, getattr(asked, "tool_message_content", None))
    problem: Exception | None = None
    for spec in specs:
        try:
            found: Any = _PROVIDER.from_schema_spec(spec).parse(message)
        except ValueError as error:
            problem = problem or error
        else:
            return ModelResponse(result=[message], structured_response=found)
    raise _invalid(specs[0].name, problem, message) from problem


def _of_tool_calls(
    message: AIMessage, specs: Sequence[Any], says: str | None
) -> ModelResponse[Any]:
    named = {spec.name: spec for spec in specs}
    for call in message.tool_calls:
        spec = named.get(call["name"])
        if spec is None:
            continue
        try:
            found: Any = _TOOL.from_schema_spec(spec).parse(call["args"])
        except ValueError as error:
            raise _invalid(spec.name, error, message) from error
        content = says or f"Returning structured response: {found}"
        told = ToolMessage(content=content, tool_call_id=call["id"] or "", name=call["name"])
        result: list[BaseMessage] = [message, told]
        return ModelResponse(result=result, structured_response=found)
    return ModelResponse(result=[message])


def _specs(asked: Any) -> Sequence[Any]:
    one: Any = getattr(asked, "schema_spec", None)
    if one is not None:
        return [one]
    several: Any = getattr(asked, "schema_specs", None)
    return several or ToolStrategy[Any](getattr(asked, "schema", asked)).schema_specs


def _invalid(
    name: str, problem: Exception | None, message: AIMessage
) -> StructuredOutputValidationError:
    return StructuredOutputValidationError(name, problem or ValueError("no answer"), message)
