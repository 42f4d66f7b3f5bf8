"""A document as plain dictionaries and lists that remember where each piece was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from conductor_mw.errors import Place

Loc = Sequence[str | int]
"""Keys and positions that lead from the root of a document to a piece of it."""

# A file of five megabytes may have as many lines, or as many columns.
_COLUMN_BITS: Final = 23
_LINE_BITS: Final = 23
_COLUMN_MASK: Final = (1 << _COLUMN_BITS) - 1
_LINE_MASK: Final = (1 << _LINE_BITS) - 1


def mark(file: int, line: int, column: int) -> int:
    """Pack a place into one integer; line and column count from 0.

    A large policy has hundreds of thousands of places, and objects would cost ten times the memory.
    """
    return (file << _LINE_BITS | line) << _COLUMN_BITS | column


class Table(dict[str, Any]):
    """A mapping of the document.

    Attributes:
        mark: where it begins.
        marks: where each key and each value stands, two integers an entry, in the order of entries.
        size: the number of values in it, itself included and aliases followed.
    """

    __slots__ = ("_index", "mark", "marks", "size")

    def __init__(self, begins: int = 0) -> None:
        super().__init__()
        self.mark = begins
        self.marks: list[int] = []
        self.size = 1
        self._index: dict[str, int] | None = None

    def put(self, key: str, value: object, key_mark: int, value_mark: int) -> None:
        """Add or replace an entry together with its places."""
        if key in self:
            at = self._at(key)
            self.marks[at : at + 2] = (key_mark, value_mark)
        else:
            self.marks += (key_mark, value_mark)
            self._index = None
        self[key] = value

    def drop(self, key: str) -> None:
        """Remove an entry together with its places."""
        at = self._at(key)
        del self.marks[at : at + 2]
        del self[key]
        self._index = None

    def places(self, key: str) -> tuple[int, int]:
        """Give the marks of a key and of its value."""
        at = self._at(key)
        return self.marks[at], self.marks[at + 1]

    def table(self, key: str) -> Table:
        """Give the mapping below a key, or an empty one where there is none."""
        value = self.get(key)
        return value if isinstance(value, Table) else Table(self.mark)

    def series(self, key: str) -> Series:
        """Give the list below a key, or an empty one where there is none."""
        value = self.get(key)
        return value if isinstance(value, Series) else Series(self.mark)

    def copy(self) -> Table:
        """Give a table of its own with the same entries."""
        twin = Table(self.mark)
        twin.update(self)
        twin.marks = list(self.marks)
        twin.size = self.size
        return twin

    def _at(self, key: str) -> int:
        # Made when first asked for: most tables are never asked, and some have 100,000 keys.
        if self._index is None or len(self._index) != len(self):
            self._index = {known: 2 * position for position, known in enumerate(self)}
        return self._index[key]


class Series(list[Any]):
    """A list of the document; `mark`, `marks` (one an item) and `size` as in `Table`."""

    __slots__ = ("mark", "marks", "size")

    def __init__(self, begins: int = 0) -> None:
        super().__init__()
        self.mark = begins
        self.marks: list[int] = []
        self.size = 1

    def add(self, value: object, value_mark: int) -> None:
        """Append an item together with its place."""
        self.append(value)
        self.marks.append(value_mark)


class Sources:
    """The texts of one policy: its own file and whatever it includes."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.texts: list[str] = []

    def add(self, name: str, text: str) -> int:
        """Take in a text and give its number, which is part of every mark in it."""
        self.names.append(name)
        self.texts.append(text)
        return len(self.names) - 1

    def place(self, where: int) -> Place:
        """Give the place of a mark."""
        line = where >> _COLUMN_BITS
        return Place(
            self.names[line >> _LINE_BITS], (line & _LINE_MASK) + 1, (where & _COLUMN_MASK) + 1
        )

    def inside(self, where: int, value: str, offset: int) -> Place:
        """Give the place of one character of a scalar.

        Exact for a scalar on one line, quoted or not; the scalar's beginning for every other.

        Args:
            where: the scalar's mark.
            value: what the scalar says.
            offset: the character of `value`, from 0.
        """
        place = self.place(where)
        line = self._line(where)
        steps = _written(line[place.column - 1 :], value, offset)
        return Place(place.file, place.line, place.column + steps)

    def _line(self, where: int) -> str:
        number = where >> _COLUMN_BITS
        text = self.texts[number >> _LINE_BITS]
        start = 0
        for _ in range(number & _LINE_MASK):
            start = text.find("\n", start) + 1
        end = text.find("\n", start)
        return text[start:] if end < 0 else text[start:end]


class Positions:
    """Where the pieces of one document stand."""

    def __init__(self, tree: object, sources: Sources, file: str) -> None:
        self.tree = tree
        self.sources = sources
        self.file = file

    def mark(self, loc: Loc, *, key: bool = False) -> int | None:
        """Give the mark of the deepest piece that `loc` leads to.

        Words of `loc` that are not in the document are passed over: a validator puts the names of
        alternatives and validators between the keys, and a key that is missing has no place.

        Args:
            loc: keys and positions from the root.
            key: whether the key itself is meant, rather than its value.
        """
        here: object = self.tree
        found = here.mark if isinstance(here, Table | Series) else None
        for piece in loc:
            if isinstance(here, Table) and isinstance(piece, str) and piece in here:
                key_mark, value_mark = here.places(piece)
                found = key_mark if key else value_mark
                here = here[piece]
            elif isinstance(here, Series) and isinstance(piece, int) and piece < len(here):
                found = here.marks[piece]
                here = here[piece]
        return found

    def place(self, loc: Loc, *, key: bool = False) -> Place:
        """Give the place of the deepest piece that `loc` leads to."""
        found = self.mark(loc, key=key)
        return Place(self.file) if found is None else self.sources.place(found)

    def inside(self, loc: Loc, value: str, offset: int) -> Place:
        """Give the place of one character of the scalar at `loc`."""
        found = self.mark(loc)
        return Place(self.file) if found is None else self.sources.inside(found, value, offset)


_ESCAPES: Final = {"x": 4, "u": 6, "U": 10}


def _written(line: str, value: str, offset: int) -> int:
    """Give how much of `line` comes before character `offset` of the scalar it begins with."""
    quote = line[:1]
    if quote not in ("'", '"'):
        return offset if line.startswith(value) else 0
    at = 1
    for _ in range(offset):
        if at >= len(line) or (line[at] == quote and line[at + 1 : at + 2] != quote):
            return 0  # it goes on below
        if quote == "'" and line[at] == quote:
            at += 2
        elif quote == '"' and line[at] == "\\":
            at += _ESCAPES.get(line[at + 1 : at + 2], 2)
        else:
            at += 1
    return at if at < len(line) else 0
