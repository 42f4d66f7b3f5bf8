"""Begin and end what looks at no part of an answer: it costs nothing while parts stream by."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

S = TypeVar("S")
_Coroutine: TypeAlias = Coroutine[Any, Any, object]

NO_TOKENS: Final[tuple[object, ...]] = ()


@dataclass(frozen=True, slots=True)
class Bracket(Generic[S]):
    """The two halves of a layer that only begins and ends.

    Attributes:
        begin: gives a token, or a coroutine that gives one; may raise.
        end: gets that token once, however what lies between has ended.
    """

    begin: Callable[[S], object]
    end: Callable[[S, object], object]


async def enter(brackets: Sequence[Bracket[S]], subject: S) -> Sequence[object]:
    """Begin every bracket, outermost first, and give their tokens.

    Where one of them refuses, those before it end, and the refusal goes on.
    """
    tokens: list[object] = []
    try:
        for bracket in brackets:
            token = bracket.begin(subject)
            if type(token) is CoroutineType:
                token = await _awaited(cast("_Coroutine", token))
            tokens.append(token)
    except BaseException:  # raised again, once nothing is left half begun
        await leave(brackets, tokens, subject)
        raise
    return tokens


async def leave(brackets: Sequence[Bracket[S]], tokens: Sequence[object], subject: S) -> None:
    """End every bracket that began, innermost first, and only then raise the first error."""
    first: BaseException | None = None
    for at in range(len(tokens) - 1, -1, -1):
        try:
            ended = brackets[at].end(subject, tokens[at])
            if type(ended) is CoroutineType:
                await _awaited(cast("_Coroutine", ended))
        except BaseException as error:  # noqa: BLE001 - raised below, after the others ended
            first = first or error
    if first is not None:
        raise first


async def _awaited(coroutine: _Coroutine) -> object:
    return await coroutine
