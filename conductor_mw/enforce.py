"""Check a policy's guarantees at run time, before anything is sent out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from .errors import EvaluationError, Unasked
from .money import FREE, Money

if TYPE_CHECKING:
    from .agents.base import Agent
    from .policy import Guarantees
    from .request import Request
    from .signals import Facts


_CEILINGS: Final = ("max_tokens", "max_completion_tokens")


def forbidden_agents(guarantees: Guarantees, facts: Facts) -> Mapping[str, str]:
    """Give the agents that a request must never reach, each with the guarantee's words.

    A guarantee fails closed: where its condition cannot be evaluated, it counts as true.
    """
    forbidden: dict[str, str] = {}
    for never in guarantees.never:
        because = never.text
        try:
            holds = never.when.evaluate(facts) is not False
        except (EvaluationError, Unasked) as error:
            holds, because = True, f"{never.text} (not evaluated: {error.problem})"
        if holds:
            for agent in never.agents:
                forbidden.setdefault(agent, because)
    return forbidden


def dearest(agent: Agent, request: Request) -> Money | str:
    """Give the most that a call could cost, or say why that is unknown.

    Args:
        agent: who would be asked.
        request: what would be sent.
    """
    given = request.parameters
    return _most(agent, request, given, _ceiling(agent, given))


def weighed(agent: Agent, request: Request) -> tuple[Request, Money | str]:
    """Give the request with its ceiling written into it, and the most that it could cost then.

    So no answer outgrows its price. A smaller `max_tokens` or `max_completion_tokens` of the caller
    stays as it is.
    """
    given = request.parameters
    ceiling = _ceiling(agent, given)
    if ceiling is not None:
        request = _lowered(request, given, ceiling)
    return request, _most(agent, request, given, ceiling)


def _most(  # noqa: PLR0911 - one for each reason
    agent: Agent, request: Request, given: Mapping[str, object], ceiling: int | None
) -> Money | str:
    if agent.price is None:
        # Nobody bills for a simulated one; what it stands for has a price that nobody wrote.
        return Money() if agent.kind == "simulated" else "its price is unknown"
    if agent.price is FREE or agent.price == FREE:
        return Money()
    if ceiling is None:
        return "its longest answer is unknown (set max_tokens)"
    if agent.beside is not None and agent.beside.at_most is None:
        return "its tokens beside the usual ones are unbounded (set usage.at_most)"
    answers = _answers(given)
    if answers is None:
        return "its number of answers is unknown (n and best_of are whole numbers from 1)"
    media = request.lens.weight(request.native).media
    if media and agent.max_media_tokens is None:
        return "what its media cost is unknown (set max_media_tokens)"
    # A byte-level tokenizer never makes more tokens than there are bytes.
    read = request.size + media * (agent.max_media_tokens or 0)
    made = ceiling * answers
    if agent.beside is not None:
        more_read, more_made = agent.beside.most(agent.price)
        read, made = read + more_read, made + more_made
    return agent.price.most(read, made)


def output_ceiling(agent: Agent, request: Request) -> int | None:
    """Give the most tokens that one answer to this request can have, or None where unknown."""
    return _ceiling(agent, request.parameters)


def _ceiling(agent: Agent, given: Mapping[str, object]) -> int | None:
    least = agent.max_output_tokens
    for name in _CEILINGS:
        if name in given:
            value = _whole(given[name])
            if value is not None and (least is None or value < least):
                least = value
    return least


def _lowered(request: Request, given: Mapping[str, object], ceiling: int) -> Request:
    named = [name for name in _CEILINGS if name in given and given[name] is not None]
    if named:
        lowered = {name: ceiling for name in named if _whole(given[name]) != ceiling}
        if not lowered:
            return request
    else:
        lowered = {"max_tokens": ceiling}
    return request.with_native(request.lens.with_parameters(request.native, lowered))


def _answers(given: Mapping[str, object]) -> int | None:
    """Give how many answers the request asks for; a provider makes `best_of` to choose `n`."""
    if "n" not in given and "best_of" not in given:
        return 1
    most = 1
    for name in ("n", "best_of"):
        value = given.get(name)
        if value is None:
            continue
        count = _whole(value)
        if not count:
            return None
        most = max(most, count)
    return most


def _whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
