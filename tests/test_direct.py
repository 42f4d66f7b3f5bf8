"""The escape hatch: everything to one agent, and guarantees still hold."""

from __future__ import annotations

from typing import Any

import pytest

from conductor_mw import Conductor, ConductorError, Failure, RequestError, attempts_of
from conductor_mw.testing import WAYS, Scripted, Way, ask

POLICY = """
agents: [{id: cheap}, {id: dear}, {id: private, labels: [safe]}]
routing:
  rules: [{condition: "input.tokens < 1000", target: cheap}]
  default: dear
guarantees:
  - never: {when: "has(metadata.secret)", agents_without: safe}
"""


def hatch(env: dict[str, str] | None = None, **options: Any) -> tuple[Conductor, list[Scripted]]:
    agents = [Scripted("cheap"), Scripted("dear"), Scripted("private")]
    bound = dict(zip(("cheap", "dear", "private"), agents, strict=True))
    return Conductor.from_text(POLICY, agents=bound, env=env or {}, **options), agents


@pytest.mark.parametrize("way", WAYS)
def test_the_app_sends_everything_to_one_agent(way: Way) -> None:
    conductor, (cheap, dear, _) = hatch(direct="dear")

    answer = ask(conductor, "hello", way=way)

    assert (answer.text, answer.agent) == ("dear", "dear")
    assert (len(cheap.asked), len(dear.asked)) == (0, 1)
    assert answer.decision.forced
    assert answer.decision.to_dict()["forced"] is True


@pytest.mark.parametrize("way", WAYS)
def test_an_environment_variable_does_so_without_a_changed_app(way: Way) -> None:
    conductor, _ = hatch(env={"CONDUCTOR_DIRECT": "dear"})

    assert ask(conductor, "hello", way=way).agent == "dear"
    assert conductor.decide("hello").target == "dear"


def test_the_app_goes_before_the_environment() -> None:
    conductor, _ = hatch(env={"CONDUCTOR_DIRECT": "dear"}, direct="private")

    assert conductor.call("hello").agent == "private"


def test_a_request_names_an_agent_only_where_the_app_opened_a_key_for_that() -> None:
    closed, _ = hatch()
    opened, _ = hatch(direct_key="x-conductor-direct")
    metadata = {"x-conductor-direct": "dear"}

    assert closed.call("hello", metadata=metadata).agent == "cheap"
    assert opened.call("hello", metadata=metadata).agent == "dear"
    assert opened.call("hello").agent == "cheap"


def test_a_request_that_names_nobody_known_is_refused() -> None:
    opened, _ = hatch(direct_key="x-conductor-direct")

    with pytest.raises(RequestError, match="no agent or flow 'deer'"):
        opened.call("hello", metadata={"x-conductor-direct": "deer"})


@pytest.mark.parametrize("way", WAYS)
def test_guarantees_hold_in_the_hatch_too(way: Way) -> None:
    conductor, (_, dear, _) = hatch(direct="dear")

    with pytest.raises(Failure, match="agents without the label 'safe'") as caught:
        ask(conductor, "hello", way=way, metadata={"secret": True})

    assert caught.value.kind == "policy_violation"
    assert dear.asked == []
    assert [one.agent for one in attempts_of(caught.value)] == ["dear"]


@pytest.mark.parametrize("options", [{"direct": "deer"}, {"env": {"CONDUCTOR_DIRECT": "deer"}}])
def test_an_agent_that_is_not_there_is_told_before_any_request(options: dict[str, Any]) -> None:
    with pytest.raises(ConductorError) as caught:
        hatch(**options)

    assert caught.value.problem == "everything is to go to 'deer', which is no agent of the policy"
    assert caught.value.mend == "did you mean 'dear'?"


@pytest.mark.parametrize("way", WAYS)
def test_a_named_target_keeps_its_own_checks_and_the_way_out_passes_them_by(way: Way) -> None:
    text = "agents: [{id: a, accept: answer.chars > 9}]\nrouting: {default: a}\n"
    checked = Conductor.from_text(text, agents={"a": Scripted("short")})
    straight = Conductor.from_text(text, agents={"a": Scripted("short")}, direct="a")

    with pytest.raises(Failure) as caught:
        ask(checked, "hello", way=way, target="a")

    assert caught.value.kind == "low_confidence"
    assert ask(straight, "hello", way=way).text == "short"
