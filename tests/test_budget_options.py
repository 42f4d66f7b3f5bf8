"""What a policy may write below `budget:`, and what `check` finds wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conductor_mw import Conductor, Money, PolicyError
from conductor_mw.testing import Scripted
from tests.budget_kit import CHEAP, COST, DEAREST, admitted, agent, layer, policy, spent, worst

SKETCH = """
signals:
  tenant: {from: metadata.tenant, type: string}
agents:
  - id: fast
    price: {input: 0.15, output: 0.60}
    max_output_tokens: 100
    simulated: {answer: "We are on it."}
routing: {default: fast}
plugins:
  budget: {per: tenant, dollars: 20, every: day, alert_at: [0.8, 0.95]}
"""
SEVERAL = """
agents:
  - id: large
    price: {input: 0.15, output: 0.60}
    max_output_tokens: 100
    simulated: {answer: "Yes."}
routing: {default: large}
plugins:
  budget:
    budgets:
      - {id: team, per: metadata.team, dollars: 5, every: hour}
      - {dollars: 0.10, every: request}
      - {per: tenant, agents: [large], dollars: 100, every: month}
    store_down: refuse
    when_exhausted: wait
    wait: 2s
    time_zone: Europe/Rome
"""


@pytest.mark.parametrize("text", [SKETCH, SEVERAL], ids=["one", "several"])
def test_the_published_forms_load_and_let_requests_through(text: str) -> None:
    c = Conductor.from_text(text)

    answer = c.call("hello", metadata={"tenant": "acme", "team": "blue"})

    assert answer.agent == c.policy.default
    c.close()


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({}, "says no budget; write for example {per: tenant, dollars: 20, every: day}"),
        ({"dollars": 5}, "says no budget"),
        ({"dollars": 0, "every": "day"}, "plugins.budget.dollars: must be greater than 0"),
        ({"dollars": 5, "every": "year"}, "plugins.budget.every"),
        ({"dollars": 5, "every": "day", "per": "metadata."}, "plugins.budget.per"),
        ({"dollars": 5, "every": "day", "per": "tenan"}, "plugins.budget.per"),
        ({"dollars": 5, "every": "day", "agents": ["b"]}, "no agent 'b'"),
        ({"dollars": 5, "every": "day", "time_zone": "Mars"}, "no time zone 'Mars'"),
        ({"dollars": 5, "every": "day", "alert_at": [1.5]}, "plugins.budget.alert_at"),
        ({"dollars": 5, "every": "day", "dolars": 5}, "did you mean 'dollars'?"),
        (
            {"per": "user", "budgets": [{"dollars": 5, "every": "day"}]},
            "write 'per' inside `budgets:`",
        ),
        (
            {"budgets": [{"dollars": 5, "every": "day"}, {"dollars": 6, "every": "day"}]},
            "plugins.budget.budgets.1: it counts the same as another budget, 'day'",
        ),
    ],
)
def test_a_budget_that_says_nothing_sensible_is_refused(budget: object, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        Conductor.from_text(policy(budget), agents={"a": Scripted("hi")})

    assert said in str(refused.value)


ENDLESS = (
    "plugins.budget: the longest answer of 'endless' is unknown: calls without max_tokens will be "
    "refused: write `max_output_tokens:` at the agent, or `max_tokens:` at the budget"
)
NAMELESS = (
    "plugins.budget: the price of 'nameless' is unknown: calls will be refused: write `price: "
    "{input: ..., output: ...}` at the agent, in dollars per million tokens"
)


def warnings(text: str, **agents: object) -> list[str]:
    c = Conductor.from_text(text, agents=agents)
    c.close()
    found = [f"{one.problem}: {one.mend}" for one in c.policy.warnings]
    return [one for one in found if one.startswith("plugins.budget: ")]


def test_agents_that_a_budget_would_refuse_are_found_while_the_policy_is_checked() -> None:
    agents: list[dict[str, Any]] = [
        {"id": "nameless"},
        {"id": "endless", "price": {"input": 1, "output": 1}},
        {"id": "capped", "price": {"input": 1, "output": 1}, "parameters": {"max_tokens": 5}},
        agent("good"),
        {"id": "free", "price": {"input": 0, "output": 0}},
    ]
    bound = {one["id"]: Scripted("hi") for one in agents}
    text = policy({"dollars": 1, "every": "day"}, agents=agents, routing={"default": "good"})

    found = warnings(text, **bound)

    assert sorted(found) == [
        ENDLESS,
        NAMELESS,
    ]


def test_agents_that_no_budget_counts_are_left_alone() -> None:
    text = policy(
        {"dollars": 1, "every": "day", "agents": ["good"]},
        agents=[{"id": "nameless"}, agent("good")],
        routing={"default": "nameless"},
    )

    assert warnings(text, nameless=Scripted("hi"), good=Scripted("hi")) == []


# A changed policy.


def written(path: Path, dollars: float, **budget: object) -> None:
    path.write_text(
        policy({"dollars": dollars, "every": "day", **budget}, name=None).replace(
            '"name": null', '"version": 1'
        ),
        encoding="utf-8",
    )


def test_a_reload_keeps_what_was_spent_and_takes_the_new_cap(tmp_path: Path) -> None:
    path = tmp_path / "conductor.yaml"
    written(path, worst(2))
    c = Conductor(path, agents={"a": Scripted("hi", usage=DEAREST)})
    assert admitted(c, 5) == 2

    written(path, worst(5), alert_at=[0.5])
    assert c.reload()
    assert admitted(c, 5) == 3
    written(path, worst(1))
    assert c.reload()

    assert admitted(c, 5) == 0
    assert spent(c) == Money.of(worst(5))
    c.close()


def test_two_conductors_over_one_compiled_policy_do_not_share_a_budget() -> None:
    agents = {"a": Scripted("hi", usage=DEAREST)}
    one = Conductor.from_text(policy({"dollars": worst(2), "every": "day"}), agents=agents)
    other = Conductor(one.policy, agents=agents)

    assert [admitted(c, 3) for c in (one, other, one)] == [2, 2, 0]
    one.close()
    other.close()


def test_both_versions_of_a_rollout_spend_the_same_budget(tmp_path: Path) -> None:
    new, path = tmp_path / "next.yaml", tmp_path / "conductor.yaml"
    written(new, worst(10))
    document = json.loads(policy({"dollars": worst(10), "every": "day"}))
    document["rollout"] = {"policy": "next.yaml", "percent": 50}
    path.write_text(json.dumps(document), encoding="utf-8")
    c = Conductor(path, agents={"a": Scripted("hi", usage=DEAREST)}, seed=4)

    assert admitted(c, 30) == 10
    c.close()


def test_blanks_in_an_expression_make_no_new_budget(tmp_path: Path) -> None:
    path = tmp_path / "conductor.yaml"
    written(path, 1, per="metadata.a + metadata.b")
    c = Conductor(path, agents={"a": Scripted("hi", usage=CHEAP)})
    c.call("hello", metadata={"a": "x", "b": "y"})

    written(path, 2, per="metadata.a+metadata.b")
    c.reload()
    c.call("hello", metadata={"a": "x", "b": "y"})

    assert [one.spent for one in layer(c).status()] == [Money(2 * COST.nano)]
    c.close()
