"""Whether a key of the proxy may use a model that it did not name itself.

The proxy checks the model that a request names, before any callback runs, and nothing after it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_CHECKS: Final = "litellm.proxy.auth.auth_checks"


async def may_use(key: Any, model: str, router: Any) -> bool:
    """Ask the proxy's own access control: the key's models, its team's and its project's.

    Whatever goes wrong counts as no.

    Args:
        key: the proxy's `UserAPIKeyAuth`.
        model: the name of a model group.
        router: the proxy's Router.
    """
    checks: Any = import_module(_CHECKS)
    models: Any = router.get_model_list() or []
    asked: dict[str, Any] = {
        "model": model, "llm_model_list": models, "valid_token": key, "llm_router": router,
    }  # fmt: skip
    try:
        if hasattr(checks, "can_key_call_resolved_model"):
            await checks.can_key_call_resolved_model(**asked)
            return True
        await checks.can_key_call_model(**asked)
        if key.team_id is None:
            return True
        team: Any = import_module("litellm.proxy._types").LiteLLM_TeamTable(
            team_id=key.team_id, models=key.team_models
        )
        await checks.can_team_access_model(
            model=model, team_object=team, llm_router=router,
            team_model_aliases=key.team_model_aliases,
        )  # fmt: skip
    except Exception:  # noqa: BLE001 - a check that failed has allowed nothing
        return False
    return True
