"""How many tokens a call will use, before anybody has counted them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from conductor_mw import Agent, Request

# The formula of the signal `input.tokens`, over what this attempt sends: the agent's prompt too.
BYTES_PER_TOKEN: Final = 3.6
MESSAGE_TOKENS: Final = 4
MEDIA_TOKENS: Final = 1_000
REPLY_TOKENS: Final = 3
_CEILINGS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_MOST_ANSWERS: Final = 1_000


def input_tokens(request: Request) -> int:
    """Give the tokens of everything that is sent, estimated from its bytes."""
    weight = request.lens.weight(request.native)
    return (
        -int(-weight.size // BYTES_PER_TOKEN)
        + MESSAGE_TOKENS * weight.messages
        + MEDIA_TOKENS * weight.media
        + REPLY_TOKENS
    )


def ceiling_of(agent: Agent, request: Request) -> tuple[int | None, int | None]:
    """Give the most tokens that the request allows an answer, and the most it can have at all."""
    parameters, able = request.parameters, agent.max_output_tokens
    if not parameters:
        return None, able
    allowed: int | None = None
    for name in _CEILINGS:
        value = parameters.get(name)
        if isinstance(value, int) and value >= 0 and (allowed is None or value < allowed):
            allowed = value
    answers = parameters.get("n")
    if isinstance(answers, int) and answers > 1:
        times = min(answers, _MOST_ANSWERS)
        allowed = None if allowed is None else allowed * times
        able = None if able is None else able * times
    if allowed is None or able is None:
        return allowed, able if allowed is None else allowed
    return allowed, min(allowed, able)
