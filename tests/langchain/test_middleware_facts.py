"""What an agent's app says reaches the rules: config, context, chosen state, tools, messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents.middleware.types import AgentState
from pydantic import BaseModel
from typing_extensions import TypedDict

from tests.langchain.agent_kit import AGENTS, QUESTION, WAYS, Way, agent, answered, get_weather

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def where(condition: str, **given: Any) -> Any:
    """An agent that the large one answers where the condition holds."""
    routing = (
        f'{{rules: [{{condition: "{condition}", target: large, on_error: skip}}], default: small}}'
    )
    return agent(routing, tools=given.pop("tools", ()), **given)


@dataclass
class Person:
    """Who asks."""

    tier: str
    session: object = None


class PersonModel(BaseModel):
    """Who asks."""

    tier: str


class PersonDict(TypedDict):
    """Who asks."""

    tier: str


@ways
@pytest.mark.parametrize("kind", [Person, PersonModel, PersonDict])
async def test_the_context_is_metadata(way: Way, kind: Any) -> None:
    made = where("metadata.tier == 'pro'", context_schema=kind)

    assert answered(await way(made, context=kind(tier="pro"))) == ["large"]
    assert answered(await way(made, context=kind(tier="free"))) == ["small"]


@ways
async def test_the_config_is_metadata(way: Way) -> None:
    made = where("metadata.tier == 'pro' && metadata.thread_id == 't'")
    config = {"metadata": {"tier": "pro"}, "configurable": {"thread_id": "t"}}

    assert answered(await way(made, QUESTION, config)) == ["large"]
    assert answered(await way(made)) == ["small"]


async def test_the_context_counts_over_the_config() -> None:
    made = where("metadata.tier == 'pro'", context_schema=Person)
    config = {"metadata": {"tier": "pro"}}

    assert answered(made.invoke(QUESTION, config, context=Person("free"))) == ["small"]


class Desk(AgentState[Any]):
    """A state with more than messages."""

    stage: str
    secret: str


@ways
async def test_chosen_state_is_metadata_below_a_key_of_its_own(way: Way) -> None:
    options = {"state": ["stage", "missing"]}
    question = {**QUESTION, "stage": "late", "secret": "x"}

    made = where("metadata.state.stage == 'late'", options=options, state_schema=Desk)
    assert answered(await way(made, question)) == ["large"]
    made = where("has(metadata.state.secret)", options=options, state_schema=Desk)
    assert answered(await way(made, question)) == ["small"]
    made = where("has(metadata.state)", state_schema=Desk)
    assert answered(await way(made, question)) == ["small"]


async def test_only_plain_values_are_read() -> None:
    made = where("has(metadata.session)", context_schema=Person)

    for session, found in ((object(), "small"), ({1: 2}, "small"), ({"a": [1, None]}, "large")):
        assert answered(made.invoke(QUESTION, context=Person("pro", session))) == [found]


async def test_what_goes_round_in_circles_is_left_out() -> None:
    circle: list[Any] = []
    circle.append(circle)
    made = where("has(metadata.session)", context_schema=Person)

    assert answered(made.invoke(QUESTION, context=Person("pro", circle))) == ["small"]


@ways
async def test_rules_read_messages_and_tools(way: Way) -> None:
    assert answered(await way(where("input.text.contains('Paris')"))) == ["large"]
    made = where("input.chars == 0", system_prompt="You are brief.")
    assert answered(await way(made)) == ["small"]
    made = where("input.tools == ['get_weather']", tools=[get_weather])
    assert answered(await way(made))[0] == "large"


@ways
async def test_the_system_prompt_counts_as_well(way: Way) -> None:
    condition = "input.tokens > 100"

    assert answered(await way(where(condition))) == ["small"]
    long = where(condition, system_prompt="You are very kind and patient. " * 50)
    assert answered(await way(long)) == ["large"]


def test_policies_say_which_metadata_they_read() -> None:
    policy = AGENTS + "signals: {tier: {from: metadata.tier, type: string, default: free}}\n"
    made = where("tier == 'pro'", policy=policy, context_schema=Person)

    assert answered(made.invoke(QUESTION, context=Person("pro"))) == ["large"]
