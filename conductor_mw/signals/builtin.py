"""The built-in signals: what is read from the request, its metadata, the clock and live state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from conductor_mw.agents.capabilities import json_wanted
from conductor_mw.rules.types import BOOL, DOUBLE, DYN, INT, STRING, Type, list_of, map_of

from .complexity import complexity_of
from .domain import domain_of
from .language import language_of
from .registry import Facts, Signal
from .tokens import ESTIMATE, TokenCounter, input_tokens
from .transcript import transcript_of
from .type import type_of
from .wants import wants_of


def builtin_signals() -> tuple[Signal, ...]:
    """Return the signals that every policy may read without saying anything about them."""
    return (*_INPUT, input_tokens(ESTIMATE), _METADATA, _BUDGET, *time_signals())


def policy_signals(
    *,
    agents: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
    zone: tzinfo = UTC,
    counter: TokenCounter = ESTIMATE,
) -> tuple[Signal, ...]:
    """Return the signals that depend on a policy; they stand in for built-in ones of their name.

    Args:
        agents: the ids of the policy's agents.
        env: the environment variables that the policy allows conditions to read.
        zone: the time zone of `time.*`; UTC unless the policy says otherwise.
        counter: counts `input.tokens`.
    """
    return (
        input_tokens(counter),
        env_signal({} if env is None else env),
        *time_signals(zone),
        *agent_signals(agents),
    )


def agent_signals(ids: Iterable[str]) -> tuple[Signal, ...]:
    """Return `agents.<id>.open`, `.error_rate`, `.p95_ms` and `.in_flight` of these agents."""
    return tuple(signal for agent in ids for signal in _of_agent(agent))


def env_signal(env: Mapping[str, str]) -> Signal:
    """Return `env`, a map of the environment variables that a policy allows.

    The values are taken now: a condition never sees the environment change under it.
    """
    values = dict(env)
    return Signal(
        "env",
        map_of(STRING, STRING),
        lambda _: values,
        eager=True,
        doc="The environment variables that the policy allows.",
    )


def time_signals(zone: tzinfo = UTC) -> tuple[Signal, ...]:
    """Return `time.hour`, `time.minute`, `time.weekday` and `time.date` in a time zone.

    >>> from zoneinfo import ZoneInfo
    >>> [signal.name for signal in time_signals(ZoneInfo("Europe/Berlin"))]
    ['time.hour', 'time.minute', 'time.weekday', 'time.date']
    """

    def now(facts: Facts) -> datetime:
        return datetime.fromtimestamp(facts.moment.utc, zone)

    return (
        Signal("time.hour", INT, lambda facts: now(facts).hour, live=True, doc="Hour, 0 to 23."),
        Signal(
            "time.minute", INT, lambda facts: now(facts).minute, live=True, doc="Minute, 0 to 59."
        ),
        Signal(
            "time.weekday",
            INT,
            lambda facts: now(facts).weekday(),
            live=True,
            doc="Day of the week; 0 is Monday, 6 is Sunday.",
        ),
        Signal(
            "time.date",
            STRING,
            lambda facts: now(facts).date().isoformat(),
            live=True,
            doc="The date as 2026-11-21.",
        ),
    )


def _of_agent(agent: str) -> tuple[Signal, ...]:
    name = f"agents.{agent}"
    return (
        Signal(
            f"{name}.open",
            BOOL,
            lambda facts: facts.agent(agent).open,
            live=True,
            doc="Whether its circuit is open.",
        ),
        Signal(
            f"{name}.error_rate",
            DOUBLE,
            lambda facts: facts.agent(agent).error_rate,
            live=True,
            doc="The share of its recent calls that failed, 0 to 1.",
        ),
        Signal(
            f"{name}.p95_ms",
            DOUBLE,
            lambda facts: facts.agent(agent).p95_ms,
            live=True,
            doc="The 95th percentile of its recent latencies in milliseconds.",
        ),
        Signal(
            f"{name}.in_flight",
            INT,
            lambda facts: facts.agent(agent).in_flight,
            live=True,
            doc="Calls that are under way now.",
        ),
    )


def _turns(facts: Facts) -> int:
    return facts.request.lens.weight(facts.request.native).turns


def _chars(facts: Facts) -> int:
    text = facts["input.text"]
    return len(text) if isinstance(text, str) else 0


def _has_images(facts: Facts) -> bool:
    return any("image" in message.media for message in facts.request.messages)


def _wants(facts: Facts) -> list[str]:
    asked = wants_of(facts.glance)
    if json_wanted(facts.request) and "json" not in asked:
        return sorted([*asked, "json"])
    return asked


def _wants_json(facts: Facts) -> bool:
    wants = facts["input.wants"]
    return isinstance(wants, list) and "json" in wants


def _model(facts: Facts) -> str:
    model = facts.request.parameters.get("model", "")
    return model if isinstance(model, str) else ""


_STRINGS: Final[Type] = list_of(STRING)
_INPUT: Final = (
    Signal(
        "input.text",
        STRING,
        lambda facts: facts.request.text,
        content=True,
        doc="The text of the last user message.",
    ),
    Signal(
        "input.transcript",
        STRING,
        lambda facts: transcript_of(facts.request.messages),
        content=True,
        doc="All messages as lines `role: text`; at most 100000 characters, the newest.",
    ),
    Signal("input.chars", INT, _chars, doc="The length of `input.text` in characters."),
    Signal("input.turns", INT, _turns, doc="How many user messages the conversation has."),
    Signal(
        "input.type",
        STRING,
        lambda facts: type_of(facts.glance),
        doc="The kind of task: simple, reasoning, creative, code, math, extraction, summary, "
        "translation, research, support, analysis or chat.",
    ),
    Signal(
        "input.complexity",
        STRING,
        lambda facts: complexity_of(facts.glance),
        doc="How much is asked for: low, medium or high.",
    ),
    Signal(
        "input.domain",
        STRING,
        lambda facts: domain_of(facts.glance),
        doc="The field that the text is about, for example law; general where none shows.",
    ),
    Signal(
        "input.language",
        STRING,
        lambda facts: language_of(facts.glance),
        doc="ISO 639-1 code of the language, or und.",
    ),
    Signal("input.wants", _STRINGS, _wants, doc="The formats that the answer is to have."),
    Signal("input.wants_json", BOOL, _wants_json, doc="Whether JSON is asked for."),
    Signal(
        "input.has_code",
        BOOL,
        lambda facts: facts.glance.code,
        doc="Whether the text holds program text.",
    ),
    Signal(
        "input.has_images",
        BOOL,
        _has_images,
        doc="Whether any message of the conversation has one.",
    ),
    Signal(
        "input.tools",
        _STRINGS,
        lambda facts: list(facts.request.tools),
        doc="The names of the tools that the request offers.",
    ),
    Signal(
        "input.model", STRING, _model, eager=True, doc="The model that the app asked for, or ''."
    ),
    Signal(
        "input.stream",
        BOOL,
        lambda facts: facts.request.stream,
        eager=True,
        doc="Whether the caller reads the answer part by part.",
    ),
)
_METADATA: Final = Signal(
    "metadata",
    map_of(STRING, DYN),
    lambda facts: facts.request.metadata,
    eager=True,
    doc="What the app says about the request.",
)
_BUDGET: Final = Signal(
    "budget.remaining",
    DOUBLE,
    lambda facts: facts.live.budget_remaining(facts),
    live=True,
    doc="Dollars that may still be spent; infinite where no budget is declared.",
)
