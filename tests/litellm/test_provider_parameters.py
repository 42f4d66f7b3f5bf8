"""What a call says beside its messages reaches the model that a policy chose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litellm.exceptions import BadRequestError, UnsupportedParamsError
from pydantic import BaseModel

from conductor_mw import Conductor
from tests.litellm.calls import HELLO, Way, agents, ask, each_way, offered
from tests.provider.server import Provider

PIXEL = "data:image/png;base64,iVBORw0KGgo="
LOOK = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": PIXEL}},
        ],
    }
]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PASSED: dict[str, dict[str, Any]] = {
    "reasoning": {"reasoning_effort": "low"},
    "limit": {"max_completion_tokens": 30},
    "old limit": {"max_tokens": 30},
    "safety": {"safety_identifier": "s-7"},
    "sampling": {"temperature": 0.0, "top_p": 0.5, "seed": 7, "stop": ["END"], "n": 1},
    "penalties": {"presence_penalty": 0.5, "frequency_penalty": 0.5, "logit_bias": {"50256": -1}},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "tools": {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": False},
    "functions": {"functions": [TOOL["function"]], "function_call": "auto"},
    "prediction": {"prediction": {"type": "content", "content": "x"}, "modalities": ["text"]},
    "keeping": {"store": True, "prompt_cache_key": "k"},
    "image": {"messages": LOOK},
    "json": {"response_format": {"type": "json_object"}},
}

pytestmark = pytest.mark.usefixtures("litellm_loop")


class Opening(BaseModel):
    hour: int
    day: str


@pytest.fixture
def offer(live: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROVIDER_KEY", "sk-test")
    policy = agents(live.url) + (
        "routing: {default: small, rules: ["
        "{condition: metadata.to == 'claude', target: claude, on_error: skip}, "
        "{condition: metadata.to == 'thinker', target: thinker, on_error: skip}, "
        "{condition: metadata.to == 'known', target: known, on_error: skip}]}\n"
    )
    # A name that LiteLLM knows as a model's must not decide which parameters arrive.
    conductor = Conductor.from_text(policy)
    with offered(main=conductor, o1=conductor):
        yield


@each_way
@pytest.mark.usefixtures("offer")
@pytest.mark.parametrize("kind", PASSED)
def test_a_parameter_arrives_as_it_does_without_a_policy(
    way: Way, kind: str, live: Provider
) -> None:
    ask(way, **PASSED[kind])
    ask(way, "openai/small-1", api_base=f"{live.url}/v1", api_key="sk-test", **PASSED[kind])

    (_, through), (_, direct) = live.asked
    assert through == direct
    assert PASSED[kind].items() <= through.items()


@pytest.mark.usefixtures("offer")
def test_the_name_of_a_policy_does_not_decide_which_parameters_arrive(live: Provider) -> None:
    ask("completion", "conductor/o1", temperature=0.5, stop=["END"])

    assert live.asked[0][1]["temperature"] == 0.5
    assert live.asked[0][1]["stop"] == ["END"]


@each_way
@pytest.mark.usefixtures("offer")
def test_what_few_models_take_is_judged_by_what_the_agent_can(way: Way, live: Provider) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}

    ask(way, thinking=thinking, metadata={"to": "thinker"}, max_tokens=2048)
    ask(way, user="u-7", metadata={"to": "known"})
    with pytest.raises(UnsupportedParamsError, match=r"openai does not support.*verbosity"):
        ask(way, verbosity="low")
    ask(way, verbosity="low", drop_params=True)

    (_, thinker), (_, known), (_, small) = live.asked
    assert thinker["thinking"] == thinking
    assert known["user"] == "u-7"
    assert "verbosity" not in small


@each_way
@pytest.mark.usefixtures("offer")
def test_an_answer_has_the_structure_of_a_class(way: Way, live: Provider) -> None:
    said = ask(way, response_format=Opening, messages=[{"role": "user", "content": "'Mon' 9"}])

    assert Opening.model_validate_json(said.text) == Opening(hour=9, day="Mon")
    assert live.asked[0][1]["response_format"]["json_schema"]["name"] == "Opening"


@each_way
@pytest.mark.usefixtures("offer")
def test_the_call_of_a_tool_comes_back_from_either_provider(way: Way) -> None:
    for agent in ("small", "claude"):
        said = ask(way, tools=[TOOL], metadata={"to": agent}, messages=[
            {"role": "user", "content": "Weather in 'Bern'?"}
        ])  # fmt: skip

        (call,) = said.whole.choices[0].message.tool_calls
        assert call.function.name == "weather"
        assert "Bern" in call.function.arguments
        assert said.finish == "tool_calls"


@each_way
@pytest.mark.usefixtures("offer")
def test_what_a_call_says_about_its_provider_is_not_used(way: Way, live: Provider) -> None:
    said = ask(
        way,
        api_key="sk-other",
        api_base="http://127.0.0.1:1",
        extra_headers={"x-other": "1"},
        max_retries=5,
    )

    assert said.text == "Hello from small-1, nice to see you"
    assert live.models == ["small-1"]


@each_way
@pytest.mark.usefixtures("offer")
def test_a_parameter_that_could_lead_past_the_policy_is_refused(way: Way, live: Provider) -> None:
    with pytest.raises(BadRequestError, match=r"may not set 'preset'.*LiteLLM reaches"):
        ask(way, messages=HELLO, preset="@other")

    assert live.asked == []
