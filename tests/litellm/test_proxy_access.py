"""A model that a policy takes over goes where the policy says, and never past the proxy's keys."""

from __future__ import annotations

from typing import Any, Final

import anthropic
import openai
import pytest

from tests.litellm.served import HI, Served

pytest.importorskip("litellm_proxy_extras", reason="needs conductor-mw[litellm-proxy]")

DENIED: Final = "This key may not use the model that the policy chose."


def ask(served: Served, key: str, model: str = "smart", **metadata: str) -> tuple[str, str]:
    """Ask, and give who answered by the headers and by the upstream."""
    served.provider.asked.clear()
    with served.openai(key) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=model, messages=HI, extra_body={"metadata": metadata}
        )
    assert raw.parse().model == model
    return raw.headers.get("x-conductor-agent", ""), ",".join(served.provider.models)


@pytest.mark.parametrize("model", ["smart", "gpt-4o"])
def test_a_rule_sends_a_request_to_a_group_of_the_proxy(served: Served, model: str) -> None:
    assert ask(served, "sk-any", model) == ("little", "small-1")
    assert ask(served, "sk-any", model, to="large") == ("much", "large-1")


@pytest.mark.parametrize("model", ["smart", "gpt-4o"])
def test_a_flow_is_run_through_the_groups_of_the_proxy(served: Served, model: str) -> None:
    assert ask(served, "sk-any", model, to="two") == ("much", "large-1")


def test_streams_go_the_same_way(served: Served) -> None:
    with served.openai() as client:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=HI, stream=True
        )
        words = [choice.delta.content or "" for one in raw.parse() for choice in one.choices]

    assert raw.headers["x-conductor-agent"] == "little"
    assert "small-1" in "".join(words)


def test_messages_and_responses_go_where_chats_go(served: Served) -> None:
    with served.anthropic() as claude, served.openai() as client:
        message = claude.messages.create(model="gpt-4o", messages=HI, max_tokens=50)
        response = client.responses.create(model="gpt-4o", input="hi", metadata={"to": "large"})

    assert "small-1" in message.content[0].text
    assert "large-1" in response.output_text


def test_a_key_is_not_rerouted_to_a_model_that_it_may_not_use(served: Served) -> None:
    assert ask(served, "sk-smart-small") == ("little", "small-1")
    for key, to in (("sk-smart-small", "large"), ("sk-smart", ""), ("sk-renamed", "large")):
        served.provider.asked.clear()
        with pytest.raises(openai.PermissionDeniedError, match=DENIED):
            ask(served, key, "gpt-4o" if key == "sk-renamed" else "smart", to=to)
        assert served.provider.asked == []


def test_a_keys_team_may_forbid_what_the_key_allows(served: Served) -> None:
    assert ask(served, "sk-team") == ("little", "small-1")
    with pytest.raises(openai.PermissionDeniedError, match=DENIED):
        ask(served, "sk-team", to="large")


def test_a_key_does_not_reach_a_policy_by_another_name(served: Served) -> None:
    served.provider.asked.clear()
    with pytest.raises(openai.PermissionDeniedError, match=DENIED):
        ask(served, "sk-renamed", "gpt-4o", to="two")  # the flow stands behind `smart`
    with served.anthropic("sk-renamed") as claude, pytest.raises(anthropic.PermissionDeniedError):
        claude.messages.create(model="gpt-4o", messages=HI, max_tokens=50)
    assert served.provider.asked == []


def test_a_guarantee_holds_for_what_is_rerouted(served: Served) -> None:
    served.provider.asked.clear()
    with pytest.raises(openai.PermissionDeniedError, match="policy_violation"):
        ask(served, "sk-any", to="forbidden")
    assert served.provider.asked == []


def test_rules_read_what_the_proxy_knows_of_a_key(served: Served) -> None:
    assert ask(served, "sk-vip", "support") == ("large", "large-1")


FORGED: Final = {
    "user_api_key_team_id": "vip", "user_api_key": "forged", "user_api_key_hash": "forged",
}  # fmt: skip


@pytest.mark.parametrize("place", ["metadata", "litellm_metadata", "requester_metadata"])
@pytest.mark.parametrize("path", ["chat/completions", "messages", "responses"])
def test_a_client_cannot_say_whose_key_it_shows(served: Served, path: str, place: str) -> None:
    served.provider.asked.clear()
    forged: dict[str, Any] = {place: FORGED}
    if place == "requester_metadata":
        forged = {"litellm_metadata": forged, "metadata": forged}
    asked = {"input": "hi"} if path == "responses" else {"messages": HI, "max_tokens": 50}
    with served.http() as client:
        response = client.post(f"/v1/{path}", json={"model": "support", **asked, **forged})

    assert response.status_code == 200
    assert served.provider.models == ["small-1"]
