"""What LangChain tells a callback handler about a call, in the engine's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import LLMResult

from conductor_mw import Request

from .lens import LENS
from .payload import Payload

_SENT: Final = (
    "tools", "tool_choice", "stop", "temperature", "top_p", "seed", "n", "best_of",
    "max_tokens", "max_completion_tokens", "response_format",
)  # fmt: skip
"""Parameters that are sent; the others that LangChain tells describe its own object."""
_LENGTHS: Final = ("max_tokens", "max_completion_tokens")
_OWN: Final = ("ls_", "lc_")
"""How the metadata begin that LangChain itself adds."""
_COUNTED: Final = (
    ("prompt_tokens", "completion_tokens"),
    ("input_tokens", "output_tokens"),
)  # fmt: skip


def request_of(
    messages: Sequence[BaseMessage], metadata: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Request:
    """Give a call that is about to be made.

    Args:
        messages: the conversation.
        metadata: of the run: the app's, and what LangChain adds.
        parameters: what `invocation_params` says.
    """
    sent = {key: parameters[key] for key in _SENT if parameters.get(key) is not None}
    longest = metadata.get("ls_max_tokens")
    if isinstance(longest, int) and not any(name in sent for name in _LENGTHS):
        sent["max_tokens"] = longest  # whatever the provider calls it
    own = {key: value for key, value in metadata.items() if not key.startswith(_OWN)}
    return Request(Payload(list(messages), sent), LENS, own)


def answer_in(response: LLMResult) -> AIMessage:
    """Give the message of a result; for a model that knows no messages, one of its text.

    Tokens that are told beside the message are put into it.
    """
    first: Any = response.generations[0][0] if any(response.generations[:1]) else None
    said: object = getattr(first, "message", None)
    message = said if isinstance(said, AIMessage) else AIMessage(str(getattr(first, "text", "")))
    if message.usage_metadata is not None:
        return message
    counted = _counted(response.llm_output)
    return message.model_copy(update={"usage_metadata": counted}) if counted else message


def _counted(output: Any) -> dict[str, int] | None:
    if not isinstance(output, Mapping):
        return None
    told = cast("Mapping[str, Any]", output)
    usage: Any = told.get("token_usage", told.get("usage"))
    if not isinstance(usage, Mapping):
        return None
    counted: Mapping[str, Any] = cast("Mapping[str, Any]", usage)
    for names in _COUNTED:
        sent, made = (counted.get(name) for name in names)
        if isinstance(sent, int) and isinstance(made, int) and sent >= 0 and made >= 0:
            return {"input_tokens": sent, "output_tokens": made, "total_tokens": sent + made}
    return None
