"""Regular expressions that take time linear in the text: google-re2, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Final, Protocol, cast

from conductor_mw.rules.limits import MAX_PATTERN, MAX_PROGRAM, MAX_PROGRAMS

INSTALL: Final = "pip install 'conductor-mw[regex]'"

# Room for one program and its states. RE2 falls back to a slower, still linear, search where a
# pattern needs more; without a bound a policy of ten thousand patterns would take gigabytes.
_MEMORY: Final = 1 << 17


# What a pattern counts at least, for the memory it takes besides its program.
_SMALLEST: Final = 25


class PatternError(ValueError):
    """A regular expression is refused; `mend` says what to do about it."""

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(problem)
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled regular expression.

    Attributes:
        text: how the policy wrote it.
        size: instructions of its program.
        found: whether it matches anywhere in a text.
    """

    text: str
    size: int
    found: Callable[[str], bool] = field(compare=False, repr=False)


class _Compiled(Protocol):
    programsize: int
    reverseprogramsize: int

    def search(self, text: bytes) -> object: ...


@lru_cache(maxsize=4096)
def pattern(text: str) -> Pattern:
    """Return the compiled form of `text`.

    Raises:
        PatternError: google-re2 is not installed, or the pattern is wrong or too large.
    """
    if len(text) > MAX_PATTERN:
        raise PatternError(
            f"a pattern of {len(text):,} characters; at most {MAX_PATTERN:,} are read",
            "split it into several conditions",
        )
    re2 = engine()
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True
    try:
        compiled = cast("_Compiled", re2.compile(text.encode(), options))
    except UnicodeEncodeError:
        raise PatternError("the pattern holds half of a character (a surrogate)") from None
    except re2.error as error:
        said = error.args[0] if error.args else ""
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        if "too large" in said:
            raise _too_large() from None
        raise PatternError(f"the pattern is wrong: {said[:200]}") from None
    size = max(compiled.programsize, compiled.reverseprogramsize)
    if size > MAX_PROGRAM:
        raise _too_large()
    search = compiled.search

    def found(text: str) -> bool:
        try:
            return search(text.encode()) is not None
        except UnicodeEncodeError:
            # A lone surrogate comes from broken JSON; CEL's strings have none. It reads as U+FFFD,
            # so that a sender cannot make a rule fail by putting one into the text.
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return search(whole.encode()) is not None

    return Pattern(text, size, found)


class Patterns:
    """The regular expressions of one scope, which must not be too large together.

    Otherwise a policy of ten thousand patterns, each just small enough, takes a minute to load.
    """

    __slots__ = ("known", "left")

    def __init__(self) -> None:
        self.known: dict[str, Pattern] = {}
        self.left = MAX_PROGRAMS

    def compiled(self, text: str) -> Pattern:
        """Return the compiled form of `text`.

        Raises:
            PatternError: it cannot be compiled, or the patterns are too large together.
        """
        if text in self.known:
            return self.known[text]
        if self.left < 0:
            raise PatternError(
                "the patterns of the policy are too large together",
                "write fewer or shorter ones, or derive a signal in the app",
            )
        # One that is refused costs as much as the largest: finding that out took as long.
        size = MAX_PROGRAM
        try:
            found = self.known[text] = pattern(text)
            size = max(found.size, _SMALLEST)
        finally:
            self.left -= size
        return found


def _too_large() -> PatternError:
    return PatternError("the pattern is too large", "repeat less, or split it")


@lru_cache(maxsize=1)
def engine() -> ModuleType:
    """Return google-re2, or say how to install it."""
    try:
        return import_module("re2")
    except ImportError:
        raise PatternError("matches needs google-re2, which is not installed", INSTALL) from None
