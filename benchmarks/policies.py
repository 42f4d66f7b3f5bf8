"""Policies of any size, the requests that meet them, and the same conditions for other engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SENTENCE: Final = "How do I configure single sign-on for a team of forty people? "
Facts = Mapping[str, Any]

_HEAD: Final = """\
signals:
  tier: {from: metadata.tier, type: string, default: free}
  region: {from: metadata.region, type: string, default: none}
  tenant: {from: metadata.tenant, type: string, default: none}
agents:
  - {id: small, simulated: {answer: small}}
  - {id: large, simulated: {answer: large}}
routing:
  default: small
  rules:
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A policy and a request that its last rule matches.

    Attributes:
        conditions: the conditions in their order.
        metadata: what the app says about the request.
        text: the user's message.
    """

    conditions: Sequence[str]
    metadata: Mapping[str, object]
    text: str

    @property
    def policy(self) -> str:
        """The policy as YAML."""
        rules = "".join(
            f'    - {{condition: "{one}", target: small}}\n' for one in self.conditions[:-1]
        )
        return f'{_HEAD}{rules}    - {{condition: "{self.conditions[-1]}", target: large}}\n'

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The request in OpenAI's form."""
        return [{"role": "user", "content": self.text}]

    @property
    def facts(self) -> Facts:
        """What another engine must be told, as nested maps."""
        return {
            "input": {
                "text": self.text,
                "chars": len(self.text),
                "tokens": len(self.text) // 4,
                "turns": 1,
                "tools": [],
            },
            "tier": "free",
            "region": "none",
            "tenant": "none",
            **self.metadata,
        }


def text_of(size: int) -> str:
    """Give a prompt of `size` characters."""
    return (SENTENCE * (size // len(SENTENCE) + 1))[:size]


def mixed(rules: int, *, size: int = 1_000) -> Case:
    """Conditions of many shapes, no regex; only the last is true."""
    shapes: Sequence[Callable[[int], str]] = (
        lambda n: f"input.tokens > {1_000_000 + n}",
        lambda n: f"region == 'region-{n}'",
        lambda n: f"tier == 'free' && input.chars > {1_000_000 + n}",
        lambda n: f"size(input.tools) > {n + 4}",
        lambda n: f"input.text.startsWith('code {n}')",
        lambda n: f"tier in ['team', 'pro{n}'] && input.turns > {n % 7}",
    )
    conditions = [shapes[n % len(shapes)](n) for n in range(rules - 1)]
    return Case(
        [*conditions, "input.chars > 3"], {"tier": "plain", "region": "north"}, text_of(size)
    )


def tenants(rules: int) -> Case:
    """One rule a tenant; the request is the last tenant's."""
    conditions = [f"tenant == 't{n}' && input.tokens < 5000" for n in range(rules)]
    return Case(conditions, {"tenant": f"t{rules - 1}"}, text_of(1_000))


def unindexable(rules: int) -> Case:
    """Only comparisons of size, so that every rule must be tried; only the last is true."""
    names = ("input.tokens", "input.chars", "input.turns", "size(input.tools)")
    conditions = [f"{names[n % 4]} > {1_000_000 + n}" for n in range(rules - 1)]
    return Case([*conditions, "input.chars > 3"], {}, text_of(1_000))


def with_regexes(rules: int, *, size: int = 1_000) -> Case:
    """As `mixed`, and every twentieth condition is a regular expression over the prompt."""
    plain = mixed(rules, size=size)
    conditions = [
        rf"input.text.matches('(?i)\\b(invoice|refund) +no {n}\\b')" if n % 20 == 10 else one
        for n, one in enumerate(plain.conditions)
    ]
    if rules <= 10:
        conditions[0] = r"input.text.matches('(?i)\\b(invoice|refund) +no 0\\b')"
    return Case(conditions, plain.metadata, plain.text)


def classified(rules: int, *, size: int = 1_000) -> Case:
    """As `mixed`, and the first condition reads `input.type`, which classifies the text."""
    plain = mixed(rules, size=size)
    conditions = ["input.type == 'translation'", *plain.conditions[1:]]
    return Case(conditions, plain.metadata, plain.text)
