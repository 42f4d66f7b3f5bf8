"""What rules are told of a request: the app's words, and the proxy's, which nobody can replace."""

from __future__ import annotations

from conductor_mw_litellm.asking import metadata_of


def test_an_app_says_what_it_likes() -> None:
    assert metadata_of({"metadata": {"tier": "gold"}}) == {"tier": "gold"}
    assert metadata_of({}) == {}


def test_what_a_client_says_reaches_rules_where_the_proxy_keeps_it_apart() -> None:
    params = {"litellm_metadata": {"requester_metadata": {"tier": "gold"}}}

    assert metadata_of(params)["tier"] == "gold"


def test_a_client_cannot_say_what_the_proxy_says() -> None:
    forged = {"user_api_key": "forged", "user_api_key_team_id": "vip"}
    known = {"user_api_key": "hash", "user_api_key_team_id": None}

    for params in (
        {"litellm_metadata": {**known, "requester_metadata": forged}},
        {"litellm_metadata": known, "metadata": forged},
    ):
        told = metadata_of(params)
        assert (told["user_api_key"], told["user_api_key_team_id"]) == ("hash", None)
