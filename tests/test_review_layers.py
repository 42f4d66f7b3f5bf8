"""What a hostile reader of the production layers tried, and what must hold against it."""

from __future__ import annotations

from typing import Any

import pytest

from conductor_mw import Conductor
from conductor_mw.testing import WAYS, Way, ask

KEY = "ghp_pLIix6MEOLeMa61EqJomTEI1JEzO3joOj37H"
ADA = "ada@example.org"
ONE = "agents: [{id: a}]\nrouting: {default: a}\nplugins: "


def choices(*texts: str) -> dict[str, Any]:
    """Give an answer with several choices."""
    said = [{"role": "assistant", "content": text} for text in texts]
    return {
        "choices": [
            {"index": at, "message": one, "finish_reason": "stop"} for at, one in enumerate(said)
        ]
    }


@pytest.mark.parametrize("action", ["refuse", "redact"])
@pytest.mark.parametrize("way", WAYS)
def test_no_second_choice_carries_past_the_guard_what_the_first_may_not(
    way: Way, action: str
) -> None:
    policy = f"{ONE}{{guard: {{output: {{secrets: true, action: {action}}}}}}}"
    c = Conductor.from_text(policy, agents={"a": lambda _: choices("fine", f"the key {KEY} here")})

    answer = ask(c, "hello", way=way)

    assert answer.text == "fine"
    assert KEY not in repr(answer.native)


def test_no_streamed_choice_carries_past_the_guard_what_the_first_may_not() -> None:
    def agent(_: object) -> Any:
        for at, text in ((0, "fine"), (1, f"the key {KEY} here"), (0, " indeed")):
            yield {"choices": [{"index": at, "delta": {"content": text}}]}

    policy = ONE + "{guard: {output: {secrets: true}}}"
    c = Conductor.from_text(policy, agents={"a": agent})

    assert KEY not in repr([part.native for part in c.stream("hello")])
