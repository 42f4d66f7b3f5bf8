"""Decide which target answers a request, and say why, without a token spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeVar, cast
from uuid import UUID

from .commitment import LENGTHS_ONLY, Commitments
from .errors import EvaluationError, RequestError, Unasked, nearest
from .flows.overflow import leaf

if TYPE_CHECKING:
    from .asking import Asked
    from .flows.base import Flow
    from .policy import Policy
    from .rules import Passed
    from .signals import Facts


T = TypeVar("T")

_DEEPEST: Final = 32
_MOST_VALUES: Final = 10_000
_SHORT: Final = (date, time, timedelta, Decimal, UUID)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A rule that did not match, and the condition in it that was not true."""

    rule: str
    because: str


class Decision:
    """The record of one routing.

    The route is known at once. What was read and which rules were passed over is worked out when
    somebody asks, from the same facts: it does not depend on how the rule was found.

    Attributes:
        target: the agent or flow that answers.
        fingerprint: the policy that decided.
        asked: the paid signals for which somebody was asked, also after the request was on its way.
    """

    asked: Sequence[Asked] = ()

    def __init__(
        self, policy: Policy, facts: Facts, index: int, commitments: Commitments = LENGTHS_ONLY
    ) -> None:
        self._policy = policy
        self._commitments = commitments
        self._facts = facts
        self._index = index
        self.fingerprint = policy.fingerprint
        self.target = policy.rules[index].target if index >= 0 else policy.default or ""

    @property
    def rule(self) -> str | None:
        """The id of the rule that matched, or None where the default answers."""
        return self._policy.rules[self._index].id if self._index >= 0 else None

    @property
    def flow(self) -> Flow:
        """The compiled target.

        Raises:
            RequestError: no rule matched and the policy has no default.
        """
        policy = self._policy
        if self._index >= 0:
            return policy.rules[self._index].flow
        if policy.default_flow is None:
            raise RequestError(
                "no rule matches this request and the policy has no default",
                where=policy.name,
                mend="Add `default:` below `routing:`.",
            )
        return policy.default_flow

    @cached_property
    def passed_over(self) -> tuple[PassedOver, ...]:
        """The rules before the one that matched, each with the condition that was not true."""
        rules = self._policy.rules
        return tuple(PassedOver(rules[one.index].id, one.because) for one in self._replay)

    @cached_property
    def signals(self) -> Mapping[str, object]:
        """The signals that were read, by name; a text of the user appears only as its length."""
        read: set[str] = set()
        for one in self._replay:
            read.update(one.reads)
        if self._index >= 0:
            read.update(self._policy.table.matched_reads(self._facts, self._index))
        return {name: self._shown(name) for name in sorted(read)}

    @property
    def forced(self) -> bool:
        """Whether the caller named the agent, so that no rule was asked."""
        return False

    @property
    def observed(self) -> bool:
        """Whether the app's own model answered, and the policy only looked on."""
        return False

    @property
    def kept(self) -> bool:
        """Whether the agent of the trajectory's call before goes on, so that no rule was asked."""
        return False

    def to_dict(self) -> dict[str, object]:
        """Give the decision as plain JSON."""
        record: dict[str, object] = {
            "rule": self.rule,
            "target": self.target,
            "signals": dict(self.signals),
            "passed_over": [{"rule": one.rule, "because": one.because} for one in self.passed_over],
            "fingerprint": self.fingerprint,
        }
        if self.forced:
            record["forced"] = True
        if self.kept:
            record["kept"] = True
        if self.asked:
            record["asked"] = [one.to_dict() for one in self.asked]
        return record

    def __repr__(self) -> str:
        return f"Decision(rule={self.rule!r}, target={self.target!r})"

    @cached_property
    def _named_keys(self) -> frozenset[object]:
        """The keys of maps that the conditions asked so far name."""
        asked = self._policy.rules[: self._index + 1] if self._index >= 0 else self._policy.rules
        return frozenset(key for rule in asked for key in _keys(rule.condition.canonical))

    @cached_property
    def _replay(self) -> Sequence[Passed]:
        policy = self._policy
        upto = self._index if self._index >= 0 else len(policy.rules)
        return tuple(policy.table.passed_over(self._facts, upto))

    def _shown(self, name: str) -> object:
        value = self._facts[name]
        if self._policy.signals[name].content and isinstance(value, Sized):
            if isinstance(value, str):
                return self._commitments.stand_for(value)
            return {"length": len(value)}
        if isinstance(value, Mapping):
            # The app may put anything into metadata; a record keeps what conditions name.
            items = cast("Mapping[object, object]", value).items()
            named = {key: one for key, one in items if key in self._named_keys}
            return _Plain()(named)
        return _Plain()(value)


