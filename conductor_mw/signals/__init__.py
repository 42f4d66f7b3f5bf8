"""Signals: typed facts about a request that conditions read.

The built-in ones are a plugin like any other: `conductor_signals` below offers them.
"""

from __future__ import annotations

from conductor_mw.hookspecs import RegisterSignal, hookimpl

from .builtin import agent_signals, builtin_signals, env_signal, policy_signals, time_signals
from .registry import AgentState, Facts, Idle, LiveState, Signal
from .tokens import TokenCounter, input_tokens, token_counter

__all__ = [
    "AgentState",
    "Facts",
    "Idle",
    "LiveState",
    "Signal",
    "TokenCounter",
    "agent_signals",
    "builtin_signals",
    "env_signal",
    "input_tokens",
    "policy_signals",
    "time_signals",
    "token_counter",
]


@hookimpl
def conductor_signals(register: RegisterSignal) -> None:
    """Offer the built-in signals."""
    for signal in builtin_signals():
        register(signal)
