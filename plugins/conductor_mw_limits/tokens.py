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
    parameters = request.parameters
    asked = [
        value for name in _CEILINGS if isinstance(value := parameters.get(name), int) and value >= 0
    ]
    answers = parameters.get("n")
    times = min(answers, _MOST_ANSWERS) if isinstance(answers, int) and answers > 1 else 1
    allowed = min(asked) * times if asked else None
    able = None if agent.max_output_tokens is None else agent.max_output_tokens * times
    both = [one for one in (allowed, able) if one is not None]
    return allowed, min(both, default=None)
