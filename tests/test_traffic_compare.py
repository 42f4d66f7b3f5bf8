"""What the same answers would have cost, had agents been chosen otherwise."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Money, Usage
from conductor_mw.policy import load_text
from conductor_mw.workbench.traffic import Answered, compare

POLICY = load_text(
    """\
agents:
  - {id: cheap, simulated: x, price: {input: 1, output: 2}}
  - {id: dear, simulated: x, price: {input: 10, output: 20}}
  - {id: unused, simulated: x, price: {input: 5, output: 50}}
  - {id: free, simulated: x}
routing: {default: cheap}
""",
    env={},
)


def answered(agent: str, tokens_in: int, tokens_out: int) -> Answered:
    return Answered(id="q", decision=None, agent=agent, answer_usage=Usage(tokens_in, tokens_out))


def test_the_three_ways_by_hand() -> None:
    answers = [answered("cheap", 100, 10), answered("cheap", 100, 10), answered("dear", 1000, 100)]

    actual, dearest, blind = compare(POLICY, answers)

    # cheap: 100 * 1 + 10 * 2 = 120 micro-dollars; dear: 1000 * 10 + 100 * 20 = 12,000.
    assert actual.cost == Money(2 * 120_000 + 12_000_000)
    # All 1,200 tokens in and 120 out at the prices of `dear`; `unused` would be 12,000 in all.
    assert dearest.cost == Money(1200 * 10_000 + 120 * 20_000)
    assert dearest.what == "always dear, the dearest agent"
    # Two thirds at 1,440 micro-dollars for everything, one third at 14,400.
    assert blind.cost == Money((2 * 1_440_000 + 14_400_000) // 3)
    assert blind.agents == (("cheap", 2 / 3), ("dear", 1 / 3))


def test_an_agent_that_never_answered_may_be_the_dearest() -> None:
    _, dearest, _ = compare(POLICY, [answered("cheap", 0, 100)])

    assert dearest.agents == (("unused", 1.0),)


def test_requests_without_an_answer_are_left_out() -> None:
    both = compare(POLICY, [answered("cheap", 10, 10), answered("", 999, 999)])

    assert both == compare(POLICY, [answered("cheap", 10, 10)])


def test_nothing_is_compared_where_a_price_is_unknown_or_nobody_answered() -> None:
    assert compare(POLICY, [answered("free", 1, 1), answered("cheap", 1, 1)]) == ()
    assert compare(POLICY, [answered("", 1, 1)]) == ()


@given(
    st.lists(
        st.builds(
            answered,
            st.sampled_from(["cheap", "dear"]),
            st.integers(0, 10**6),
            st.integers(0, 10**5),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_drawn_blindly_is_the_expected_cost_to_the_nano_dollar(answers: list[Answered]) -> None:
    _, dearest, blind = compare(POLICY, answers)

    prices = {name: POLICY.agents[name].price for name in ("cheap", "dear")}
    expected = Fraction(0)
    for agent, price in prices.items():
        share = Fraction(sum(one.agent == agent for one in answers), len(answers))
        assert price is not None
        expected += share * sum(price.cost(one.answer_usage).nano for one in answers)
    assert expected <= blind.cost.nano < expected + 1
    assert blind.cost <= dearest.cost
