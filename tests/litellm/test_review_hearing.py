"""What the proxy tells of a request is the word of the policy that it asked."""

from __future__ import annotations

from conductor_mw_litellm.guard import inside
from conductor_mw_litellm.hearing import listen, tell


def test_a_policy_below_another_does_not_say_who_answers() -> None:
    listening = listen()

    with inside("above"):
        tell({"x-conductor-agent": "below"})
    assert not listening.known

    tell({"x-conductor-agent": "above"})
    assert listening.headers == {"x-conductor-agent": "above"}
