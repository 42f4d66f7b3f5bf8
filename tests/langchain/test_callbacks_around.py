"""A policy that attends beside agents, audit logs, reloads, and the classes of real providers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

import pytest
from conductor_mw_langchain import ConductorCallbackHandler
from conductor_mw_langchain.recognising import Model, Recognised, model_of
from conductor_mw_langchain.told import answer_in, request_of
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import SecretStr

from conductor_mw import Conductor, Failure
from tests.langchain.callbacks_kit import FIVE, SMALL, Way, ask, attending, each_way
from tests.langchain.oracle import Oracle

KEY = SecretStr("k")
MODELS = """
agents:
  - {id: mini, model: openai/gpt-4o-mini}
  - {id: bare, model: gpt-4.1}
  - {id: claude, model: anthropic/claude-sonnet-4-5}
  - {id: cloud, model: azure/support}
  - {id: aws, model: bedrock/anthropic.claude-v2}
  - {id: fair, model: mistral/mistral-small-latest}
  - {id: again, model: openai/gpt-4o-mini}
  - {id: bound}
routing: {default: mini}
"""


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_an_agent_stops_where_its_budget_ends(colour: Literal["sync", "async"]) -> None:
    agents = pytest.importorskip("langchain.agents")
    handler, _ = attending(FIVE.replace("0.000035", "0.000007"))
    agent: Any = agents.create_agent(Oracle(model="small-1"), tools=[])
    state: Any = {"messages": [{"role": "user", "content": "Hello"}]}

    def run() -> Any:
        config: Any = {"callbacks": [handler]}
        if colour == "sync":
            return agent.invoke(state, config)
        return asyncio.run(agent.ainvoke(state, config))

    assert run()["messages"][-1].text == "Hello from small-1, nice to see you"
    with pytest.raises(Failure) as refused:
        run()
    assert refused.value.kind == "budget"


@each_way
def test_audit_records_the_call_before_the_app_has_the_answer(way: Way, tmp_path: Path) -> None:
    policy = tmp_path / "conductor.yaml"
    policy.write_text(
        f"{SMALL}plugins: {{audit: {{path: {tmp_path}/audit.db, mode: before_answer}}}}\n"
    )
    handler = ConductorCallbackHandler(policy)

    answer = ask(Oracle(model="small-1"), "Hello", way, handler)

    assert answer.text == "Hello from small-1, nice to see you"
    handler.conductor.close()
    assert (tmp_path / "audit.db").stat().st_size > 0


def test_a_reloaded_policy_knows_its_new_models(tmp_path: Path) -> None:
    policy = tmp_path / "conductor.yaml"
    policy.write_text(SMALL)
    handler, model = ConductorCallbackHandler(policy), Oracle(model="new-1")
    with pytest.raises(Failure, match="no agent of the policy stands for it"):
        ask(model, "Hello", "invoke", handler)

    policy.write_text(SMALL.replace("small-1", "new-1"))
    assert handler.conductor.reload()

    assert ask(model, "Hello", "invoke", handler).text


@pytest.mark.parametrize(
    ("model", "agent"),
    [
        (ChatOpenAI(model="gpt-4o-mini", api_key=KEY), "mini"),
        (ChatOpenAI(model="gpt-4.1", api_key=KEY), "bare"),
        (ChatAnthropic(model_name="claude-sonnet-4-5", api_key=KEY), "claude"),  # type: ignore[call-arg]
        (
            AzureChatOpenAI(azure_deployment="support", azure_endpoint="http://127.0.0.1",
                            api_version="1", api_key=KEY),
            "cloud",
        ),
        (ChatOpenAI(model="gpt-4o", api_key=KEY), None),
    ],
)  # fmt: skip
def test_the_classes_of_providers_are_recognised(model: Any, agent: str | None) -> None:
    recognised = Recognised.of(Conductor.from_text(MODELS, simulate=True).policy, {})

    told = model_of(model._get_ls_params(), {})

    assert recognised.agent(told) == agent


@pytest.mark.parametrize(
    ("told", "agent"),
    [
        (Model("amazon_bedrock", "anthropic.claude-v2"), "aws"),
        (Model("mistral", "mistral-small-latest"), "fair"),
        (Model("", "gpt-4o-mini"), None),
        (Model("openai", ""), None),
        (Model("", "bound"), None),
        (Model("evil", "gpt-4o-mini"), None),
    ],
)
def test_a_model_is_its_provider_and_its_name(told: Model, agent: str | None) -> None:
    recognised = Recognised.of(Conductor.from_text(MODELS, simulate=True).policy, {})

    assert recognised.agent(told) == agent


def test_a_model_that_is_told_among_the_parameters_is_recognised() -> None:
    assert model_of({"ls_provider": "openai"}, {"model": "gpt-4o-mini"}) == (
        "openai",
        "gpt-4o-mini",
    )
    assert model_of({"ls_provider": 3, "ls_model_name": None}, {"model": 5}) == ("", "")


def test_what_is_sent_is_read_and_what_describes_the_object_is_not() -> None:
    request = request_of(
        [],
        {"tenant": "acme", "ls_max_tokens": 30, "lc_versions": {}},
        {"_type": "openai-chat", "temperature": 0.5, "stop": None, "model": "gpt-4o-mini"},
    )

    assert dict(request.parameters) == {"temperature": 0.5, "max_tokens": 30}
    assert dict(request.metadata) == {"tenant": "acme"}


@pytest.mark.parametrize(
    ("output", "tokens"),
    [
        ({"token_usage": {"prompt_tokens": 3, "completion_tokens": 2}}, (3, 2)),
        ({"usage": {"input_tokens": 3, "output_tokens": 2}}, (3, 2)),
        ({"token_usage": {}}, None),
        ({"token_usage": {"prompt_tokens": "3"}}, None),
        ({"usage": {}}, None),
        (None, None),
    ],
)
def test_tokens_that_stand_beside_the_message_count(
    output: Any, tokens: tuple[int, int] | None
) -> None:
    for generation in (Generation(text="Hi"), ChatGeneration(message=AIMessage("Hi"))):
        message = answer_in(LLMResult(generations=[[generation]], llm_output=output))

        found: Any = message.usage_metadata
        assert message.text == "Hi"
        assert tokens == (found and (found["input_tokens"], found["output_tokens"]))


def test_a_result_without_any_generation_is_an_empty_answer() -> None:
    assert answer_in(LLMResult(generations=[])).text == ""
    assert answer_in(LLMResult(generations=[[]])).text == ""
