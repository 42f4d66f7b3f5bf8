"""The words of a question, and what the guard knows about English ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

_INSIDE: Final = frozenset("'.%$€£+#:")


class Word(NamedTuple):
    """One word.

    Attributes:
        text: as it was written, without marks around it.
        plain: in small letters, without a possessive's end.
        first: whether a sentence begins with it.
    """

    text: str
    plain: str
    first: bool


def words_of(text: str) -> list[Word]:
    """Give the words of a text.

    >>> [word.plain for word in words_of("What's Anna's 3.5% rate?")]
    ["what's", 'anna', '3.5%', 'rate']
    """
    found: list[Word] = []
    first = True
    # No regular expression: this is a user's text.
    spaced = "".join(
        letter if letter.isalnum() or letter in _INSIDE else f" {letter} "
        for letter in text.replace("’", "'")  # noqa: RUF001 - the mark that people's phones write
    )
    for piece in spaced.split():
        word = piece.strip("'.:+")
        if not any(letter.isalnum() for letter in word):
            first = first or piece[-1] in ".?!:"
            continue
        plain = word.casefold()
        if plain.endswith("'s") and plain not in CONTRACTED:
            word, plain = word[:-2], plain[:-2]
        found.append(Word(word, plain, first))
        first = piece[-1] in ".:"
    return found


def stem(plain: str) -> str:
    """Give a word without the ends that change no meaning here.

    >>> stem("invoices"), stem("limited"), stem("planning"), stem("was")
    ('invoic', 'limit', 'plan', 'was')
    """
    for end in ("ings", "ing", "edly", "ed", "ies", "es", "s", "e", "y"):
        if plain.endswith(end) and len(plain) - len(end) >= 3:
            plain = plain[: -len(end)]
            break
    if len(plain) > 3 and plain[-1] == plain[-2] and plain[-1] not in "aeiouls":
        plain = plain[:-1]
    return _KIN.get(plain, plain)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONTRACTED: Final = _set(
    "what's who's where's when's how's why's that's there's it's he's she's let's"
)
NEGATIONS: Final = _set("not no never none without neither nor cannot except unless nothing nobody")
NUMBERS: Final[Mapping[str, str]] = {
    "zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "twenty": "20",
    "thirty": "30", "hundred": "100", "thousand": "1000", "dozen": "12", "half": "1/2",
    "twice": "2x", "double": "2x", "triple": "3x", "quarter": "1/4",
}  # fmt: skip
"""Without `one`, which is a pronoun more often than a number."""
PAST: Final = _set("was were did had")
PRESENT: Final = _set("is are do does has have what's who's where's when's how's am")
ASKING: Final[Mapping[str, str]] = {
    "who": "who", "whom": "who", "who's": "who", "whose": "who", "when": "when", "when's": "when",
    "where": "where", "where's": "where", "why": "why", "why's": "why",
}  # fmt: skip
HOW: Final = _set("many much long often old far")
DIRECTIONS: Final = _set("from to into onto than before after over under against by for at")
EMPTY: Final = _set(
    "a an the i i'm i'd i've i'll you your yours me my mine we us our he she it its they them "
    "their this that these those there here to of in on at by for from with as into onto about "
    "and or but if so than then be is are was were am been being do does did have has had can "
    "could will would shall should may might must what what's which who who's whom whose when "
    "when's where where's why why's how how's please tell show give explain describe say need "
    "want like get know let let's help just also any some such way possible possibly meaning mean "
    "means steps step does work works kindly one ones it's that's there's much many it'd up out "
    "off over under again vs before after against between through during"
)
"""Words that carry no subject; what stands between them does. Directions count by their order."""

_KINS: Final = (
    "big large huge", "biggest largest", "small little", "begin start commence", "buy purchase",
    "delete remove erase", "fast quick speedy", "change update modify", "fix repair", "find see",
    "choose select pick", "job position", "error fault", "film movie", "photo picture image",
    "country nation", "send ship deliver", "cost price", "answer reply", "write wrote written",
    "car automobile",
)  # fmt: skip
_OPPOSITES: Final = (
    "enable disable", "activate deactivate", "increase decrease", "raise lower", "rise fall drop",
    "buy sell", "buyer seller", "add remove", "insert delete", "open close",
    "start stop end finish", "first last", "min max", "minimum maximum", "least most",
    "best worst", "before after", "ascending descending", "import export", "upload download",
    "upgrade downgrade", "lock unlock", "install uninstall", "login logout", "on off", "up down",
    "in out", "left right", "top bottom", "benefit risk", "pro con",
    "advantage disadvantage drawback", "accept reject refuse decline", "allow forbid block deny",
    "join leave", "show hide", "encrypt decrypt", "encode decode", "lend borrow", "debit credit",
    "deposit withdraw", "gain lose", "win lose", "profit loss", "cheap expensive", "new old",
    "north south east west", "male female", "man woman", "adult child",
    "day week month year hour minute second", "daily weekly monthly yearly", "monthly annual",
    "today tomorrow yesterday", "morning evening night", "summer winter spring autumn",
    "celsius fahrenheit kelvin", "mile kilometre km", "pound kilogram kg",
    "euro dollar pound yen", "row column", "client server", "source target",
    "sender receiver recipient", "parent child", "employer employee", "landlord tenant",
    "plaintiff defendant", "input output", "read write", "free paid", "public private",
    "with without", "include exclude", "always never", "all none", "safe dangerous",
    "legal illegal", "true false", "pass fail", "hire fire", "create delete", "push pull",
    "get set", "hot cold", "push pop", "grant revoke", "approve reject", "more less",
    "higher lower", "longer shorter", "older younger", "encourage discourage", "mute unmute",
)  # fmt: skip
_KIN: dict[str, str] = {}
_KIN.update({stem(one): stem(kin.split()[0]) for kin in _KINS for one in kin.split()})


def _rivals(lines: Iterable[str]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in lines:
        stems = {stem(word) for word in line.split()}
        for one in stems:
            found.setdefault(one, set()).update(stems - {one})
    return {one: frozenset(others) for one, others in found.items()}


RIVALS: Final = _rivals(_OPPOSITES)
"""Words that stand for one another's opposite, or for another of a kind, by their stems."""
