"""The ways to score an answer that come with the core, one file each, offered like a stranger's."""

from __future__ import annotations

from conductor_mw.hookspecs import RegisterScorer, hookimpl

from .asked import AskedOptions
from .length import LengthOptions
from .not_refusal import NotRefusalOptions


@hookimpl
def conductor_scorers(register: RegisterScorer) -> None:
    """Offer the core's scorers."""
    register("length", LengthOptions)
    register("not_refusal", NotRefusalOptions)
    register("use", AskedOptions)
