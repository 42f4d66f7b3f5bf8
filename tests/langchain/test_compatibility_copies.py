"""A model that was copied, configured or pickled answers as before, under the same budgets."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core.load import dumpd, dumps
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel, SecretStr

from conductor_mw import Conductor, Failure
from tests.langchain.oracle import Oracle
from tests.langchain.ways import ONE, Way, ask, each_way, routed, who

TWICE = ONE + "plugins: {limits: {requests: 2/h}}\n"
"""After two requests a conductor of this policy refuses."""


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


def spent(model: Any) -> bool:
    """Whether the two requests of the policy were made."""
    try:
        model.invoke("Hello")
    except Failure as failure:
        assert failure.kind == "limited"  # noqa: PT017 - nothing else may be the reason
        return True
    return False


@each_way
def test_a_pickled_model_answers(way: Way) -> None:
    model = pickle.loads(pickle.dumps(routed()))  # noqa: S301 - it was written here

    assert ask(model, "Give the reason", way).text == "Hello from large-1, nice to see you"
    assert who(ask(model, "Hello", way)) == "small"


def test_what_is_bound_can_be_pickled_after_it_answered() -> None:
    tools = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}]
    bound, shaped = routed().bind_tools(tools), routed().with_structured_output(Joke)
    bound.invoke("Hello")
    shaped.invoke("Hello")

    again, formed = pickle.loads(pickle.dumps((bound, shaped)))  # noqa: S301 - as above

    assert again.invoke("Hello").tool_calls[0]["name"] == "now"
    assert isinstance(formed.invoke("Hello"), Joke)


def test_a_model_with_the_apps_own_conductor_says_why_it_cannot_be_pickled() -> None:
    model = ConductorChatModel(conductor=Conductor.from_text(ONE, agents={"small": Oracle()}))

    with pytest.raises(TypeError, match="made for a policy"):
        pickle.dumps(model)


def copied(model: Any) -> Any:
    return copy.copy(model)


def deeply_copied(model: Any) -> Any:
    return copy.deepcopy(model)


def changed(model: Any) -> Any:
    return model.model_copy(update={"temperature": 0.5})


@pytest.mark.parametrize("copied", [copied, deeply_copied, changed])
def test_a_copy_has_the_same_budgets(copied: Callable[[Any], Any]) -> None:
    model = routed(TWICE)

    assert not spent(copied(model))
    assert not spent(model)
    assert spent(copied(model))


def test_a_copy_with_other_agents_asks_those() -> None:
    model = routed(ONE)

    other = model.model_copy(update={"agents": {"small": Oracle(model="other")}})

    assert other.invoke("Hello").text == "Hello from other, nice to see you"
    assert model.invoke("Hello").text == "Hello from small-1, nice to see you"


def test_a_copy_with_another_policy_follows_that() -> None:
    other = routed(ONE).model_copy(update={"policy": "agents: [{id: a, simulated: Well.}]\n"
                                           "routing: {default: a}\n", "agents": {}})  # fmt: skip

    assert other.invoke("Hello").text == "Well."


def test_a_configurable_field_reaches_the_child_under_the_same_budget() -> None:
    model = routed(TWICE)
    warm = model.configurable_fields(temperature=ConfigurableField(id="warmth"))
    configured = warm.with_config(configurable={"warmth": 0.7})

    assert not spent(configured)
    assert not spent(model)
    assert spent(configured)
    child: Any = model.agents["small"]
    assert [kwargs.get("temperature") for _, kwargs in child.asked] == [0.7, None]


def test_a_configurable_policy_is_another_policy() -> None:
    warm = routed(TWICE).configurable_fields(policy=ConfigurableField(id="policy"))

    for _ in range(3):
        assert not spent(warm.with_config(configurable={"policy": ONE}))


def test_models_made_alike_have_budgets_of_their_own() -> None:
    one, other = routed(TWICE), routed(TWICE)
    for _ in range(2):
        one.invoke("Hello")

    assert spent(one)
    assert not spent(other)


def test_nothing_that_is_written_of_a_model_holds_its_policy_or_its_children() -> None:
    model = ConductorChatModel(
        policy=ONE, agents={"small": Oracle(model="sk-secret")}, api_key=SecretStr("sk-secret")
    )

    for text in (repr(model), str(model), dumps(model), str(dumpd(model)), repr(model.conductor)):
        assert "sk-secret" not in text
        assert "routing" not in text
