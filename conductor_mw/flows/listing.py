"""Several answers as one text, for an agent that compares or merges them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from conductor_mw.rules.types import Type

from .reply import FIELDS

if TYPE_CHECKING:
    from .base import Target
    from .reply import Reply

_MARK: Final = 12


def listed(texts: Sequence[str]) -> str:
    """Give numbered answers, each between marks that no answer can imitate.

    The marks carry a hash over all the answers: whoever writes one cannot know it, and cannot put
    the end of an answer and a word of its own behind it into an answer.
    """
    whole = "\0".join(texts).encode("utf-8", "surrogatepass")
    mark = sha256(whole).hexdigest()[:_MARK]
    return "\n\n".join(
        f"[answer {number}, {mark}]\n{text}\n[end of answer {number}, {mark}]"
        for number, text in enumerate(texts, 1)
    )


def named(targets: Sequence[Target]) -> dict[int, str]:
    """Give the names by which steps may be read: of those that are an id and stand there once."""
    ids = [target for target in targets if isinstance(target, str)]
    return {
        index: target
        for index, target in enumerate(targets)
        if isinstance(target, str) and ids.count(target) == 1
    }


def readable(names: Mapping[int, str]) -> dict[str, Type]:
    """Give what templates and conditions may read of steps with these names, with the types."""
    return {
        f"{prefix}.{field}": type_
        for name in names.values()
        for prefix in _prefixes(name)
        for field, type_ in FIELDS.items()
    }


def facts_of(replies: Mapping[int, Reply], names: Mapping[int, str]) -> dict[str, object]:
    """Give what templates and conditions read of the steps that have a name."""
    found: dict[str, object] = {}
    for index, name in names.items():
        for prefix in _prefixes(name):
            found |= replies[index].facts(prefix)
    return found


def _prefixes(name: str) -> Sequence[str]:
    # `deep-think.text` would be a subtraction; such a step is read as `steps["deep-think"].text`.
    return (f"steps.{name}",) if "-" in name else (f"steps.{name}", name)
