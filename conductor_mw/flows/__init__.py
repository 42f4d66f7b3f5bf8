"""The strategies that come with the core, one file each, offered like a stranger's."""

from __future__ import annotations

from conductor_mw.hookspecs import RegisterFlow, hookimpl

from .balance import BalanceOptions
from .cascade import CascadeOptions
from .choose import ChooseOptions
from .fallback import FallbackOptions


@hookimpl
def conductor_flows(register: RegisterFlow) -> None:
    """Offer the core's strategies."""
    register("balance", BalanceOptions)
    register("cascade", CascadeOptions)
    register("choose", ChooseOptions)
    register("fallback", FallbackOptions)
