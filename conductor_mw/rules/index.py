"""Find the rules worth trying by the value of one signal, in policies of many rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from conductor_mw.rules.interpreter import Facts
from conductor_mw.rules.runs import Rule, Run, runs
from conductor_mw.rules.shapes import Key, membership

_FEWEST_RULES: Final = 128
# A rule that holds for many values is compiled once for each; beyond this it is tried always.
_MOST_VALUES: Final = 8
_MOST_PLAN_ENTRIES: Final = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Which runs to try for each value of one eager signal.

    Attributes:
        name: the signal.
        plans: the runs for each value that some rule names, in priority order.
        otherwise: the runs for any other value.
    """

    name: str
    plans: Mapping[Key, tuple[Run, ...]]
    otherwise: tuple[Run, ...]

    def plan(self, facts: Facts) -> tuple[Run, ...]:
        """Return the runs to try; the rules left out are those whose key is false."""
        return self.plans.get(cast("Key", facts[self.name]), self.otherwise)

    @staticmethod
    def build(rules: Sequence[Rule]) -> Index | None:
        """Return the best index over `rules`, or None where trying them in turn is as good."""
        if len(rules) < _FEWEST_RULES:
            return None
        keys = [_keys(rule) for rule in rules]
        name = _best(keys)
        if name is None:
            return None
        opened: list[list[Rule]] = []
        keyed: dict[Key, dict[int, list[Rule]]] = {}
        in_stretch = False
        for rule, found in zip(rules, keys, strict=True):
            values = found.get(name)
            if values is None:
                if not in_stretch:
                    opened.append([])
                opened[-1].append(rule)
                in_stretch = True
                continue
            in_stretch = False
            for value in values:
                keyed.setdefault(value, {}).setdefault(len(opened), []).append(rule)
        always = sum(map(len, opened))
        if 2 * always > len(rules) or len(opened) * len(keyed) > _MOST_PLAN_ENTRIES:
            return None
        return _planned(name, opened, keyed)


def _planned(
    name: str, opened: Sequence[Sequence[Rule]], keyed: Mapping[Key, Mapping[int, Sequence[Rule]]]
) -> Index:
    """Compile every stretch once and line the stretches up for each value, in priority order.

    Args:
        name: the signal that is the key.
        opened: stretches of rules that are tried for every value.
        keyed: for each value, its rules by the number of stretches of `opened` before them.
    """
    places = [(value, before) for value, groups in keyed.items() for before in groups]
    compiled = runs([*opened, *(keyed[value][before] for value, before in places)])
    always, named = compiled[: len(opened)], compiled[len(opened) :]
    by_value: dict[Key, dict[int, list[Run]]] = {}
    for (value, before), stretch in zip(places, named, strict=True):
        by_value.setdefault(value, {})[before] = stretch
    plans: dict[Key, tuple[Run, ...]] = {}
    for value, stretches in by_value.items():
        plan: list[Run] = []
        for before in range(len(always) + 1):
            plan.extend(stretches.get(before, ()))
            if before < len(always):
                plan.extend(always[before])
        plans[value] = tuple(plan)
    return Index(name, plans, tuple(run for stretch in always for run in stretch))


def _keys(rule: Rule) -> dict[str, frozenset[Key]]:
    """Return the values that each eager signal must have for a rule to hold."""
    found: dict[str, frozenset[Key]] = {}
    for part in rule.parts:
        keyed = membership(part, rule.expression.eager)
        if keyed is None:
            # Conjuncts that an index can answer come first.
            break
        name, values = keyed
        found[name] = found[name] & values if name in found else values
    return {name: values for name, values in found.items() if len(values) <= _MOST_VALUES}


def _best(keys: Sequence[Mapping[str, frozenset[Key]]]) -> str | None:
    """Return the signal that leaves the fewest rules to try, on the average over its values."""
    rules = Counter[str]()
    values: dict[str, set[Key]] = {}
    for found in keys:
        for name, group in found.items():
            rules[name] += 1
            values.setdefault(name, set()).update(group)
    left = {
        name: len(keys) - count + count / (len(values[name]) or 1) for name, count in rules.items()
    }
    return min(sorted(left), key=left.__getitem__, default=None)
