"""What the guard can find: a kind has a name, a linear-time pattern and perhaps a check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Final, Literal, Protocol, cast

from conductor_mw import ConductorError

Family = Literal["pii", "secrets", "injection"]
FAMILIES: Final[tuple[Family, ...]] = ("pii", "secrets", "injection")
INSTALL: Final = "pip install 'conductor-mw[guard]'"
BEFORE: Final = 48
"""Bytes before a candidate that its check may read."""
AFTER: Final = 16
"""Bytes after it."""


class Candidate:
    """What a pattern matched, before its check.

    Attributes:
        text: the match.
    """

    __slots__ = ("_data", "_end", "_start", "text")

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.text = data[start:end].decode("utf-8", "replace")
        self._data = data
        self._start = start
        self._end = end

    @property
    def before(self) -> str:
        """What stands before it, at most 48 bytes."""
        return self._data[max(0, self._start - BEFORE) : self._start].decode("utf-8", "ignore")

    @property
    def after(self) -> str:
        """What stands after it, at most 16 bytes."""
        return self._data[self._end : self._end + AFTER].decode("utf-8", "ignore")


Check = Callable[[Candidate], int]
"""Gives how many characters of the candidate are the thing itself; 0 where it is none."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that can be found in a text.

    Attributes:
        name: what conditions and placeholders call it, for example `email`.
        family: `pii`, `secrets` or `injection`.
        pattern: a google-re2 pattern; its first group, or all of it, is the thing itself.
        check: looks closer at a match, or None.
        hint: a shorter pattern that must match somewhere too; it keeps the first look cheap.
        head: how a match begins, where a stream should wait for the rest of a long one only
            after such a beginning.
        inside: whether a match that fails its check may hide another one inside it.
        usual: whether it is looked for where the policy chooses no kinds.
    """

    name: str
    family: Family
    pattern: str
    check: Check | None = None
    hint: str = ""
    head: str = ""
    inside: bool = False
    usual: bool = True


class Match(Protocol):
    """A match of google-re2."""

    def span(self, group: int = 0) -> tuple[int, int]:
        """Give where a group begins and ends."""
        ...


class Compiled(Protocol):
    """A compiled pattern of google-re2."""

    groups: int

    def search(self, text: bytes, pos: int = 0) -> Match | None:
        """Give the first match from a position on."""
        ...


@lru_cache(maxsize=1)
def engine() -> ModuleType:
    """Give google-re2.

    Raises:
        ConductorError: it is not installed; nothing else stands in for it.
    """
    try:
        return import_module("re2")
    except ImportError as error:
        raise ConductorError(
            "the guard needs google-re2, which is not installed", mend=INSTALL
        ) from error


@lru_cache(maxsize=1024)
def compiled(pattern: str, *, capture: bool = True) -> Compiled:
    """Give the compiled form of a pattern.

    Raises:
        ConductorError: the pattern is wrong or too large.
    """
    re2 = engine()
    options = re2.Options()
    options.log_errors = False
    options.never_capture = not capture
    try:
        return cast("Compiled", re2.compile(pattern.encode(), options))
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else ""
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ConductorError(f"the pattern is wrong: {said[:200]}") from None
