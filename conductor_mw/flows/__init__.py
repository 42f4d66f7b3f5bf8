"""The strategies that come with the core, one file each, offered like a stranger's."""

from __future__ import annotations

from conductor_mw.hookspecs import RegisterFlow, hookimpl

from .balance import BalanceOptions
from .cascade import CascadeOptions
from .choose import ChooseOptions
from .fallback import FallbackOptions
from .sequence import SequenceOptions
from .use import UseOptions
from .parallel import ParallelOptions


@hookimpl
def conductor_flows(register: RegisterFlow) -> None:
    """Offer the core's strategies."""
    register("balance", BalanceOptions)
    register("cascade", CascadeOptions)
    register("choose", ChooseOptions)
    register("fallback", FallbackOptions)
    register("sequence", SequenceOptions)
    register("use", UseOptions)
    register("parallel", ParallelOptions)
