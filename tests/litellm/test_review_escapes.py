"""A client of the proxy does not get past the policy that answers for a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.litellm.served import HI, Served

pytest.importorskip("litellm_proxy_extras", reason="needs conductor-mw[litellm-proxy]")


def post(
    served: Served, path: str = "chat/completions", key: str = "sk-any", **body: Any
) -> httpx.Response:
    served.provider.asked.clear()
    with served.http(key) as client:
        said = {"prompt": "hi"} if path == "completions" else {"messages": HI}
        return client.post(f"/v1/{path}", json={**said, "max_tokens": 50, **body})


def ids(served: Served) -> Mapping[str, str]:
    with served.http("sk-master-of-tests") as client:
        found = client.get("/v1/model/info").json()["data"]
    return {one["model_name"]: one["model_info"]["id"] for one in found}


@pytest.mark.parametrize("model", ["support", "smart", "gpt-4o"])
@pytest.mark.parametrize(
    "escape",
    [
        {"custom_llm_provider": "openai"},
        {"deployment_id": "other"},
        {"azure": True},
        {"context_window_fallback_dict": {"conductor/main": "openai/other"}},
    ],
)
def test_a_client_cannot_name_another_provider(
    served: Served, model: str, escape: dict[str, Any]
) -> None:
    response = post(served, model=model, **escape)

    assert response.status_code == 400
    assert "may not set" in response.text
    assert served.provider.asked == []


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "gpt-4o,journal"},
        {"model": "journal, gpt-4o", "fastest_response": True},
        {"model": "journal", "fallbacks": ["gpt-4o"]},
        {"model": "support", "fallbacks": [{"support": ["gpt-4o"]}]},
    ],
)
def test_a_model_that_is_taken_over_is_asked_for_by_itself(
    served: Served, asked: dict[str, Any]
) -> None:
    response = post(served, **asked)

    assert response.status_code == 400
    assert served.provider.asked == []


def test_the_id_of_a_deployment_is_a_name_of_its_group(served: Served) -> None:
    found = ids(served)

    response = post(served, model=found["gpt-4o"])
    assert response.headers["x-conductor-agent"] == "little"
    assert served.provider.models == ["small-1"]

    for model in (found["support"], "conductor/main"):
        post(served, model=model, metadata={"to": "limited"})
        assert served.provider.models == ["limited-1"]  # once, as by the group's own name


@pytest.mark.parametrize("stream", [False, True])
def test_text_completions_are_taken_over_as_chats_are(served: Served, stream: bool) -> None:
    response = post(served, "completions", model="gpt-4o", stream=stream)

    assert response.status_code == 200
    assert served.provider.models == ["small-1"]
    assert response.headers["x-conductor-agent"] == "little"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("key", ["sk-smart", "sk-smart-small"])
def test_a_flow_reaches_no_group_that_its_key_may_not_use(
    served: Served, key: str, stream: bool
) -> None:
    response = post(served, key=key, model="smart", stream=stream, metadata={"to": "two"})

    assert response.status_code == 403
    assert "large" not in response.text
    assert served.provider.asked == []


def test_who_may_ask_for_a_policy_may_have_what_it_asks(served: Served) -> None:
    assert post(served, key="sk-books", model="books").status_code == 200
    assert served.provider.models == ["ledger-1", "journal-1"]


@pytest.mark.parametrize("stream", [False, True])
def test_no_error_shows_a_client_the_proxys_code(served: Served, stream: bool) -> None:
    response = post(served, model="support", messages="no messages", stream=stream)

    assert "server_error: The request could not be answered." in response.text
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    assert "has no attribute" in served.proxy.log
