"""A routed model stands wherever an app has a chat model, with everything that LangChain adds."""

from __future__ import annotations

import asyncio
import typing
from typing import Any

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import LLMResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_core.tools import tool
from pydantic import BaseModel

from tests.langchain.oracle import Oracle
from tests.langchain.ways import EITHER, ONE, Way, ask, each_way, routed, who

SMALL = "Hello from small-1, nice to see you"
LARGE = "Hello from large-1, nice to see you"


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


def chained() -> Any:
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")])
    return prompt | routed() | StrOutputParser()


def failing() -> ConductorChatModel:
    return routed(ONE, small={"fails": ConnectionError("down")})


@each_way
def test_it_stands_between_a_prompt_and_a_parser(way: Way) -> None:
    assert ask(chained(), {"question": "Give the reason"}, way) == LARGE


def test_a_chain_streams_word_by_word_through_it() -> None:
    assert [word for word in chained().stream({"question": "Hello"}) if word] == [
        "Hello ", "from ", "small-1, ", "nice ", "to ", "see ", "you"
    ]  # fmt: skip


@pytest.mark.parametrize("config", [None, {"max_concurrency": 2}, [{"tags": ["one"]}] * 3])
def test_a_batch_gives_every_answer_at_its_place(config: Any) -> None:
    questions = [{"question": word} for word in ("Hello", "the reason", "Bye")]

    assert chained().batch(questions, config) == [SMALL, LARGE, SMALL]
    assert asyncio.run(chained().abatch(questions, config)) == [SMALL, LARGE, SMALL]


async def test_a_batch_as_completed_says_which_answer_it_is() -> None:
    questions = ["Hello", "the reason"]
    model: Any = routed()

    sync = {at: who(answer) for at, answer in model.batch_as_completed(questions)}
    found = {at: who(one) async for at, one in model.abatch_as_completed(questions)}

    assert sync == found == {0: "small", 1: "large"}


def test_a_batch_may_give_errors_as_answers() -> None:
    first, second = failing().batch(["Hello", "Bye"], return_exceptions=True)

    assert isinstance(first, ConnectionError)
    assert isinstance(second, ConnectionError)


@each_way
def test_langchains_own_fallback_takes_over_from_a_policy_that_gave_up(way: Way) -> None:
    assert ask(failing().with_fallbacks([routed()]), "Hello", way).text == SMALL


def test_tools_and_shapes_bound_behind_with_fallbacks_reach_both() -> None:
    model: Any = failing().with_fallbacks([routed()])

    assert model.bind_tools([weather]).invoke("In 'Oslo'?").tool_calls[0]["args"] == {
        "city": "Oslo"
    }
    assert isinstance(model.with_structured_output(Joke).invoke("A joke!"), Joke)


@pytest.mark.parametrize("name", ["bind_tools", "with_structured_output"])
def test_langchain_can_read_what_a_method_returns(name: str) -> None:
    hints = typing.get_type_hints(getattr(ConductorChatModel, name))

    assert "Runnable" in repr(hints["return"])  # how `with_fallbacks` knows to bind both


@each_way
def test_langchains_own_retry_asks_the_policy_again(way: Way) -> None:
    model = failing()
    child: Any = model.agents["small"]

    with pytest.raises(ConnectionError, match="down"):
        ask(model.with_retry(stop_after_attempt=2, wait_exponential_jitter=False), "Hello", way)

    assert len(child.asked) == (2 if way.endswith("invoke") else 1)  # LangChain retries no stream


def test_it_may_be_one_of_configurable_alternatives() -> None:
    field = ConfigurableField(id="which")
    model = Oracle(model="plain").configurable_alternatives(field, routed=routed())
    chosen: Any = model.with_config(configurable={"which": "routed"})

    assert chosen.invoke("Give the reason").text == LARGE
    assert chosen.bind_tools([weather]).invoke("In 'Oslo'?").tool_calls[0]["name"] == "weather"
    assert model.invoke("Hello").text == "Hello from plain, nice to see you"


