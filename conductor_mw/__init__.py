"""The public door. What is not named here may change without notice."""

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
    Suspend,
    Unwind,
    nearest,
)
from .events import Event
from .failures import classify
from .flows.base import At, Flow, FlowOptions, Site, Target
from .hookspecs import (
    AttemptLayer,
    RegisterAgent,
    RegisterFlow,
    RegisterLayer,
    RegisterSignal,
    RegisterStore,
    RequestLayer,
    hookimpl,
)
from .layers import Setting
from .lenses.chat import ChatLens, to_request
from .money import Money, Price
from .parts import Finish, Outcome, Part, Parts, ToolCall, Usage
from .plugins import Plugins
from .policy import Policy
from .request import Lens, Message, Request, Weight
from .run import Run, attempts_of
from .signals import Facts, Signal
from .stores.base import Store

__all__ = [
    "FAILURE_KINDS",
    "Agent",
    "AgentOptions",
    "Answer",
    "AsyncPartStream",
    "At",
    "Attempt",
    "AttemptLayer",
    "Attempted",
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
    "Gather",
    "HostStream",
    "Instant",
    "Io",
    "Latch",
    "Lens",
    "Message",
    "Money",
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
    "RegisterSignal",
    "RegisterStore",
    "Request",
    "RequestError",
    "RequestLayer",
    "Retry",
    "Run",
    "Setting",
    "Settled",
    "Signal",
    "Site",
    "Sleep",
    "Speaker",
    "Store",
    "Suspend",
    "SystemClock",
    "Target",
    "Timeouts",
    "ToolCall",
    "Unwind",
    "Usage",
    "Wait",
    "Weight",
    "attempts_of",
    "classify",
    "hookimpl",
    "nearest",
    "to_request",
]
