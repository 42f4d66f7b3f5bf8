"""What a request needs of an agent, and which agents lack it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from conductor_mw.errors import Failure

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import Agent

MOST_BYTES_PER_TOKEN: Final = 16
"""Bytes of a token at the very most, blanks aside: prose has 4 to 11, in whatever script (o200k).

With the usual 3.6 a window would look too small for texts that fit into it.
"""

NEEDED: Final[Mapping[str, str]] = {
    "tools": "the request offers tools",
    "vision": "the request holds an image",
    "audio": "the request holds a sound",
    "json": "the request wants JSON in the answer",
}
"""Every capability that a request may need, with what to say where an agent lacks it."""


def refuse_incapable(agent: Agent, request: Request) -> None:
    """Refuse a request that this agent surely cannot answer, before anything is sent.

    Raises:
        Failure: of kind `incapable`; of kind `context_overflow` where the conversation is surely
            longer than the agent's context window, as the agent itself would say.
    """
    for name, can in agent.capabilities.items():
        if not can and name in _NEEDS and _NEEDS[name](request):
            raise Failure(
                "incapable",
                f"agent {agent.id!r} was not asked: {NEEDED[name]}, and it declares no {name}",
                agent=agent.id,
            )
    window = agent.context_window
    if window is not None and least_tokens(request, window) > window:
        raise Failure(
            "context_overflow",
            f"agent {agent.id!r} was not asked: the request is longer than its {window} tokens",
            agent=agent.id,
        )


def least_tokens(request: Request, enough: int) -> int:
    """Give a number of tokens that the request surely has.

    Args:
        request: what would be sent.
        enough: a first look that finds no more than this is taken for the answer.
    """
    most = request.lens.weight(request.native).size // MOST_BYTES_PER_TOKEN
    if most <= enough:
        return most
    # A tokenizer may make one token of a hundred blanks.
    words = (word for piece in request.lens.pieces(request.native) for word in piece.split())
    return sum(len(word.encode("utf-8", "surrogatepass")) for word in words) // MOST_BYTES_PER_TOKEN


def json_wanted(request: Request) -> bool:
    """Whether the request's parameters say that the answer must be JSON."""
    wanted = request.parameters.get("response_format")
    if isinstance(wanted, Mapping):
        kind: object = wanted.get("type")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - the app's parameters
        return kind in ("json_object", "json_schema")
    # A pydantic class is how the OpenAI and LiteLLM SDKs take a schema.
    return isinstance(wanted, type)


def _holds(request: Request, kind: str) -> bool:
    return any(kind in message.media for message in request.messages)


_NEEDS: Final[Mapping[str, Callable[[Request], bool]]] = {
    "tools": lambda request: bool(request.tools),
    "vision": lambda request: _holds(request, "image"),
    "audio": lambda request: _holds(request, "audio"),
    "json": json_wanted,
}
