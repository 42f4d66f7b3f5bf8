"""Index, generated code and precise replay agree on random tables, whatever fails on the way."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_mw.errors import EvaluationError
from conductor_mw.rules import BOOL, DYN, INT, STRING, OnError, RuleError, RuleTable, Scope
from conductor_mw.rules import compile as condition

SCOPE = Scope(
    {"tenant": STRING, "tier": STRING, "zone": INT, "beta": BOOL, "n": INT, "d": DYN},
    eager=frozenset({"tenant", "tier", "zone", "beta"}),
)
KEYED = st.one_of(
    st.builds("tenant == '{}'".format, st.sampled_from("abcde")),
    st.builds("'{}' == tenant".format, st.sampled_from("abcde")),
    st.builds("tenant in ['{}', '{}']".format, st.sampled_from("abcde"), st.sampled_from("abcde")),
    st.builds("tier == '{}'".format, st.sampled_from("xy")),
    st.builds("zone == {}".format, st.integers(0, 3)),
    st.sampled_from(["beta", "!beta"]),
)
OTHER = st.one_of(
    st.builds("n < {}".format, st.integers(0, 9)),
    st.builds("10 / n > {}".format, st.integers(0, 9)),
    st.builds("d == {}".format, st.integers(0, 3)),
    st.builds("d < {}".format, st.integers(0, 3)),
    st.builds("[1, 2].exists(v, v == n / zone)".format),
    st.builds("({} || {})".format, KEYED, st.sampled_from(["n > 5", "d > 1"])),
)
RULES = st.lists(st.lists(st.one_of(KEYED, KEYED, OTHER), min_size=1, max_size=3), max_size=12)
SAYS: st.SearchStrategy[OnError] = st.sampled_from(["fail", "skip", "skip", "match"])
WORLDS = st.fixed_dictionaries(
    {
        "tenant": st.sampled_from("abcdef"),
        "tier": st.sampled_from("xyz"),
        "zone": st.integers(0, 4),
        "beta": st.booleans(),
        "n": st.integers(0, 9),
        "d": st.sampled_from([0, 1, 2.0, "text", None, True]),
    }
)

SKIP: OnError = "skip"


class Lazy(dict[str, object]):
    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__()
        self.values_by_name = values

    def __missing__(self, name: str) -> object:
        value = self[name] = self.values_by_name[name]
        return value


def outcome(rules: RuleTable, way: str, world: Mapping[str, object]) -> tuple[object, ...]:
    facts = Lazy(world)
    try:
        found: object = getattr(rules, way)(facts)
    except RuleError as error:
        found = (error.rule, str(error))
    lazy = sorted(name for name in facts if name not in SCOPE.eager)
    return found, lazy


@settings(max_examples=150, deadline=None)
@given(RULES, st.data())
def test_all_ways_find_the_same_rule_and_read_the_same_lazy_signals(
    parts: list[list[str]], data: st.DataObject
) -> None:
    texts = [" && ".join(part) for part in parts]
    # Many tenants' rules around them make the table large enough for an index.
    around = [f"tenant == '{'abcde'[n % 5]}' && n > 9" for n in range(130)]
    at = data.draw(st.integers(0, 130))
    texts = [*around[:at], *texts, *around[at:]]
    says = data.draw(st.lists(SAYS, min_size=len(texts), max_size=len(texts)))
    expressions = [condition(text, BOOL, SCOPE) for text in texts]
    large = RuleTable.build(expressions, says)
    small = RuleTable.build(expressions[at : at + len(parts)], says[at : at + len(parts)])
    world = data.draw(WORLDS)

    assert large.index is not None
    assert small.index is None
    for rules in (large, small):
        assert outcome(rules, "first", world) == outcome(rules, "first_linear", world)


@settings(max_examples=150, deadline=None)
@given(RULES, WORLDS)
def test_a_replay_explains_every_rule_before_the_deciding_one(
    parts: list[list[str]], world: dict[str, object]
) -> None:
    texts = [" && ".join(part) for part in parts]
    expressions = [condition(text, BOOL, SCOPE) for text in texts]
    rules = RuleTable.build(expressions, (SKIP,) * len(texts))
    found = rules.first(Lazy(world))

    passed = list(rules.passed_over(Lazy(world), found))

    assert [one.index for one in passed] == list(range(found if found >= 0 else len(texts)))
    for one in passed:
        assert set(one.reads) <= set(expressions[one.index].reads)
        if one.because.startswith("skipped, because it failed: "):
            continue
        assert one.because in texts[one.index]
        false = condition(one.because, BOOL, SCOPE)
        try:
            assert false.interpret(Lazy(world)) is False
        except EvaluationError:
            raise AssertionError(one) from None
