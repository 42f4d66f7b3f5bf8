"""Which names an expression reads, and in which order expressions that read each other come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conductor_mw.errors import ConditionError
from conductor_mw.rules.parser import parse
from conductor_mw.rules.syntax import Item, Literal, Member, Name, Syntax


def chains(text: str) -> frozenset[str]:
    """Return every name and dotted chain that an expression reads, and their beginnings.

    A text that cannot be parsed reads nothing; compiling it tells why.

    >>> sorted(chains("input.text.size() > 3 && tier == 'input.model'"))
    ['input', 'input.text', 'tier']
    >>> sorted(chains('agents["deep-think"].open'))
    ['agents', 'agents.deep-think', 'agents.deep-think.open']
    """
    try:
        root = parse(text)
    except ConditionError:
        return frozenset()
    found = set[str]()
    stack: list[Syntax] = [root]
    while stack:
        node = stack.pop()
        chain = _chain(node)
        if chain:
            found.add(chain)
        stack.extend(_below(node))
    return frozenset(found)


def in_order(texts: Mapping[str, str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names so that each comes after those its expression reads, and those that cannot.

    >>> in_order({"a": "b > 1", "b": "input.tokens", "c": "d", "d": "c"})
    (['b', 'a'], ['c', 'd'])
    """
    waiting = {name: set(chains(text) & texts.keys()) for name, text in texts.items()}
    readers: dict[str, list[str]] = {}
    for name, read in waiting.items():
        for other in sorted(read):
            readers.setdefault(other, []).append(name)
    order = [name for name, read in waiting.items() if not read]
    for name in order:  # grows while it is walked
        for reader in readers.get(name, ()):
            waiting[reader].discard(name)
            if not waiting[reader]:
                order.append(reader)
    return order, [name for name, read in waiting.items() if read]


def _chain(node: Syntax) -> str:
    words: list[str] = []
    while True:
        if isinstance(node, Member):
            words.append(node.field)
        elif isinstance(node, Item) and isinstance(node.key, Literal):
            words.append(str(node.key.value))
        else:
            break
        node = node.operand
    if not isinstance(node, Name):
        return ""
    return ".".join([node.name, *reversed(words)])


def _below(node: Syntax) -> Iterator[Syntax]:
    for field in type(node).__slots__:
        value: Any = getattr(node, field)
        if isinstance(value, list):
            yield from value  # pyright: ignore[reportUnknownVariableType] - the app's metadata
        elif hasattr(value, "start") and hasattr(value, "end"):
            yield value
