"""What the tests' proxy loads beside the policy: keys, a log of what it logs, and a look inside.

It is copied next to the proxy's `config.yaml`, which names it.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

from conductor_mw_litellm.policies import POLICIES
from fastapi import HTTPException, Request
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth
from litellm.proxy.proxy_server import app

LOG: Final = Path("calls.jsonl")
OF_REQUESTS: Final = ("run_asgi", "stream", "conductor", "_wrap_awaitable")
"""What the tasks of a request are called: uvicorn's own, LiteLLM's and ours."""
KEYS: Final[dict[str, dict[str, Any]]] = {
    "sk-master-of-tests": {"user_role": LitellmUserRoles.PROXY_ADMIN},
    "sk-any": {},
    "sk-smart": {"models": ["smart"]},
    "sk-smart-small": {"models": ["smart", "small"]},
    "sk-renamed": {"models": ["gpt-4o", "small"]},
    "sk-team": {"models": ["smart", "small", "large"], "team_id": "t", "team_models": ["small"]},
    "sk-vip": {"team_id": "vip"},
    "sk-books": {"models": ["books"]},
}


async def authenticate(request: Request, api_key: str) -> UserAPIKeyAuth:
    """Give what the proxy knows of a key, as its database would."""
    del request
    if api_key not in KEYS:
        raise HTTPException(401, "unknown key")
    return UserAPIKeyAuth(api_key=api_key, **KEYS[api_key])


class Keeping(CustomLogger):
    """Writes a line for every call that the proxy logs."""

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        del response_obj, start_time, end_time
        told = kwargs["standard_logging_object"]
        line = {
            "model": f"{told['model_group']} {told['model']}",
            "cost": told["response_cost"],
            "tokens": [told["prompt_tokens"], told["completion_tokens"]],
            "key": told["metadata"]["user_api_key_hash"],
        }
        with LOG.open("a") as log:  # noqa: ASYNC230 - one line
            log.write(json.dumps(line) + "\n")


keeping = Keeping()


@app.get("/test/inside")
async def inside() -> dict[str, Any]:
    """Tell what is under way, and what budgets hold."""
    own = asyncio.current_task()
    names = [repr(task) for task in asyncio.all_tasks() if task is not own]
    layer: Any = POLICIES.of("money").layer("budget")
    status = layer.status()
    return {
        "tasks": [name for name in names if any(one in name for one in OF_REQUESTS)],
        "held": sum(one.held.nano for one in status),
        "spent": sum(one.spent.nano for one in status),
    }
