"""Small policies and layers that several engine tests use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import conductor_mw
from conductor_mw import (
    Attempted,
    Conductor,
    Event,
    Io,
    Parts,
    Plugins,
    RegisterLayer,
    Run,
    hookimpl,
)
from conductor_mw.testing import VirtualClock

ONE = "agents: [{id: a}]\nrouting: {default: a}\n"


@dataclass
class Diary:
    """Layers that write down what they see, and events that were told."""

    lines: list[str] = field(default_factory=list[str])
    events: list[Event] = field(default_factory=list[Event])

    @property
    def attempt_layers(self) -> list[Callable[[Attempted, Callable[[Attempted], Parts]], Parts]]:
        return [self._layer("outer"), self._layer("inner")]

    def _layer(self, name: str) -> Callable[[Attempted, Callable[[Attempted], Parts]], Parts]:
        async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
            self.lines.append(f"{name} opens")
            try:
                async for part in proceed(attempt):
                    yield part
            finally:
                outcome = attempt.outcome
                finish = outcome.finish if outcome else "nothing"
                await Io(lambda: self.lines.append(f"{name} closes: {finish}"))

        return around


def conductor(
    text: str = ONE,
    *,
    attempt_layers: Any = (),
    request_layers: Any = (),
    observers: Any = (),
    clock: VirtualClock | None = None,
    real_clock: bool = False,
    app_model: object = None,
    **agents: object,
) -> Conductor:
    """Give a conductor over a small policy, with layers written in the test."""
    plugins = Plugins.core()
    names: list[str] = []
    for kind, methods in (("around_attempt", attempt_layers), ("around_request", request_layers)):
        for method in methods:
            names.append(f"test_layer_{len(names)}")
            plugins.add(_Offer(names[-1], kind, method, rank=len(names)), names[-1])
    for number, observer in enumerate(observers):
        plugins.add(_Observer(observer), f"observer {number}")
    if names:
        text += "plugins: {" + ", ".join(f"{name}: {{}}" for name in names) + "}\n"
    return Conductor.from_text(
        text,
        agents={name.replace("_", "-"): agent for name, agent in agents.items()},
        plugins=plugins,
        clock=None if real_clock else clock or VirtualClock(),
        seed=7,
        app=app_model,
    )


class _Offer:
    def __init__(self, name: str, kind: str, method: object, *, rank: int) -> None:
        @dataclass(frozen=True)
        class Options:
            def build(self, setting: conductor_mw.Setting) -> object:
                del setting
                return type("Layer", (), {kind: staticmethod(method)})()  # type: ignore[arg-type]  # a callable

        self._name, self._options, self._rank = name, Options, rank

    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        register(self._name, self._options, rank=self._rank)


class _Observer:
    def __init__(self, observer: Callable[[Event], None]) -> None:
        self._observer = observer

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        self._observer(event)


RequestLayer = Callable[[Run, Callable[[Run], Parts]], Parts]
