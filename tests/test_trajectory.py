"""The later calls of a trajectory keep the rule and the agent, and nothing is passed by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from conductor_mw import Answer, Conductor, Failure, FailureKind, Request, Trajectory
from conductor_mw.errors import PolicyError
from conductor_mw.policy import load

AGENTS = "agents: [{id: small}, {id: large}, {id: spare}]\n"


@dataclass(slots=True)
class Crew:
    """Three agents; those named in `down` fail with that kind."""

    down: dict[str, FailureKind] = field(default_factory=dict[str, FailureKind])
    asked: list[str] = field(default_factory=list[str])

    def bound(self) -> Mapping[str, Callable[[Request], str]]:
        def speaker(name: str) -> Callable[[Request], str]:
            def speak(request: Request) -> str:
                self.asked.append(name)
                if name in self.down:
                    raise Failure(self.down[name], "down", agent=name)
                return f"{name}: {request.text}"

            return speak

        return {name: speaker(name) for name in ("small", "large", "spare")}


def conductor(routing: str, crew: Crew, more: str = "") -> Conductor:
    return Conductor.from_text(f"{AGENTS}{more}routing: {routing}\n", agents=crew.bound(), seed=1)


def goes_on(c: Conductor, answer: Answer, text: str = "go on") -> Answer:
    """The next call of the same trajectory; what is kept was stored as plain data in between."""
    assert answer.trajectory is not None
    return c.call(text, trajectory=Trajectory(**asdict(answer.trajectory)))


def test_a_rule_that_no_longer_holds_is_kept() -> None:
    crew = Crew()
    routing = (
        """{rules: [{id: short, condition: "input.chars < 6", target: small}], default: large}"""
    )
    c = conductor(routing, crew)

    first = c.call("short")
    second = goes_on(c, first, "a long text")

    assert (first.agent, second.agent) == ("small", "small")
    assert (second.decision.rule, second.decision.kept) == ("short", True)
    assert second.decision.to_dict()["kept"] is True
    assert c.call("a long text").agent == "large"


def test_decide_call_asks_the_rules_every_time() -> None:
    crew = Crew()
    routing = (
        """{rules: [{condition: "input.chars < 6", target: small}], default: large, decide: call}"""
    )
    c = conductor(routing, crew)

    assert goes_on(c, c.call("short"), "a long text").agent == "large"


def test_another_version_of_the_policy_decides_anew() -> None:
    crew = Crew()
    before = conductor("{default: small}", crew).call("hi")

    after = conductor("{default: {fallback: [large, small]}}", crew)
    assert goes_on(after, before).agent == "large"


@pytest.mark.parametrize(
    "flow",
    [
        "{fallback: [small, large]}",
        "{cascade: [small, large], accept: 'answer.chars > 0'}",
        "{fallback: [{fallback: [small, large]}, spare]}",
    ],
)
def test_who_answered_after_a_failure_goes_on(flow: str) -> None:
    crew = Crew({"small": "timeout"})
    c = conductor(f"{{default: {flow}}}", crew)
    first = c.call("hi")
    del crew.down["small"], crew.asked[:]

    second = goes_on(c, first)

    assert (first.agent, second.agent, crew.asked) == ("large", "large", ["large"])


def test_paths_are_those_of_the_definition() -> None:
    crew = Crew({"small": "timeout"})
    c = conductor("{default: careful}", crew, "flows: {careful: {fallback: [small, large]}}\n")
    first = c.call("hi")

    second = goes_on(c, first)

    assert [one.path for one in second.attempts] == ["careful/fallback/1/large"]
    assert second.attempts[0].path == first.attempts[1].path


@pytest.mark.parametrize(
    "flow", ["{balance: {small: 1, large: 1}}", "{pick: [small, large], minimise: latency}"]
)
def test_a_choice_is_made_once(flow: str) -> None:
    crew = Crew()
    c = conductor(f"{{default: {flow}}}", crew)
    answer = c.call("hi")

    for _ in range(8):
        answer, before = goes_on(c, answer), answer
        assert answer.agent == before.agent


def test_the_best_of_several_goes_on_alone() -> None:
    crew = Crew()
    flow = "{parallel: [small, large], take: best, score: {regex: large}}"
    c = conductor(f"{{default: {flow}}}", crew)
    first = c.call("hi")
    del crew.asked[:]

    second = goes_on(c, first)

    assert (second.agent, crew.asked) == (first.agent, [first.agent])


def test_what_every_answer_has_to_pass_is_passed_again() -> None:
    crew = Crew()
    flow = "{sequence: [{id: draft, use: small}, {id: check, use: large}]}"
    c = conductor(f"{{default: {{fallback: [{flow}, spare]}}}}", crew)
    first = c.call("hi")
    del crew.asked[:]

    goes_on(c, first)

    assert crew.asked == ["small", "large"]


def test_a_cascade_still_looks_at_every_answer() -> None:
    crew = Crew()
    flow = "{cascade: [small, large, spare], accept: \"!answer.text.contains('large: no')\"}"
    c = conductor(f"{{default: {flow}}}", crew)
    crew.down["small"] = "timeout"
    first = c.call("hi")
    del crew.asked[:]

    second = goes_on(c, first, "no")

    assert (first.agent, second.agent, crew.asked) == ("large", "spare", ["large", "spare"])


def test_a_kept_agent_that_fails_is_followed_as_the_policy_says() -> None:
    crew = Crew({"small": "timeout"})
    c = conductor("{default: {fallback: [small, large]}}", crew)
    first = c.call("hi")
    crew.down = {"large": "rate_limit"}
    del crew.asked[:]

    second = goes_on(c, first)

    assert (second.agent, crew.asked) == ("small", ["large", "small"])
    assert not second.decision.kept
    assert goes_on(c, second).agent == "small"


def test_a_rescue_that_answered_goes_on() -> None:
    crew = Crew({"small": "timeout"})
    c = conductor("{default: small, fallback: {timeout: spare}}", crew)
    first = c.call("hi")
    del crew.down["small"], crew.asked[:]

    assert goes_on(c, first).agent == "spare"
    assert crew.asked == ["spare"]


def test_an_agent_without_a_successor_fails_as_it_is() -> None:
    crew = Crew()
    c = conductor("{default: small}", crew)
    first = c.call("hi")
    crew.down["small"] = "timeout"
    del crew.asked[:]

    with pytest.raises(Failure, match="down"):
        goes_on(c, first)
    assert crew.asked == ["small"]


def test_a_guarantee_ends_the_trajectory_and_the_rules_decide() -> None:
    crew = Crew()
    routing = (
        """{rules: [{condition: "input.text.contains('secret')", target: large}], default: small}"""
    )
    guarantees = (
        "guarantees: [{never: {when: \"input.text.contains('secret')\", agents: [small]}}]\n"
    )
    c = conductor(routing, crew, guarantees)
    first = c.call("hi")
    del crew.asked[:]

    second = goes_on(c, first, "a secret")

    assert (second.agent, crew.asked) == ("large", ["large"])
    assert [one.kind for one in second.attempts] == ["policy_violation", None]


def test_a_trajectory_of_a_forced_call_keeps_nothing() -> None:
    assert conductor("{default: small}", Crew()).call("hi", target="large").trajectory is None


def test_a_policy_that_only_observes_keeps_nothing() -> None:
    def own(request: Request) -> str:
        return request.text

    text = AGENTS + "mode: observe\nrouting: {default: small}\n"
    c = Conductor.from_text(text, agents=Crew().bound(), app=own)

    assert c.call("hi").trajectory is None


@pytest.mark.parametrize("agent", ["nobody", "spare"])
def test_an_agent_that_the_rule_does_not_ask_is_not_kept(agent: str) -> None:
    crew = Crew()
    c = conductor(
        "{default: {fallback: [small, large]}}", crew, "flows: {other: {fallback: [spare]}}\n"
    )
    forged = Trajectory(None, agent, c.policy.fingerprint)

    assert c.call("hi", trajectory=forged).agent == "small"


def test_the_calls_of_a_kept_run_are_bounded() -> None:
    crew = Crew({"small": "timeout"})
    text = AGENTS + (
        "guarantees: [{at_most: {calls: 3}}]\nrouting: {default: {fallback: [small, large]}}\n"
    )
    c = Conductor.from_text(text, agents=crew.bound())
    first = c.call("hi")
    crew.down = {"large": "rate_limit", "small": "timeout"}
    del crew.asked[:]

    with pytest.raises(Failure):
        goes_on(c, first)
    assert crew.asked == ["large", "small", "large"]


async def test_it_holds_in_every_colour() -> None:
    crew = Crew({"small": "timeout"})
    c = conductor("{default: {fallback: [small, large]}}", crew)
    kept = (await c.acall("hi")).trajectory
    crew.down.clear()

    assert (await c.acall("hi", trajectory=kept)).agent == "large"
    with c.stream("hi", trajectory=kept) as parts:
        assert "".join(part.text for part in parts).startswith("large")
    async with c.astream("hi", trajectory=kept) as later:
        assert "".join([part.text async for part in later]).startswith("large")


def test_the_word_is_part_of_the_meaning_only_where_it_is_unusual() -> None:
    usual = conductor("{default: small}", Crew()).policy.fingerprint

    assert conductor("{default: small, decide: trajectory}", Crew()).policy.fingerprint == usual
    assert conductor("{default: small, decide: call}", Crew()).policy.fingerprint != usual


def test_another_word_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"routing\.decide"):
        conductor("{default: small, decide: sometimes}", Crew())


def test_an_overlay_cannot_take_back_that_every_call_is_decided(tmp_path: Path) -> None:
    below = AGENTS.replace("}", ", simulated: x}") + "routing: {default: small, decide: call}\n"
    (tmp_path / "org.yaml").write_text(below)
    over = tmp_path / "team.yaml"

    over.write_text("include: org.yaml\nrouting: {deadline: 5s}\n")
    assert load(over, env={}).decide == "call"
    over.write_text("include: org.yaml\nrouting: {decide: trajectory}\n")
    with pytest.raises(PolicyError, match="lets its rules decide every call"):
        load(over, env={})