class ForcedDecision(Decision):
    """The record of a request whose caller named the target. Guarantees hold all the same.

    An agent's own `accept:`, `score:` and `output:` hold as well, unless it is asked `straight`.
    """

    def __init__(
        self,
        policy: Policy,
        facts: Facts,
        target: str,
        commitments: Commitments = LENGTHS_ONLY,
        *,
        straight: bool = False,
    ) -> None:
        super().__init__(policy, facts, -1, commitments)
        self.target = target
        if target in policy.checked and not straight:
            self._flow: Flow = policy.checked[target]
        elif target in policy.agents:
            self._flow = leaf(policy.agents[target], policy.agents)
        elif target in policy.flows:
            self._flow = policy.flows[target]
        else:
            known = (*policy.agents, *policy.flows)
            raise RequestError(f"no agent or flow {target!r}", mend=nearest(target, known))

    @property
    def flow(self) -> Flow:
        """The target that the caller named."""
        return self._flow

    @property
    def forced(self) -> bool:
        """True: no rule was asked."""
        return True

    @cached_property
    def _replay(self) -> Sequence[Passed]:
        return ()


def decide(policy: Policy, facts: Facts, commitments: Commitments = LENGTHS_ONLY) -> Decision:
    """Give the decision of a policy about a request.

    Args:
        policy: the compiled policy.
        facts: the request's signals.
        commitments: make what the decision's record holds instead of the user's text.

    Raises:
        EvaluationError: a condition could not be evaluated and its rule says `on_error: fail`, or
            it reads a paid signal for which nobody was asked.
    """
    try:
        return decided(policy, facts, commitments)
    except Unasked as unasked:
        raise EvaluationError(
            f"{unasked.problem}, and nobody is asked where a request is only decided",
            mend=f"say what would be answered: known={{{unasked.signal!r}: ...}}, or, on the "
            f"command line, --signal {unasked.signal}=...",
        ) from unasked


def decided(policy: Policy, facts: Facts, commitments: Commitments) -> Decision:
    """Give the decision as `decide` does, for a run, which can ask. Raises `Unasked` as well."""
    return Decision(policy, facts, policy.table.first(facts), commitments)


def _keys(canonical: object) -> Iterator[str]:
    """Give every text in a condition; a key that it names is among them."""
    waiting = [canonical]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            inner = cast("list[object]", node)
            if inner[:1] == ["const"] and isinstance(inner[-1], str):
                yield inner[-1]
            waiting.extend(inner)


class _Plain:
    """Gives values as plain JSON. The app may put anything into metadata, so it has an end."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def __call__(self, value: object, depth: int = 0) -> object:
        self._left -= 1
        if not isinstance(value, (Mapping, list, tuple)):
            return _leaf(value)
        if depth >= _DEEPEST:
            return f"(nested deeper than {_DEEPEST})"
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            # A key may be a tuple that is nested as well.
            return {
                str(self(key, _DEEPEST)): self(one, depth + 1) for key, one in self._some(items)
            }
        return [self(one, depth + 1) for one in self._some(cast("Sequence[object]", value))]

    def _some(self, values: Iterable[T]) -> Iterator[T]:
        for value in values:
            if self._left <= 0:
                return
            yield value


def _leaf(value: object) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        # JSON has no infinity, and a record must be readable everywhere.
        return value if isfinite(value) else str(value)
    if isinstance(value, _SHORT):
        return repr(value)
    # What an app's own object says of itself may be long, private or an error.
    return f"<{type(value).__name__}>"
