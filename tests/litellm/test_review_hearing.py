"""What the proxy tells of a request is the word of the policy that it asked."""

from __future__ import annotations

from contextvars import copy_context

from conductor_mw_litellm.guard import inside
from conductor_mw_litellm.hearing import listen, tell


def told() -> None:
    listening = listen()

    with inside("above"):
        tell({"x-conductor-agent": "below"})
    assert not listening.known

    tell({"x-conductor-agent": "above"})
    assert listening.headers == {"x-conductor-agent": "above"}


def test_a_policy_below_another_does_not_say_who_answers() -> None:
    copy_context().run(told)  # so that no other test is heard
