"""Whether a key of the proxy may use a model that it did not name itself.

The proxy checks the model that a request names, before any callback runs, and nothing after it.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any, Final

_CHECKS: Final = "litellm.proxy.auth.auth_checks"
_SERVER: Final = "litellm.proxy.proxy_server"
_TYPES: Final = "litellm.proxy._types"
_ADMIN: Final = "proxy_admin"
_LOG: Final = logging.getLogger(__name__)


async def may_use(key: Any, model: str, router: Any) -> bool:
    """Ask the proxy's own access control: the models of the key, its team, project and user.

    Whatever goes wrong counts as no.

    Args:
        key: the proxy's `UserAPIKeyAuth`.
        model: the name of a model group.
        router: the proxy's Router.
    """
    try:
        await _check_key(key, model, router)
        await _check_user(key, model, router)
    except Exception as error:  # noqa: BLE001 - a check that failed has allowed nothing
        _LOG.warning("conductor: a key is not rerouted to %r: %s", model, error)
        return False
    return True


async def _check_key(key: Any, model: str, router: Any) -> None:
    checks: Any = import_module(_CHECKS)
    models: Any = router.get_model_list() or []
    asked: dict[str, Any] = {
        "model": model, "llm_model_list": models, "valid_token": key, "llm_router": router,
    }  # fmt: skip
    if hasattr(checks, "can_key_call_resolved_model"):
        await checks.can_key_call_resolved_model(**asked)
        return
    # What releases before it do when they look at a key.
    await checks.can_key_call_model(**asked)
    if key.team_id is not None:
        team: Any = import_module(_TYPES).LiteLLM_TeamTable(
            team_id=key.team_id, models=key.team_models
        )
        await checks.can_team_access_model(
            model=model, team_object=team, llm_router=router,
            team_model_aliases=key.team_model_aliases,
        )  # fmt: skip


async def _check_user(key: Any, model: str, router: Any) -> None:
    """Look at the models of the user whose own key it is; no release does so for such a model."""
    server: Any = import_module(_SERVER)
    if key.user_id is None or key.team_id is not None or key.user_role == _ADMIN:
        return
    if server.prisma_client is None:
        return  # without a database the proxy knows no users
    checks: Any = import_module(_CHECKS)
    user: Any = await checks.get_user_object(
        user_id=key.user_id, prisma_client=server.prisma_client,
        user_api_key_cache=server.user_api_key_cache, user_id_upsert=False,
        proxy_logging_obj=server.proxy_logging_obj,
    )  # fmt: skip
    await checks.can_user_call_model(model=model, llm_router=router, user_object=user)
