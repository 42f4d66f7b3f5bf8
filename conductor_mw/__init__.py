"""The public door. What is not named here may change without notice.

A name is loaded when it is first used: a plugin that takes `hookimpl` does not pay for what it
leaves alone, and importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .agents.access import Access, access_of
    from .agents.base import Agent, AgentOptions, Retry, Speaker, Timeouts
    from .agents.model import ModelOptions, ModelSpeaker
    from .answer import Answer, AsyncPartStream, PartStream
    from .attempts import Attempted
    from .attended import Attended
    from .clock import Clock, SystemClock
    from .commitment import Commitments
    from .conductor import Conductor
    from .decide import Decision, PassedOver
    from .durations import Duration
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
        Spawn,
        Wait,
        Within,
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
        Unasked,
        Unwind,
        nearest,
    )
    from .events import Event
    from .failures import classify, headers_in, leaves_on_purpose, retry_after_in
    from .figures import Figures
    from .flows.base import At, Flow, FlowOptions, Site, Target
    from .flows.reply import Reply, collect
    from .gates import Gate, Gates, Verdict
    from .hookspecs import (
        AttemptBracket,
        AttemptLayer,
        Listener,
        RegisterAgent,
        RegisterFlow,
        RegisterLayer,
        RegisterScorer,
        RegisterSignal,
        RegisterStore,
        RequestBracket,
        RequestLayer,
        hookimpl,
    )
    from .layer_site import LayerSite
    from .lenses.chat import ChatLens
    from .lenses.prompt import to_request
    from .live import Board
    from .money import Money, Price
    from .parts import (
        Finish,
        Outcome,
        Part,
        Parts,
        Purpose,
        Rating,
        ToolCall,
        Usage,
        joined_tool_calls,
    )
    from .plugins import Plugins
    from .policy import Guarantees, LayerUse, Policy, Rule
    from .request import Lens, Message, Request, Weight
    from .rules import Expression
    from .rules.types import BOOL, DOUBLE, DYN, INT, STRING, Type, list_of, map_of
    from .run import Run, attempts_of
    from .scorers.base import Score, Scorer, ScorerOptions
    from .setting import Setting, Shared
    from .signals import AgentState, Facts, Signal
    from .stores.base import Move, Store
    from .trajectory import Trajectory

_HOMES: Final = {
    "agents.access": "Access access_of",
    "agents.base": "Agent AgentOptions Retry Speaker Timeouts",
    "agents.model": "ModelOptions ModelSpeaker",
    "answer": "Answer AsyncPartStream PartStream",
    "attempts": "Attempted",
    "attended": "Attended",
    "clock": "Clock SystemClock",
    "conductor": "Conductor",
    "decide": "Decision PassedOver",
    "effects": (
        "Attempt Effect Gather HostStream Instant Io Latch Notify Now Open Random "
        "Settled Sleep Spawn Wait Within"
    ),
    "errors": (
        "FAILURE_KINDS ColourError ConditionError ConductorError EvaluationError "
        "Failure FailureKind Fenced Finding Place PluginError PolicyError RequestError "
        "StoreError Suspend Unasked Unwind nearest"
    ),
    "events": "Event",
    "failures": "classify headers_in leaves_on_purpose retry_after_in",
    "flows.base": "At Flow FlowOptions Site Target",
    "flows.reply": "Reply collect",
    "gates": "Gate Gates Verdict",
    "hookspecs": (
        "AttemptBracket AttemptLayer Listener RegisterAgent RegisterFlow RegisterLayer "
        "RegisterScorer RegisterSignal RegisterStore RequestBracket RequestLayer "
        "hookimpl"
    ),
    "live": "Board",
    "lenses.chat": "ChatLens",
    "lenses.prompt": "to_request",
    "money": "Money Price",
    "parts": ("Finish Outcome Part Parts Purpose Rating ToolCall Usage joined_tool_calls"),
    "plugins": "Plugins",
    "policy": "Guarantees LayerUse Policy Rule",
    "request": "Lens Message Request Weight",
    "rules.types": "BOOL DOUBLE DYN INT STRING Type list_of map_of",
    "layer_site": "LayerSite",
    "rules": "Expression",
    "commitment": "Commitments",
    "durations": "Duration",
    "figures": "Figures",
    "run": "Run attempts_of",
    "scorers.base": "Score Scorer ScorerOptions",
    "setting": "Setting Shared",
    "signals": "AgentState Facts Signal",
    "stores.base": "Move Store",
    "trajectory": "Trajectory",
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "BOOL",
    "DOUBLE",
    "DYN",
    "FAILURE_KINDS",
    "INT",
    "STRING",
    "Access",
    "Agent",
    "AgentOptions",
    "AgentState",
    "Answer",
    "AsyncPartStream",
    "At",
    "Attempt",
    "AttemptBracket",
    "AttemptLayer",
    "Attempted",
    "Attended",
    "Board",
    "ChatLens",
    "Clock",
    "ColourError",
    "Commitments",
    "ConditionError",
    "Conductor",
    "ConductorError",
    "Decision",
    "Duration",
    "Effect",
    "EvaluationError",
    "Event",
    "Expression",
    "Facts",
    "Failure",
    "FailureKind",
    "Fenced",
    "Figures",
    "Finding",
    "Finish",
    "Flow",
    "FlowOptions",
    "Gate",
    "Gates",
    "Gather",
    "Guarantees",
    "HostStream",
    "Instant",
    "Io",
    "Latch",
    "LayerSite",
    "LayerUse",
    "Lens",
    "Listener",
    "Message",
    "ModelOptions",
    "ModelSpeaker",
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
    "Purpose",
    "Random",
    "Rating",
    "RegisterAgent",
    "RegisterFlow",
    "RegisterLayer",
    "RegisterScorer",
    "RegisterSignal",
    "RegisterStore",
    "Reply",
    "Request",
    "RequestBracket",
    "RequestError",
    "RequestLayer",
    "Retry",
    "Rule",
    "Run",
    "Score",
    "Scorer",
    "ScorerOptions",
    "Setting",
    "Settled",
    "Shared",
    "Signal",
    "Site",
    "Sleep",
    "Spawn",
    "Speaker",
    "Store",
    "StoreError",
    "Suspend",
    "SystemClock",
    "Target",
    "Timeouts",
    "ToolCall",
    "Trajectory",
    "Type",
    "Unasked",
    "Unwind",
    "Usage",
    "Verdict",
    "Wait",
    "Weight",
    "Within",
    "access_of",
    "attempts_of",
    "classify",
    "collect",
    "headers_in",
    "hookimpl",
    "joined_tool_calls",
    "leaves_on_purpose",
    "list_of",
    "map_of",
    "nearest",
    "retry_after_in",
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
