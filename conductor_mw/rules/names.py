"""Find what a name in a condition stands for, or say what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from conductor_mw.errors import ConditionError, nearest
from conductor_mw.rules import signatures
from conductor_mw.rules.checked import Fact
from conductor_mw.rules.scope import Scope
from conductor_mw.rules.syntax import Invocation, Item, Literal, Member, Name, Unsupported

_LONGEST_SHOWN: Final = 60
_MOST_SHOWN: Final = 8
_MOST_COMPARED: Final = 2_000
_STEPS: Final = "a step is read by its id, and by later steps only"


def resolved(
    text: str, scope: Scope, root: Name, links: Sequence[Member | Item]
) -> tuple[Fact, int]:
    """Return the signal that a chain begins with, and how many of its links that took."""
    parts = [root.name]
    for link in links:
        word = _word(link)
        if word is None or "." in word:
            break
        parts.append(word)
    longest = scope.longest(parts)
    if longest is not None:
        name, count = longest
        end = links[count - 2].end if count > 1 else root.end
        return Fact(name, scope.facts[name], root.start, end), count - 1
    name = ".".join(parts)
    if root.name in signatures.TYPE_NAMES:
        raise Unsupported(
            "types as values",
            f"the type '{root.name}' is not a value here",
            text=text,
            offset=root.start,
            mend="to convert a value write int(...), double(...), string(...) or bool(...)",
        )
    if why := scope.why_absent(name):
        raise ConditionError(
            f"'{name}' cannot be read here", text=text, offset=root.start, mend=why
        )
    if name in scope.prefixes:
        under = sorted(fact for fact in scope.facts if fact.startswith(name + "."))
        more = ", ..." if len(under) > _MOST_SHOWN else ""
        raise ConditionError(
            f"'{name}' is a group of signals, not a signal",
            text=text,
            offset=root.start,
            mend=f"write one of: {', '.join(under[:_MOST_SHOWN])}{more}",
        )
    raise ConditionError(
        f"no signal '{name[:_LONGEST_SHOWN]}'",
        text=text,
        offset=root.start,
        mend=_meant(name, scope),
    )


def unknown_function(text: str, syntax: Invocation) -> ConditionError:
    """Return the error for a function that is not there."""
    function = syntax.function
    if function in signatures.OUTSIDE:
        return Unsupported(
            signatures.OUTSIDE[function],
            f"the function '{function}' is not part of conditions",
            text=text,
            offset=syntax.start,
            mend="derive a signal in the app and read that",
        )
    functions = (*signatures.CONVERSIONS, "has")
    methods = (*signatures.METHODS, *signatures.MACROS, "size")
    what, here = ("method", methods) if syntax.target else ("function", functions)
    if function in functions:
        mend = f"write {function}(...) around the value"
    elif function in methods:
        subject = "list" if function in signatures.MACROS else "text"
        mend = f"write {subject}.{function}(...)"
    else:
        mend = nearest(function, here)
    return ConditionError(
        f"no {what} '{function[:_LONGEST_SHOWN]}'",
        text=text,
        offset=syntax.start,
        mend=mend,
    )


def _word(link: Member | Item) -> str | None:
    """Return the name a link says, if it says one before anything runs."""
    if isinstance(link, Member):
        return link.field
    if isinstance(link.key, Literal) and isinstance(link.key.value, str):
        return link.key.value
    return None


def _meant(name: str, scope: Scope) -> str:
    """Return which signal was probably meant, or what else could be done about it."""
    root, dot, _ = name.partition(".")
    if dot:
        roots = sorted({fact.partition(".")[0] for fact in scope.facts})
        groups = [one for one in roots if one in scope.prefixes]
        close = get_close_matches(root[:_LONGEST_SHOWN], groups[:_MOST_COMPARED], n=1)
        if close:
            return nearest(name, [fact for fact in scope.facts if fact.startswith(close[0] + ".")])
        # A field that every step has, such as `text`, does not say which of them was meant.
        mend = "declare others below `signals:`" if scope.why_absent("steps") else _STEPS
        return f"{nearest('', roots)}; {mend}"
    by_last = {fact.rpartition(".")[2]: fact for fact in reversed([*scope.facts][:_MOST_COMPARED])}
    close = get_close_matches(name[:_LONGEST_SHOWN], by_last, n=1)
    if close:
        return f"did you mean {by_last[close[0]]!r}?"
    return f"declare it below `signals:`, for example {{from: metadata.{name[:_LONGEST_SHOWN]}}}"
