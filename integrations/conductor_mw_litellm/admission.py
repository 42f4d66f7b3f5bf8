"""Who is let in where the proxy has no database of keys: who shows the master key, and nobody else.

LiteLLM looks every other key up in its database. Without one it answers a wrong key with 400 and no
key with 500 and a traceback; clients know what 401 means.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

SETTINGS: Final[Mapping[str, Any]] = {
    "custom_auth": f"{__name__}.only_the_master_key",
    "custom_auth_run_common_checks": True,  # all else that LiteLLM asks of a request holds
    "trusted_proxy_ranges": [],  # of who signs in to the web pages: without a database nobody can
}
"""For a proxy's `general_settings`."""
_DATABASE: Final = ("database_url", "database_args", "enable_jwt_auth", "enable_oauth2_auth")
_NAME: Final = "litellm_proxy_master_key"
"""What LiteLLM calls the master key where it must not show it."""


def needed(general: Mapping[str, Any], env: Mapping[str, str]) -> bool:
    """Say whether nobody else decides who is let in: no database, and no way of the user's own."""
    own = any(key.startswith("custom_auth") or key in _DATABASE for key in general)
    return not own and "DATABASE_URL" not in env


async def only_the_master_key(request: Any, api_key: str) -> Any:
    """Let in who shows the master key, in whatever header LiteLLM reads keys from.

    Raises:
        HTTPException: 401, for everybody else.
    """
    from fastapi import HTTPException
    from litellm.proxy import proxy_server
    from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth

    del request
    shown = (api_key or "").removeprefix("Bearer ").encode("utf-8", "replace")
    key: str = proxy_server.master_key or ""
    if not key or not secrets.compare_digest(shown, key.encode("utf-8", "replace")):
        raise HTTPException(401, "This key is not the server's. Show LITELLM_MASTER_KEY's value.")
    return UserAPIKeyAuth(
        api_key=_NAME,
        user_role=LitellmUserRoles.PROXY_ADMIN,
        user_id=proxy_server.litellm_proxy_admin_name,
    )
