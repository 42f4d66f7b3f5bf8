"""The names a condition may read at one place of a policy, and their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conductor_mw.rules.regex import Patterns
from conductor_mw.rules.types import Type


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be read where a condition stands.

    Attributes:
        facts: flat leaf names with their types: `input.tokens`, `tier`, `agents.deep-think.open`,
            `metadata` (a map: `metadata.tier` is then a look-up in that one fact).
        eager: facts that are always there and cost nothing; only these serve as index keys.
        absent: names (or prefixes such as `answer`) that exist elsewhere but not here, each with
            one sentence that says why; it becomes the mend of the error.
        prefixes: every proper prefix of a leaf name; made here.
        patterns: the regular expressions of conditions over this scope; made here.

    >>> from conductor_mw.rules.types import INT, DYN, STRING, map_of
    >>> scope = Scope({"input.tokens": INT, "metadata": map_of(STRING, DYN)})
    >>> scope.longest(["input", "tokens"]), scope.longest(["metadata", "tier"])
    (('input.tokens', 2), ('metadata', 1))
    """

    facts: Mapping[str, Type]
    eager: frozenset[str] = frozenset()
    absent: Mapping[str, str] = field(default_factory=dict[str, str])
    prefixes: frozenset[str] = field(init=False, repr=False, compare=False)
    patterns: Patterns = field(
        default_factory=Patterns, init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        prefixes = set[str]()
        for name in self.facts:
            end = name.find(".")
            while end >= 0:
                prefixes.add(name[:end])
                end = name.find(".", end + 1)
        object.__setattr__(self, "prefixes", frozenset(prefixes))

    def longest(self, parts: Sequence[str]) -> tuple[str, int] | None:
        """Return the longest fact that `parts` begin with and how many parts it took.

        Args:
            parts: the words of a chain such as `agents["deep-think"].open`, none with a dot.

        Returns:
            the fact's name and its number of parts, or None where no fact begins so.
        """
        for count in range(len(parts), 0, -1):
            name = ".".join(parts[:count])
            if name in self.facts:
                return name, count
        return None

    def why_absent(self, name: str) -> str:
        """Return why `name` cannot be read here although it exists elsewhere, or ''."""
        while name:
            if name in self.absent:
                return self.absent[name]
            name = name.rpartition(".")[0]
        return ""
