"""The names of OpenTelemetry's GenAI conventions, by version: constants of our own.

The conventions are in development and move; Python's package for them deprecates names faster than
back ends learn new ones. So a switch chooses, and the names stand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Version = Literal["latest", "v1.36"]


@dataclass(frozen=True, slots=True)
class Names:
    """The attributes of one version; an empty name is one that the version does not have."""

    provider: str
    cache_read: str
    reasoning: str
    first_chunk: str
    operation: str = "gen_ai.operation.name"
    request_model: str = "gen_ai.request.model"
    temperature: str = "gen_ai.request.temperature"
    max_tokens: str = "gen_ai.request.max_tokens"
    response_model: str = "gen_ai.response.model"
    finish_reasons: str = "gen_ai.response.finish_reasons"
    input_tokens: str = "gen_ai.usage.input_tokens"
    output_tokens: str = "gen_ai.usage.output_tokens"


NAMES: Final[dict[Version, Names]] = {
    "latest": Names(
        provider="gen_ai.provider.name",
        cache_read="gen_ai.usage.cache_read.input_tokens",
        reasoning="gen_ai.usage.reasoning.output_tokens",
        first_chunk="gen_ai.response.time_to_first_chunk",
    ),
    "v1.36": Names(provider="gen_ai.system", cache_read="", reasoning="", first_chunk=""),
}

ERROR_TYPE: Final = "error.type"
OTHER_ERROR: Final = "_OTHER"

RUN: Final = "conductor.run"
RUN_ID: Final = "conductor.run.id"
AGENT: Final = "conductor.agent"
AGENT_FINGERPRINT: Final = "conductor.agent.fingerprint"
RULE: Final = "conductor.rule"
TARGET: Final = "conductor.target"
FINGERPRINT: Final = "conductor.fingerprint"
PATH: Final = "conductor.path"
NUMBER: Final = "conductor.attempt"
PURPOSE: Final = "conductor.purpose"
BY: Final = "conductor.by"
REPLICA: Final = "conductor.replica"
ATTEMPTS: Final = "conductor.attempts"
LABEL: Final = "conductor.label"
CUT: Final = "conductor.cut"
REFUSED: Final = "conductor.refused"
COST: Final = "conductor.cost.amount"
CURRENCY: Final = "conductor.cost.currency"

PROVIDERS: Final = {
    "openai": "openai",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "anthropic": "anthropic",
    "bedrock": "aws.bedrock",
    "vertex_ai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "groq": "groq",
    "perplexity": "perplexity",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""LiteLLM's names of providers, and the conventions'. Others keep LiteLLM's."""

FINISHES: Final = {"tool_calls": "tool_calls", "refusal": "content_filter", "cut": "cancelled"}
"""Our words for why an answer stopped, where the usual ones differ."""
