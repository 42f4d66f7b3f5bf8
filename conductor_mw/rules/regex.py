"""Regular expressions that take time linear in the text: google-re2, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Final, Protocol, cast

from conductor_mw.rules.limits import MAX_PATTERN, MAX_PROGRAM

INSTALL: Final = "pip install 'conductor-mw[regex]'"

# Room for one program and its states. RE2 falls back to a slower, still linear, search where a
# pattern needs more; without a bound a policy of ten thousand patterns would take gigabytes.
_MEMORY: Final = 1 << 20


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
        found: whether it matches anywhere in a text.
    """

    text: str
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
    if max(compiled.programsize, compiled.reverseprogramsize) > MAX_PROGRAM:
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

    return Pattern(text, found)


def _too_large() -> PatternError:
    return PatternError("the pattern is too large", "repeat less, or split it")


@lru_cache(maxsize=1)
def engine() -> ModuleType:
    """Return google-re2, or say how to install it."""
    try:
        return import_module("re2")
    except ImportError:
        raise PatternError("matches needs google-re2, which is not installed", INSTALL) from None
