"""Compare what the answers cost with what they would have cost, had agents been chosen otherwise.

Costs only: whether an answer was as good as another agent's would have been is not measured here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from conductor_mw.money import Money
from conductor_mw.policy import Policy

from .answered import Answered


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another way to choose who answers, over the same requests.

    Attributes:
        name: `answers`, `dearest` or `blind`.
        what: the way in words.
        cost: what the answers cost that way, by the tokens of the answers that were given.
        agents: the agents it draws on, each with its share of the answers.
    """

    name: str
    what: str
    cost: Money
    agents: tuple[tuple[str, float], ...]

    def to_dict(self) -> dict[str, object]:
        """Give the comparison as plain JSON."""
        return {
            "name": self.name,
            "what": self.what,
            "cost_nano_dollars": self.cost.nano,
            "agents": {agent: round(share, 6) for agent, share in self.agents},
        }


def compare(policy: Policy, answers: Sequence[Answered]) -> tuple[Comparison, ...]:
    """Give the cost of the answers as they were, and the same tokens priced in two other ways.

    * `answers`: each answer at the price of the agent that gave it; failed attempts left out.
    * `dearest`: every answer at the prices of one agent, the one that makes the whole dearest.
    * `blind`: the same agents in the same shares, drawn without a look at the request; the
      expected cost, exact and not sampled.

    A way that needs a price which is unknown is left out.
    """
    given = [one for one in answers if one.agent]
    prices = {name: agent.price for name, agent in policy.agents.items() if agent.price}
    counts = Counter(one.agent for one in given)
    if not given or any(agent not in prices for agent in counts):
        return ()
    whole = {
        name: sum(price.cost(one.answer_usage).nano for one in given)
        for name, price in prices.items()
    }
    actual = sum(prices[one.agent].cost(one.answer_usage).nano for one in given)
    dearest = max(sorted(whole), key=lambda name: whole[name])
    drawn = sum(count * whole[agent] for agent, count in counts.items())
    shares = tuple((agent, count / len(given)) for agent, count in sorted(counts.items()))
    return (
        Comparison("answers", "the answers as the policy routed them", Money(actual), shares),
        Comparison(
            "dearest", f"always {dearest}, the dearest agent", Money(whole[dearest]),
            ((dearest, 1.0),),
        ),
        Comparison(
            "blind", "the same agents in the same shares, drawn blindly",
            Money(-(-drawn // len(given))), shares,
        ),
    )  # fmt: skip
