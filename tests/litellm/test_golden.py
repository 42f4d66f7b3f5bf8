"""Every golden decision comes out byte for byte through LiteLLM's SDK and through its Router."""

from __future__ import annotations

from typing import Any, cast

import litellm
import pytest
from litellm.exceptions import PermissionDeniedError
from litellm.utils import custom_llm_setup

from tests.litellm.deciding import REFUSED, calls, expected, provider

pytestmark = pytest.mark.usefixtures("litellm_loop")


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What was decided of each vector."""
    found: dict[str, str] = {}
    offered: Any = {"provider": "conductor", "custom_handler": provider(found.__setitem__)}
    monkeypatch.setattr(litellm, "custom_provider_map", [offered])
    setup: Any = custom_llm_setup
    setup()  # the oldest releases know a provider only from the first call on
    return found


@pytest.fixture(params=["SDK", "Router"])
def host(request: pytest.FixtureRequest, decisions: dict[str, str]) -> tuple[Any, str]:
    """What is called, and how the policy is named there."""
    del decisions  # only before: a Router asks at once who knows its models
    if request.param == "SDK":
        return litellm, "conductor/golden"
    golden = {"model_name": "golden", "litellm_params": {"model": "conductor/golden"}}
    return cast("Any", litellm).Router(model_list=[golden], num_retries=0), "golden"


@pytest.mark.parametrize(("host", "stream"), [("SDK", False), ("Router", True)], indirect=["host"])
def test_sync_calls_decide_byte_for_byte(
    host: tuple[Any, str], stream: bool, decisions: dict[str, str]
) -> None:
    surface, model = host
    refused = 0
    for call in calls().values():
        try:
            opened = surface.completion(model=model, **call, **_streaming(stream))
            list(opened)
        except PermissionDeniedError:
            refused += 1

    assert decisions == expected()
    assert refused == REFUSED


@pytest.mark.parametrize(("host", "stream"), [("SDK", True), ("Router", False)], indirect=["host"])
async def test_async_calls_decide_byte_for_byte(
    host: tuple[Any, str], stream: bool, decisions: dict[str, str]
) -> None:
    surface, model = host
    refused = 0
    for call in calls().values():
        try:
            opened = await surface.acompletion(model=model, **call, **_streaming(stream))
            if stream:
                [chunk async for chunk in opened]
        except PermissionDeniedError:
            refused += 1

    assert decisions == expected()
    assert refused == REFUSED


def _streaming(stream: bool) -> dict[str, Any]:
    return {"stream": True} if stream else {}
