"""A small policy with a cache, and what several of its tests ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import conductor_mw_cache
import conductor_mw_postgres
import conductor_mw_redis

from conductor_mw import (
    Conductor,
    Event,
    Plugins,
    RegisterSignal,
    Request,
    Signal,
    hookimpl,
)
from conductor_mw.testing import VirtualClock

AGENTS = "agents: [{id: a}]\n"
TENANT = "signals: {tenant: {from: metadata.tenant, type: string}}\n"
ROUTING = "routing: {default: a}\n"
T1: Mapping[str, object] = {"tenant": "t1"}
T2: Mapping[str, object] = {"tenant": "t2"}


class Told:
    """Every event that was told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        self.events.append(event)

    def of(self, name: str) -> list[Mapping[str, Any]]:
        """Give what the events of one name say."""
        return [event.data for event in self.events if event.name == name]


class _Offer:
    def __init__(self, signal: Signal) -> None:
        self._signal = signal

    @hookimpl
    def conductor_signals(self, register: RegisterSignal) -> None:
        register(self._signal)


def policy(
    options: str = "ttl: 1h", *, agents: str = AGENTS, signals: str = TENANT, routing: str = ROUTING
) -> str:
    """Give the text of a policy with a cache."""
    return f"{agents}{signals}{routing}plugins: {{cache: {{{options}}}}}\n"


def plugins() -> Plugins:
    """Give the core, the cache and every kind of store, and no other layer."""
    found = Plugins.core()
    found.add(conductor_mw_cache, "cache")
    found.add(conductor_mw_redis, "redis")
    found.add(conductor_mw_postgres, "postgres")
    return found


def conductor(
    text: str | None = None,
    *,
    clock: VirtualClock | None = None,
    real_clock: bool = False,
    told: Told | None = None,
    signal: Signal | None = None,
    **agents: object,
) -> Conductor:
    """Give a conductor over a policy, a small one where none is given."""
    found = plugins()
    if told is not None:
        found.add(told, "told")
    if signal is not None:
        found.add(_Offer(signal), "signal")
    return Conductor.from_text(
        policy() if text is None else text,
        agents={name.replace("_", "-"): agent for name, agent in agents.items()},
        plugins=found,
        clock=None if real_clock else clock or VirtualClock(),
        seed=7,
    )


class Echo:
    """An agent that says for whom it answers and what it was asked, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, request: Request) -> str:
        self.calls += 1
        metadata = request.metadata
        return f"{metadata.get('tenant')!r} {metadata.get('user')!r} {request.text}"
