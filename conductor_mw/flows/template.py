"""Texts with places for values: `{draft.text}`; closed, checked at load, never read twice.

A place names a fact that a condition could read there, and nothing else: no code, no calls, no
look-ups beyond declared fields. `{{` and `}}` are braces. What is put in is put in as it is and is
never read as a template, so braces in a user's text stay braces. `{draft.text|json}` writes a value
as JSON, in quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conductor_mw.errors import EvaluationError, Failure

if TYPE_CHECKING:
    from conductor_mw.rules import Expression

    from .base import At

MAX_TEXT: Final = 1_000_000
"""Characters of a filled text; repeated insertion must not grow without end."""
_PLACE: Final = re.compile(r"([a-z][a-z0-9_-]*)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)(\|json)?")
_DOUBLED: Final = re.compile(r"\{\{ ?([a-z][a-z0-9_.-]*) ?\}\}")
_ALIASES: Final[Mapping[str, str]] = {"transcript": "input.transcript"}


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a template.

    Attributes:
        name: the expression that gives its value, a chain of names.
        start: where its name begins in the template.
        json: whether its value is written as JSON.
    """

    name: str
    start: int
    json: bool = False


def pieces(text: str) -> list[str | Hole]:
    """Give the literal texts and the places of a template, in order.

    Raises:
        ValueError: a brace is not closed, or what stands between two braces is no name.

    >>> pieces("Hello {input.text}{{!}}")
    ['Hello ', Hole(name='input.text', start=7, json=False), '{!}']
    """
    found: list[str | Hole] = []
    literal = ""
    at = 0
    while at < len(text):
        sign = text[at]
        if sign in "{}" and text[at : at + 2] == sign * 2:
            literal += sign
            at += 2
        elif sign == "{":
            end = text.find("}", at)
            match = _PLACE.fullmatch(text, at + 1, end) if end >= 0 else None
            if match is None:
                raise ValueError("'{' begins no place for a value; write '{{' for a brace")
            if literal:
                found.append(literal)
            literal = ""
            found.append(Hole(_chain(match[1], match[2]), at + 1, match[3] is not None))
            at = end + 1
        elif sign == "}":
            raise ValueError("'}' closes nothing; write '}}' for a brace")
        else:
            literal += sign
            at += 1
    if literal or not found:
        found.append(literal)
    return found


def doubled(text: str) -> Iterator[str]:
    """Give the names between double braces, which other tools fill in and this one does not.

    >>> list(doubled("Say {{input.text}} as {{'a': 1}}"))
    ['input.text']
    """
    return (match[1] for match in _DOUBLED.finditer(text))


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template.

    Attributes:
        text: how the policy wrote it.
        pieces: literal texts, and expressions with whether they are written as JSON.
    """

    text: str
    pieces: Sequence[str | tuple[Expression, bool]]

    @property
    def canonical(self) -> object:
        """Its meaning as plain JSON."""
        return [
            piece if isinstance(piece, str) else [piece[0].canonical, piece[1]]
            for piece in self.pieces
        ]

    @property
    def value(self) -> Expression | None:
        """The expression of a template that is one place and nothing else, or None."""
        only = self.pieces[0] if len(self.pieces) == 1 else ""
        return None if isinstance(only, str) else only[0]

    async def fill(self, at: At, more: Mapping[str, object] | None = None) -> str:
        """Give the text with every value put in.

        Raises:
            Failure: of kind `invalid_output`, where a value is missing; of kind `context_overflow`,
                where the text grows beyond `MAX_TEXT`.
        """
        filled: list[str] = []
        length = 0
        for piece in self.pieces:
            if isinstance(piece, str):
                filled.append(piece)
            else:
                filled.append(await self._value(piece[0], at, more, as_json=piece[1]))
            length += len(filled[-1])
            if length > MAX_TEXT:
                raise Failure("context_overflow", f"a filled text passes {MAX_TEXT} characters")
        return "".join(filled)

    async def _value(
        self, expression: Expression, at: At, more: Mapping[str, object] | None, *, as_json: bool
    ) -> str:
        try:
            value = await at.evaluate(expression, more)
        except EvaluationError as error:
            problem = f"there is no value for {{{expression.text}}}: {error.problem}"
            raise Failure("invalid_output", problem) from error
        return value if isinstance(value, str) and not as_json else written(value)


def written(value: object) -> str:
    """Give a value as JSON; nothing for null.

    >>> written([1, "a"]), written(None), written(True)
    ('[1,"a"]', '', 'true')
    """
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _chain(first: str, rest: str) -> str:
    if first in _ALIASES and not rest:
        return _ALIASES[first]
    # `deep-think.text` is a subtraction in the condition language.
    return f'steps["{first}"]{rest}' if "-" in first else first + rest
