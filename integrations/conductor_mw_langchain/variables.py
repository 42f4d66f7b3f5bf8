"""The environment variables that attach a policy to an app; reading them loads no LangChain."""

from __future__ import annotations

from typing import Final

POLICY: Final = "CONDUCTOR_LANGCHAIN_POLICY"
"""Names the policy file; while it is set, every LangChain call of the process is attended."""
UNKNOWN: Final = "CONDUCTOR_LANGCHAIN_UNKNOWN"
"""Says what happens to calls of models that no agent stands for: `refuse` or `allow`."""
