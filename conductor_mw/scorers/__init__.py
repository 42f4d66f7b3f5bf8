"""The ways to score an answer that come with the core, one file each, offered like a stranger's."""

from __future__ import annotations

from conductor_mw.hookspecs import RegisterScorer, hookimpl

from .agree_with import AgreeWithOptions
from .asked import AskedOptions
from .confidence import ConfidenceOptions
from .json_output import JsonSchemaOptions, ValidJsonOptions
from .judge import JudgeOptions
from .length import LengthOptions
from .not_refusal import NotRefusalOptions
from .regex import RegexOptions
from .worker import WorkerScoreOptions


@hookimpl
def conductor_scorers(register: RegisterScorer) -> None:
    """Offer the core's scorers."""
    register("agree_with", AgreeWithOptions)
    register("confidence", ConfidenceOptions)
    register("json_schema", JsonSchemaOptions)
    register("judge", JudgeOptions)
    register("length", LengthOptions)
    register("not_refusal", NotRefusalOptions)
    register("regex", RegexOptions)
    register("use", AskedOptions)
    register("valid_json", ValidJsonOptions)
    register("worker", WorkerScoreOptions)
