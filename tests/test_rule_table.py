"""The first rule that holds decides, however it is found, and every rule before it says why not."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import pytest

from conductor_mw.errors import EvaluationError
from conductor_mw.rules import (
    BOOL,
    DYN,
    INT,
    STRING,
    OnError,
    Passed,
    RuleError,
    RuleTable,
    Scope,
    list_of,
    map_of,
)
from conductor_mw.rules import (
    compile as condition,
)

SCOPE = Scope(
    {
        "input.tokens": INT,
        "input.turns": INT,
        "input.type": STRING,
        "tier": STRING,
        "tenant": STRING,
        "beta": BOOL,
        "numbers": list_of(INT),
        "metadata": map_of(STRING, DYN),
    },
    eager=frozenset({"tier", "tenant", "beta"}),
)
FACTS: dict[str, object] = {
    "input.tokens": 800,
    "input.turns": 3,
    "input.type": "chat",
    "tier": "pro",
    "tenant": "t7",
    "beta": False,
    "numbers": [1, 2, 3],
    "metadata": {"plan": "x"},
}

FAIL: OnError = "fail"


class Lazy(dict[str, object]):
    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__()
        self.values_by_name = values
        self.asked: list[str] = []

    def __missing__(self, name: str) -> object:
        self.asked.append(name)
        value = self[name] = self.values_by_name[name]
        return value


def table(*texts: str, on_error: Sequence[OnError] | OnError = "fail") -> RuleTable:
    says: Sequence[OnError] = (on_error,) * len(texts) if isinstance(on_error, str) else on_error
    return RuleTable.build([condition(text, BOOL, SCOPE) for text in texts], says)


def both(rules: RuleTable, **facts: object) -> int:
    world = {**FACTS, **facts}
    found = rules.first(Lazy(world))
    assert rules.first_linear(Lazy(world)) == found
    return found


def test_the_first_that_holds_decides() -> None:
    rules = table("input.tokens < 64", "tier == 'pro'", "true")

    assert both(rules) == 1
    assert both(rules, tier="free") == 2
    assert both(rules, **{"input.tokens": 5}) == 0


def test_none_holds() -> None:
    assert both(table("input.tokens < 64", "tier == 'free'")) == -1
    assert both(table()) == -1


@pytest.mark.parametrize("size", [1, 63, 64, 65, 130])
def test_every_rule_of_a_table_is_reached(size: int) -> None:
    rules = table(*(f"input.tokens == {number}" for number in range(size)))

    for number in range(size):
        assert both(rules, **{"input.tokens": number}) == number
    assert both(rules, **{"input.tokens": size}) == -1


# --- rules that fail ------------------------------------------------------------------------------


def test_a_failing_condition_is_never_false_by_accident() -> None:
    rules = table("input.tokens < 64", "input.tokens / (input.turns - 3) > 1", "true")

    for first in (rules.first, rules.first_linear):
        with pytest.raises(RuleError) as caught:
            first(Lazy(FACTS))
        assert str(caught.value) == (
            "condition 'input.tokens / (input.turns - 3) > 1': input.tokens / (input.turns - 3):"
            " division by zero"
        )
        assert caught.value.rule == 1
        assert isinstance(caught.value.__cause__, EvaluationError)


@pytest.mark.parametrize(("on_error", "found"), [("skip", 2), ("match", 1)])
def test_what_a_failing_condition_means_is_said_by_its_rule(on_error: OnError, found: int) -> None:
    failing = "metadata.age > 17"
    rules = table("input.tokens < 64", failing, "true", on_error=["fail", on_error, "fail"])

    assert both(rules) == found


def test_an_error_that_a_false_conjunct_absorbs_is_none() -> None:
    assert both(table("metadata.age > 17 && tier == 'free'", "true")) == 1
    assert both(table("metadata.age > 17 || tier == 'pro'", "true")) == 0


def test_after_a_failure_the_rest_of_the_rules_is_tried() -> None:
    texts = [f"metadata.age > {number}" for number in range(100)]
    rules = table(*texts, "input.tokens == 800", on_error="skip")

    assert both(rules) == 100


def test_a_fault_that_is_no_evaluation_error_passes() -> None:
    class Broken(dict[str, object]):
        def __missing__(self, name: str) -> object:
            raise RuntimeError(name)

    with pytest.raises(RuntimeError, match=r"^input\.tokens$"):
        table("input.tokens < 64").first(Broken())


# --- why not --------------------------------------------------------------------------------------


def test_each_rule_passed_over_names_the_first_condition_that_was_false() -> None:
    rules = table(
        "input.tokens < 64",
        "input.tokens > 64 && (input.type == 'code' || beta)",
        "input.tokens < 64 && tier == 'free'",
        "metadata.age > 17 && input.type == 'code'",
        "metadata.age > 17",
        "true",
        on_error=["fail", "fail", "fail", "fail", "skip", "fail"],
    )

    assert list(rules.passed_over(Lazy(FACTS), rules.first(Lazy(FACTS)))) == [
        Passed(0, "input.tokens < 64", ("input.tokens",)),
        Passed(1, "(input.type == 'code' || beta)", ("input.tokens", "input.type", "beta")),
        # An index could have answered the tier, so it comes first however the rule was found.
        Passed(2, "tier == 'free'", ("tier",)),
        Passed(3, "input.type == 'code'", ("metadata", "input.type")),
        Passed(4, "skipped, because it failed: metadata.age: no key 'age'", ("metadata",)),
    ]


def test_all_rules_are_replayed_where_none_held() -> None:
    rules = table("beta", "tier == 'free'")

    assert [passed.index for passed in rules.passed_over(Lazy(FACTS), -1)] == [0, 1]


def test_what_the_deciding_rule_read_is_told() -> None:
    rules = table(
        "input.tokens > 64 && tier == 'pro' && (beta || input.turns == 3)",
        "metadata.age > 17",
        on_error="match",
    )

    assert rules.matched_reads(Lazy(FACTS), 0) == ("tier", "input.tokens", "beta", "input.turns")
    assert rules.matched_reads(Lazy(FACTS), 1) == ("metadata",)


# --- index ----------------------------------------------------------------------------------------


def tenants(rules: int = 400, groups: int = 40) -> list[str]:
    return [f"tenant == 't{n % groups}' && input.tokens < {n}" for n in range(rules)]


def test_a_large_policy_split_by_tenant_gets_an_index_and_a_small_one_none() -> None:
    assert table(*tenants(400)).index is not None
    assert table(*tenants(100)).index is None
    assert table(*(f"input.tokens == {n}" for n in range(400))).index is None


def test_the_index_keeps_the_order_of_rules_with_and_without_the_key() -> None:
    texts = tenants(200, 4)
    texts[10] = "beta && input.tokens == 10"
    texts[50:50] = ["input.tokens == 777", "tenant in ['t1', 't2'] && input.tokens == 778"]
    rules = table(*texts, "input.turns == 9", "true")

    assert rules.index is not None
    for tenant in ("t0", "t1", "t2", "t3", "nobody"):
        for tokens in (0, 10, 30, 120, 199, 777, 778, 10_000):
            for beta in (True, False):
                both(rules, tenant=tenant, beta=beta, **{"input.tokens": tokens})
    assert both(rules, tenant="t1", **{"input.tokens": 778}) == 51
    assert both(rules, tenant="nobody", **{"input.tokens": 777}) == 50


def test_the_index_works_over_bools_and_ints() -> None:
    scope = Scope({"beta": BOOL, "zone": INT, "n": INT}, frozenset({"beta", "zone"}))
    texts = [f"{'!' if n % 2 else ''}beta && n == {n}" for n in range(200)]
    texts += [f"zone == {n} && n == 1000" for n in range(400)]
    rules = RuleTable.build([condition(text, BOOL, scope) for text in texts], (FAIL,) * 600)

    assert rules.index is not None
    assert rules.index.name == "zone"
    for facts in ({"beta": False, "zone": 7, "n": 3}, {"beta": True, "zone": 399, "n": 1000}):
        assert rules.first(facts) == rules.first_linear(facts) != -1


def test_the_index_reads_no_lazy_signal_that_the_rules_in_turn_would_not_read() -> None:
    rules = table(*tenants(400), "true")
    facts = Lazy({**FACTS, "tenant": "nobody"})

    assert rules.first(facts) == 400
    assert facts.asked == ["tenant"]


def test_a_key_that_cannot_be_read_is_each_rule_s_own_failure() -> None:
    class NoTenant(dict[str, object]):
        def __missing__(self, name: str) -> object:
            if name == "tenant":
                raise EvaluationError("no tenant")
            return -1 if name == "input.tokens" else FACTS[name]

    with pytest.raises(RuleError) as caught:
        table(*tenants(400), "true").first(NoTenant())
    assert str(caught.value) == "condition 'tenant == 't0' && input.tokens < 0': no tenant"
    assert table(*tenants(400), "true", on_error="skip").first(NoTenant()) == 400


def test_a_rule_of_the_index_that_fails_is_found() -> None:
    texts = [*tenants(400), "tenant == 't7' && metadata.age > 17", "true"]
    world = {**FACTS, "input.tokens": 10_000}

    with pytest.raises(RuleError) as caught:
        table(*texts).first(Lazy(world))
    assert caught.value.rule == 400
    assert table(*texts, on_error="skip").first(Lazy(world)) == 401


# --- budgets and threads --------------------------------------------------------------------------


def test_each_rule_has_a_budget_and_all_together_have_one() -> None:
    costly = "numbers.exists(a, numbers.exists(b, numbers.exists(c, a + b + c < 0)))"
    numbers = list(range(45))  # 45 + 45² + 45³ steps: below the budget of one rule
    rules = table(*[costly] * 4, "true")

    assert rules.first(Lazy({**FACTS, "numbers": numbers})) == 4
    with pytest.raises(RuleError) as caught:
        table(*[costly] * 6, "true").first(Lazy({**FACTS, "numbers": numbers}))
    assert caught.value.rule == 4
    assert caught.value.problem.endswith(": more than 400,000 steps in one decision")


def test_rules_that_exhaust_their_budget_one_after_the_other_stop_as_well() -> None:
    endless = "numbers.all(a, numbers.all(b, a + b >= 0))"
    rules = table(*[endless] * 200, "tier == 'pro'", on_error="skip")
    facts = Lazy({**FACTS, "numbers": list(range(400))})

    assert rules.first(facts) == 200
    because = [passed.because for passed in rules.passed_over(facts, 200)]
    assert because[0].endswith("more than 100,000 steps in one evaluation")
    assert because[-1].endswith("more than 400,000 steps in one decision")


def test_a_rule_that_generated_code_hands_over_pays_once() -> None:
    # The very last division fails; what follows makes the rule false all the same.
    costly = "numbers.exists(a, numbers.exists(b, numbers.exists(c, 1 / (a + b + c) < 0)))"
    rules = table(*[f"{costly} && input.tokens < 64"] * 4, "true")

    assert both(rules, numbers=list(range(44, -1, -1))) == 4


def test_many_threads_may_use_one_table() -> None:
    rules = table(*tenants(400), "true")
    found: list[int] = []

    def work(tenant: int) -> None:
        world = {**FACTS, "tenant": f"t{tenant}", "input.tokens": 0}
        found.extend(rules.first(world) for _ in range(200))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(set(found)) == [*range(1, 8), 40]
