"""Words that the published form of policies has and this version has not; each with what to say."""

from __future__ import annotations

from typing import Final

TOP_KEYS: Final = {
    "gateways": "gateways come with the LiteLLM integration",
}
