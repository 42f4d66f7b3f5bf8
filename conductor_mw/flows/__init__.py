"""The strategies that come with the core, one file each, offered like a stranger's."""

from __future__ import annotations

from conductor_mw.hookspecs import RegisterFlow, hookimpl

from .balance import BalanceOptions
from .cascade import CascadeOptions
from .choose import ChooseOptions
from .consensus import ConsensusOptions
from .fallback import FallbackOptions
from .for_each import ForEachOptions
from .parallel import ParallelOptions
from .pick import PickOptions
from .repeat import RepeatOptions
from .sequence import SequenceOptions
from .use import UseOptions


@hookimpl
def conductor_flows(register: RegisterFlow) -> None:
    """Offer the core's strategies."""
    register("balance", BalanceOptions)
    register("cascade", CascadeOptions)
    register("choose", ChooseOptions)
    register("consensus", ConsensusOptions)
    register("fallback", FallbackOptions)
    register("for_each", ForEachOptions)
    register("parallel", ParallelOptions)
    register("pick", PickOptions)
    register("repeat", RepeatOptions)
    register("sequence", SequenceOptions)
    register("use", UseOptions)
