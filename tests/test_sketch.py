"""The sketch of a whole policy, with every room of the house in it, loads and runs simulated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_mw import Conductor, Failure
from conductor_mw.testing import WAYS, Scripted, Way, ask

SKETCH = Path(__file__).with_name("sketch.yaml")


@pytest.fixture
def conductor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Conductor]:
    monkeypatch.chdir(tmp_path)  # the audit's file has a relative path
    made = Conductor(SKETCH, simulate=True, seed=1, env={})
    yield made
    made.close()


def test_every_layer_of_the_sketch_is_at_work(conductor: Conductor) -> None:
    assert [use.name for use in conductor.policy.layers] == [
        *("audit", "guard", "cache", "budget", "breaker"),
    ]
    assert {one.code for one in conductor.policy.warnings} <= {
        *("unused-agent", "unused-flow", "unknown-price", "gates-in-memory", "layer"),
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("prompt", "target"),
    [
        ("Write to ana@example.com about her order.", "private"),
        ("When do you open?", "triage"),
        ("Prove step by step that there are infinitely many primes. " * 6, "careful"),
    ],
    ids=["pii", "short", "reasoning"],
)
def test_a_request_goes_where_the_sketch_says(
    conductor: Conductor, prompt: str, target: str, way: Way
) -> None:
    answer = ask(conductor, prompt, way=way, metadata={"tenant": "acme"})

    assert answer.decision.target == target
    assert answer.text


@pytest.mark.parametrize("way", WAYS)
def test_personal_data_reaches_approved_agents_only(conductor: Conductor, way: Way) -> None:
    with pytest.raises(Failure) as caught:
        ask(
            conductor, "Pay DE89 3704 0044 0532 0130 00.", way=way, target="deep-think",
            metadata={"tenant": "acme"},
        )  # fmt: skip

    assert caught.value.kind == "policy_violation"


@pytest.mark.parametrize("way", WAYS)
def test_a_named_flow_of_the_sketch_runs_to_its_end(conductor: Conductor, way: Way) -> None:
    # Without a bound on the answer its worst case is dearer than `at_most` allows.
    answer = ask(
        conductor, "Refund order 17.", way=way, target="refund", metadata={"tenant": "acme"},
        max_tokens=500,
    )  # fmt: skip

    assert [one.agent for one in answer.attempts] == ["deep-think", "leads", "mailer"]


@pytest.mark.parametrize("way", WAYS)
def test_what_the_budget_refuses_a_simulated_agent_answers_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SKETCH.read_text(encoding="utf-8").replace(
        "dollars: 20, every", "dollars: 0.0001, every"
    )
    agents = {name: Scripted("dear") for name in ("triage", "deep-think", "private")}
    c = Conductor.from_text(text, agents=agents, seed=1, env={})

    answer = ask(c, "When do you open?", way=way, metadata={"tenant": "acme"})
    c.close()

    assert answer.text == "We are on it."
    assert [(one.agent, one.kind) for one in answer.attempts] == [
        ("triage", "budget"),
        ("fast", None),
    ]