@each_way
def test_what_is_bound_reaches_the_child(way: Way) -> None:
    model = routed()

    ask(model.bind(stop=["END"], seed=3), "Hello", way)

    child: Any = model.agents["small"]
    assert child.asked[0][1] == {"stop": ["END"], "seed": 3}


def test_tools_and_shapes_can_be_bound_behind_a_config() -> None:
    model: Any = routed().with_config(tags=["mine"], run_name="helper")

    assert model.bind_tools([weather]).invoke("In 'Oslo'?").tool_calls
    assert isinstance(model.with_structured_output(Joke).invoke("A joke!"), Joke)


@each_way
def test_a_structured_answer_comes_with_its_raw_message_where_that_is_asked_for(way: Way) -> None:
    shaped = routed().with_structured_output(Joke, include_raw=True)

    found = ask(shaped, "A joke!", way)

    assert isinstance(found["parsed"], Joke)
    assert found["raw"].tool_calls[0]["name"] == "Joke"
    assert found["parsing_error"] is None


@each_way
def test_a_function_may_give_it_as_what_to_run_next(way: Way) -> None:
    model = routed()

    def choose(question: str) -> Any:
        del question
        return model

    assert ask(RunnableLambda(choose), "Hello", way).text == SMALL


async def test_the_older_methods_answer_too() -> None:
    asked = [[HumanMessage("Hello")], [HumanMessage("the reason")]]
    model: Any = routed()
    prompt = ChatPromptTemplate.from_template("{question}").invoke({"question": "the reason"})

    answers: list[LLMResult] = [
        model.generate(asked),
        await model.agenerate(asked),
    ]

    for answer in answers:
        assert [one[0].text for one in answer.generations] == [SMALL, LARGE]
    assert model.generate_prompt([prompt]).generations[0][0].text == LARGE
    assert (await model.agenerate_prompt([prompt])).generations[0][0].text == LARGE


async def test_the_methods_that_chat_models_implement_answer_when_called_directly() -> None:
    asked = [SystemMessage("Be brief."), HumanMessage("Hello")]
    model: Any = routed()

    assert model._generate(asked).generations[0].text == SMALL
    assert (await model._agenerate(asked)).generations[0].text == SMALL
    assert "".join(chunk.text for chunk in model._stream(asked)) == SMALL
    assert "".join([chunk.text async for chunk in model._astream(asked)]) == SMALL


def test_it_can_be_drawn() -> None:
    drawn = chained().get_graph().draw_mermaid()

    assert "ConductorChatModel" in drawn


def test_it_counts_tokens_without_a_tokenizer_of_anybody() -> None:
    assert 1 <= routed().get_num_tokens("Hello over there") <= 16


@pytest.mark.parametrize(("disabled", "tools", "streams"), [
    (True, False, False), (True, True, False), ("tool_calling", True, False),
    ("tool_calling", False, True), (False, True, True),
])  # fmt: skip
async def test_streaming_can_be_disabled(disabled: Any, tools: bool, streams: bool) -> None:
    model: Any = routed(disable_streaming=disabled)
    asked = model.bind_tools([weather]) if tools else model

    assert (len(list(asked.stream("Hello"))) > 1) is streams
    assert (len([chunk async for chunk in asked.astream("Hello")]) > 1) is streams


@each_way
def test_the_version_of_the_output_is_the_childrens(way: Way) -> None:
    answer = ask(routed(output_version="v1"), "Hello", way)

    assert [block["type"] for block in answer.content] == ["text"]
    assert answer.text == SMALL


def test_an_answer_is_plain_enough_to_be_written_and_read_again() -> None:
    answer = routed().invoke("Hello")

    assert AIMessage.model_validate_json(answer.model_dump_json()) == answer


def test_the_fields_of_a_chat_model_are_defaults_for_every_child() -> None:
    model = ConductorChatModel(
        policy=EITHER, agents={"small": Oracle(), "large": Oracle()}, temperature=0.5,
        max_tokens=64, stop=["END"], timeout=9.0,
    )  # fmt: skip
    child: Any = model.agents["small"]

    model.invoke("Hello", temperature=0.1)

    assert child.asked[0][1] == {
        "stop": ["END"], "temperature": 0.1, "max_tokens": 64, "timeout": 9.0
    }  # fmt: skip
