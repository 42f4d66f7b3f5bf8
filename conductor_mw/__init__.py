"""The public door. What is not named here may change without notice.

A name is loaded when it is first used: a plugin that takes `hookimpl` does not pay for what it
leaves alone, and importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .agents.base import Agent, AgentOptions, Retry, Speaker, Timeouts
    from .answer import Answer, AsyncPartStream, PartStream
    from .attempts import Attempted
    from .clock import Clock, SystemClock
    from .conductor import Conductor
    from .decide import Decision, PassedOver
    from .effects import (
        Attempt,
        Effect,
        Gather,
        HostStream,
        Instant,
        Io,
        Latch,
        Notify,
        Now,
        Open,
        Random,
        Settled,
        Sleep,
        Wait,
    )
    from .errors import (
        FAILURE_KINDS,
        ColourError,
        ConditionError,
        ConductorError,
        EvaluationError,
        Failure,
        FailureKind,
        Fenced,
        Finding,
        Place,
        PluginError,
        PolicyError,
        RequestError,
        StoreError,
        Suspend,
        Unwind,
        nearest,
    )
    from .events import Event
    from .failures import classify
    from .flows.base import At, Flow, FlowOptions, Site, Target
    from .flows.reply import Reply
    from .gates import Gate, Gates, Verdict
    from .hookspecs import (
        AttemptLayer,
        RegisterAgent,
        RegisterFlow,
        RegisterLayer,
        RegisterScorer,
        RegisterSignal,
        RegisterStore,
        RequestLayer,
        hookimpl,
    )
    from .lenses.chat import ChatLens, to_request
    from .live import Board
    from .money import Money, Price
    from .parts import Finish, Outcome, Part, Parts, ToolCall, Usage, joined_tool_calls
    from .plugins import Plugins
    from .policy import Policy
    from .request import Lens, Message, Request, Weight
    from .rules.types import BOOL, DOUBLE, DYN, INT, STRING, Type, list_of, map_of
    from .run import Run, attempts_of
    from .scorers.base import Score, Scorer, ScorerOptions
    from .setting import Setting
    from .signals import AgentState, Facts, Signal
    from .stores.base import Move, Store

_HOMES: Final = {
    "agents.base": "Agent AgentOptions Retry Speaker Timeouts",
    "answer": "Answer AsyncPartStream PartStream",
    "attempts": "Attempted",
    "clock": "Clock SystemClock",
    "conductor": "Conductor",
    "decide": "Decision PassedOver",
    "effects": (
        "Attempt Effect Gather HostStream Instant Io Latch Notify Now Open Random Settled "
        "Sleep Wait"
    ),
    "errors": (
        "FAILURE_KINDS ColourError ConditionError ConductorError EvaluationError Failure "
        "FailureKind Fenced Finding Place PluginError PolicyError RequestError StoreError "
        "Suspend Unwind nearest"
    ),
    "events": "Event",
    "failures": "classify",
    "flows.base": "At Flow FlowOptions Site Target",
    "flows.reply": "Reply",
    "gates": "Gate Gates Verdict",
    "hookspecs": (
        "AttemptLayer RegisterAgent RegisterFlow RegisterLayer RegisterScorer "
        "RegisterSignal RegisterStore RequestLayer hookimpl"
    ),
    "live": "Board",
    "lenses.chat": "ChatLens to_request",
    "money": "Money Price",
    "parts": "Finish Outcome Part Parts ToolCall Usage joined_tool_calls",
    "plugins": "Plugins",
    "policy": "Policy",
    "request": "Lens Message Request Weight",
    "rules.types": "BOOL DOUBLE DYN INT STRING Type list_of map_of",
    "run": "Run attempts_of",
    "scorers.base": "Score Scorer ScorerOptions",
    "setting": "Setting",
    "signals": "AgentState Facts Signal",
    "stores.base": "Move Store",
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "BOOL",
    "DOUBLE",
    "DYN",
    "FAILURE_KINDS",
    "INT",
    "STRING",
    "Agent",
    "AgentOptions",
    "AgentState",
    "Answer",
    "AsyncPartStream",
    "At",
    "Attempt",
    "AttemptLayer",
    "Attempted",
    "Board",
    "ChatLens",
    "Clock",
    "ColourError",
    "ConditionError",
    "Conductor",
    "ConductorError",
    "Decision",
    "Effect",
    "EvaluationError",
    "Event",
    "Facts",
    "Failure",
    "FailureKind",
    "Fenced",
    "Finding",
    "Finish",
    "Flow",
    "FlowOptions",
    "Gate",
    "Gates",
    "Gather",
    "HostStream",
    "Instant",
    "Io",
    "Latch",
    "Lens",
    "Message",
    "Money",
    "Move",
    "Notify",
    "Now",
    "Open",
    "Outcome",
    "Part",
    "PartStream",
    "Parts",
    "PassedOver",
    "Place",
    "PluginError",
    "Plugins",
    "Policy",
    "PolicyError",
    "Price",
    "Random",
    "RegisterAgent",
    "RegisterFlow",
    "RegisterLayer",
    "RegisterScorer",
    "RegisterSignal",
    "RegisterStore",
    "Reply",
    "Request",
    "RequestError",
    "RequestLayer",
    "Retry",
    "Run",
    "Score",
    "Scorer",
    "ScorerOptions",
    "Setting",
    "Settled",
    "Signal",
    "Site",
    "Sleep",
    "Speaker",
    "Store",
    "StoreError",
    "Suspend",
    "SystemClock",
    "Target",
    "Timeouts",
    "ToolCall",
    "Type",
    "Unwind",
    "Usage",
    "Verdict",
    "Wait",
    "Weight",
    "attempts_of",
    "classify",
    "hookimpl",
    "joined_tool_calls",
    "list_of",
    "map_of",
    "nearest",
    "to_request",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
