"""What the proxy's access control says holds, in every release and whatever goes wrong with it.

How the installed release judges keys is tested through a proxy that runs, in `test_proxy_access`.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from conductor_mw_litellm.access import may_use

Check = Callable[..., Awaitable[object]]


class Router:
    """A Router with a group or two."""

    def get_model_list(self) -> list[object]:
        return []


def allowing(*models: str) -> Check:
    """Give a check that lets some models through and says no as LiteLLM does."""

    async def check(*, model: str, **_: object) -> object:
        if model not in models:
            raise PermissionError(f"no access to {model}")
        return True

    return check


async def look_up(**_: object) -> object:
    return SimpleNamespace(models=["small"])


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the proxy's modules be those of a release that has these functions."""

    def has(*, database: object = None, **checks: Check) -> None:
        server = SimpleNamespace(
            prisma_client=database, user_api_key_cache=None, proxy_logging_obj=None
        )
        types = SimpleNamespace(LiteLLM_TeamTable=SimpleNamespace)
        for name, module in (
            ("auth.auth_checks", SimpleNamespace(**checks)),
            ("proxy_server", server),
            ("_types", types),
        ):
            monkeypatch.setitem(sys.modules, f"litellm.proxy.{name}", module)

    return has


def key(**more: Any) -> Any:
    return SimpleNamespace(**{
        "team_id": None, "team_models": [], "team_model_aliases": None, "user_id": None,
        "user_role": None, **more,
    })  # fmt: skip


async def test_a_key_may_use_what_the_proxy_says(release: Callable[..., None]) -> None:
    release(can_key_call_resolved_model=allowing("small"))

    assert await may_use(key(), "small", Router())
    assert not await may_use(key(), "large", Router())


async def test_a_check_that_breaks_allows_nothing(
    release: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(**_: object) -> object:
        raise ConnectionError("no database")

    release(can_key_call_resolved_model=broken)

    assert not await may_use(key(), "small", Router())
    assert "no database" in caplog.text


async def test_a_release_without_any_check_allows_nothing(release: Callable[..., None]) -> None:
    release()

    assert not await may_use(key(), "small", Router())


async def test_an_older_release_looks_at_the_key_and_at_its_team(
    release: Callable[..., None],
) -> None:
    release(can_key_call_model=allowing("small", "large"), can_team_access_model=allowing("small"))

    assert await may_use(key(), "large", Router())
    assert await may_use(key(team_id="t"), "small", Router())
    assert not await may_use(key(team_id="t"), "large", Router())


async def test_the_models_of_a_user_hold_for_the_users_own_keys(
    release: Callable[..., None],
) -> None:
    release(
        database=object(),
        can_key_call_resolved_model=allowing("small", "large"),
        get_user_object=look_up,
        can_user_call_model=allowing("small"),
    )

    assert await may_use(key(user_id="u"), "small", Router())
    assert not await may_use(key(user_id="u"), "large", Router())
    assert await may_use(key(user_id="u", user_role="proxy_admin"), "large", Router())
    assert await may_use(key(user_id="u", team_id="t"), "large", Router())  # its team's models hold
