"""Sum up traffic per route: how many, how dear, how slow, how often it went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from conductor_mw.money import Money
from conductor_mw.policy import Policy

from .answered import Answered
from .compare import Comparison, compare
from .run import is_simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The requests that took one way: a rule, its target, and who answered in the end.

    Attributes:
        rule: the rule's id, or None for the default.
        target: where the rule leads.
        agent: who answered, or an empty string where nobody did.
        requests: how many.
        share: of all requests, 0 to 1.
        cost: what every attempt of theirs cost, or None where a price is unknown.
        p50: seconds within which half of them were answered; None where none was.
        p95: seconds within which 95 % of them were answered; None where none was.
        failed: how many got no answer.
        fell_back: how many were answered by somebody else than the first who was asked.
    """

    rule: str | None
    target: str
    agent: str
    requests: int
    share: float
    cost: Money | None
    p50: float | None
    p95: float | None
    failed: int
    fell_back: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What traffic through a policy came to.

    Attributes:
        policy: the policy's name.
        fingerprint: the policy that decided.
        simulated: whether agents were simulated: all of them, some, or none.
        routes: one row for each way, in the order of the rules.
        total: all requests together; rule, target and agent say nothing.
        comparisons: what other ways to choose agents would have cost.
        problems: why requests got no answer, the most frequent first.
        unpriced: agents that answered and have no known price.
    """

    policy: str
    fingerprint: str
    simulated: str
    routes: tuple[Route, ...]
    total: Route
    comparisons: tuple[Comparison, ...]
    problems: tuple[tuple[str, int], ...]
    unpriced: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Give the summary as plain JSON."""
        return {
            "policy": self.policy,
            "fingerprint": self.fingerprint,
            "simulated": self.simulated,
            "routes": [_plain(route) for route in self.routes],
            "total": _plain(self.total),
            "comparisons": [one.to_dict() for one in self.comparisons],
            "problems": [{"problem": said, "requests": count} for said, count in self.problems],
            "unpriced": list(self.unpriced),
        }


def summarise(policy: Policy, answers: Sequence[Answered], *, simulate: bool = False) -> Summary:
    """Sum up what became of traffic.

    Args:
        policy: the policy that ran it.
        answers: what became of each request.
        simulate: whether every agent was simulated on request.
    """
    order = {rule.id: rule.position for rule in policy.rules}
    ways: dict[tuple[str | None, str, str], list[Answered]] = {}
    for one in answers:
        rule, target = (one.decision.rule, one.decision.target) if one.decision else (None, "")
        ways.setdefault((rule, target, one.agent), []).append(one)
    routes = [_route(way, members, len(answers)) for way, members in ways.items()]
    routes.sort(
        key=lambda route: (
            order.get(route.rule or "", len(order)),
            not route.target,
            -route.requests,
            route.agent,
        )
    )
    problems = Counter(f"{one.failure}: {one.problem}" for one in answers if one.failure)
    answering = {one.agent for one in answers if one.agent}
    return Summary(
        policy=policy.name,
        fingerprint=policy.fingerprint,
        simulated=_simulated(policy, simulate=simulate),
        routes=tuple(routes),
        total=_route((None, "", ""), answers, len(answers)),
        comparisons=compare(policy, answers),
        problems=tuple(problems.most_common()),
        unpriced=tuple(sorted(one for one in answering if policy.agents[one].price is None)),
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """Give the smallest value that at least this share of all values does not exceed.

    >>> percentile([3.0, 1.0, 2.0, 4.0], 0.5), percentile([], 0.5)
    (2.0, None)
    """
    if not values:
        return None
    # In whole numbers, since 0.95 * 20 is a little more than 19 in floating point.
    rank = -(-len(values) * round(share * 1000) // 1000)
    return sorted(values)[max(rank, 1) - 1]


def _route(way: tuple[str | None, str, str], members: Sequence[Answered], everything: int) -> Route:
    taken = [one.seconds for one in members if one.agent]
    return Route(
        rule=way[0],
        target=way[1],
        agent=way[2],
        requests=len(members),
        share=len(members) / everything if everything else 0.0,
        cost=_together(members),
        p50=percentile(taken, 0.5),
        p95=percentile(taken, 0.95),
        failed=sum(not one.agent for one in members),
        fell_back=sum(one.fell_back for one in members),
    )


def _together(members: Sequence[Answered]) -> Money | None:
    total = 0
    for one in members:
        if one.cost is None:
            return None
        total += one.cost.nano
    return Money(total)


def _simulated(policy: Policy, *, simulate: bool) -> str:
    if is_simulated(policy, simulate=simulate):
        return "all"
    some = any(agent.kind == "simulated" for agent in policy.agents.values())
    return "some" if some else "none"


def _plain(route: Route) -> dict[str, object]:
    found = asdict(route)
    found["cost_nano_dollars"] = None if route.cost is None else route.cost.nano
    del found["cost"]
    for name in ("p50", "p95"):
        value = found.pop(name)
        found[f"{name}_seconds"] = None if value is None else round(value, 6)
    found["share"] = round(route.share, 6)
    return found
