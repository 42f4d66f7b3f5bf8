"""LiteLLM, imported when it is first used, without asking the network for a price list."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from conductor_mw import ConductorError


@cache
def litellm() -> Any:
    """Give the module.

    Raises:
        ConductorError: it is not installed.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        import litellm as found
    except ImportError as error:
        raise ConductorError(
            "LiteLLM is not installed", mend="pip install 'conductor-mw[litellm]'"
        ) from error
    return found
