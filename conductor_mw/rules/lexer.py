"""Cut the text of a condition into tokens, in one pass."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from conductor_mw.errors import ConditionError
from conductor_mw.rules.syntax import Constant, Unsupported

# Our own patterns over hostile text: each alternative is decided by its first characters and the
# loops are possessive, so the scan is linear whatever the text says.
_TOKEN: Final = re.compile(
    r"""
    (?P<space>(?:[ \t\n\r\f]++|//[^\n]*+)++)
  | (?P<quote>(?:[rR][bB]?|[bB][rR]?)?(?:'''|\"\"\"|'|"))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*+)
  | (?P<double>[0-9]*+\.[0-9]++(?:[eE][+-]?[0-9]++)?|[0-9]++[eE][+-]?[0-9]++)
  | (?P<int>0[xX][0-9a-fA-F]++|[0-9]++)(?P<unsigned>[uU]?)
  | (?P<operator>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])
  | `(?P<quoted>[A-Za-z0-9_./ -]++)`
    """,
    re.VERBOSE,
)
_BODY: Final = {
    ("'", False): re.compile(r"[^'\\\n\r]*+(?:\\.[^'\\\n\r]*+)*+", re.DOTALL),
    ('"', False): re.compile(r'[^"\\\n\r]*+(?:\\.[^"\\\n\r]*+)*+', re.DOTALL),
    ("'''", False): re.compile(r"[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+", re.DOTALL),
    ('"""', False): re.compile(r'[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+', re.DOTALL),
    ("'", True): re.compile(r"[^'\n\r]*+"),
    ('"', True): re.compile(r'[^"\n\r]*+'),
    ("'''", True): re.compile(r"[^']*+(?:'(?!'')[^']*+)*+"),
    ('"""', True): re.compile(r'[^"]*+(?:"(?!"")[^"]*+)*+'),
}
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|([0-3][0-7]{2})|(.?))",
    re.DOTALL,
)
_SIMPLE: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_LAST_CODE_POINT: Final = 0x10FFFF
_LONGEST_NUMBER: Final = 400


class Token(NamedTuple):
    """One word of a condition.

    Attributes:
        kind: `name`, `quoted`, `string`, `int`, `double`, `end`, or the operator itself.
        value: the name, the decoded string or the number.
        start: where it begins, from 0.
        end: where it ends.
    """

    kind: str
    value: Constant
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Return the tokens of `text`, closed by one of kind `end`.

    Raises:
        ConditionError: a character, a number or a string that cannot be read.
    """
    found: list[Token] = []
    at, length = 0, len(text)
    while at < length:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        kind = match.lastgroup
        end = match.end()
        if kind == "name":
            found.append(Token("name", match[0], at, end))
        elif kind == "operator":
            found.append(Token(match[0], None, at, end))
        elif kind == "quote":
            token = _string(text, at, match[0])
            end = token.end
            found.append(token)
        elif kind == "quoted":
            found.append(Token("quoted", match["quoted"], at, end))
        elif kind == "double":
            found.append(Token("double", _double(text, match[0], at), at, end))
        elif kind != "space":
            if match["unsigned"]:
                raise Unsupported(
                    "uint",
                    f"unsigned numbers such as {match[0][:40]} are not part of conditions",
                    text=text,
                    offset=at,
                    mend="leave out the u",
                )
            found.append(Token("int", _int(text, match["int"], at), at, end))
        at = end
    found.append(Token("end", None, length, length))
    return found


def _int(text: str, digits: str, at: int) -> int:
    # int() of a very long text is quadratic, and int64 has 19 digits.
    if len(digits) > _LONGEST_NUMBER:
        raise ConditionError(
            f"a number of {len(digits):,} digits",
            text=text,
            offset=at,
            mend="an int has at most 19 digits",
        )
    return int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits)


def _double(text: str, digits: str, at: int) -> float:
    if len(digits) > _LONGEST_NUMBER:
        raise ConditionError(
            f"a number of {len(digits):,} digits",
            text=text,
            offset=at,
            mend="a double keeps at most 17 digits",
        )
    value = float(digits)
    if value == float("inf"):
        raise ConditionError(
            f"{digits[:40]} is too large for a double",
            text=text,
            offset=at,
            mend="the largest double is about 1.8e308",
        )
    return value


def _string(text: str, start: int, opening: str) -> Token:
    prefix = opening.rstrip("'\"").lower()
    quote = opening[len(prefix) :]
    if "b" in prefix:
        raise Unsupported(
            "bytes",
            "bytes are not part of conditions",
            text=text,
            offset=start,
            mend="write a string, without the b",
        )
    begin = start + len(opening)
    raw = prefix == "r"
    match = _BODY[quote, raw].match(text, begin)
    end = match.end() if match else begin
    if not text.startswith(quote, end):
        raise ConditionError(
            "a string is not closed",
            text=text,
            offset=start,
            mend=f"put {quote} at its end",
        )
    body = text[begin:end]
    if not raw and "\\" in body:
        body = _decode(text, body, begin)
    return Token("string", body, start, end + len(quote))


def _decode(text: str, body: str, begin: int) -> str:
    def one(match: re.Match[str]) -> str:
        simple, byte, short, long, octal, _ = match.groups()
        if simple:
            return _SIMPLE.get(simple, simple)
        code = int(octal, 8) if octal else int(byte or short or long or "110000", 16)
        if code > _LAST_CODE_POINT or 0xD800 <= code <= 0xDFFF:
            raise ConditionError(
                f"'{match[0]}' is no escape that a string may hold",
                text=text,
                offset=begin + match.start(),
                mend=r"write \\ for a backslash, or put r before the string",
            )
        return chr(code)

    return _ESCAPE.sub(one, body)


def _unreadable(text: str, at: int) -> ConditionError:
    character = text[at]
    mends = {
        "&": "write && for 'and'",
        "|": "write || for 'or'",
        "=": "write == to compare",
        "“": "write a straight quote: '",
        "”": "write a straight quote: '",
        "‘": "write a straight quote: '",  # noqa: RUF001 - the very character that is meant
        "’": "write a straight quote: '",  # noqa: RUF001 - the very character that is meant
        "`": "a name between ` ` holds letters, digits and _ . - / and spaces",
    }
    shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
    return ConditionError(
        f"{shown} has no meaning here", text=text, offset=at, mend=mends.get(character, "")
    )
