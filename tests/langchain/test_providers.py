"""What becomes of the errors of providers: real SDKs, real HTTP, in every way of calling."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, Literal

import pytest
from anthropic import APIStatusError as AnthropicError
from conductor_mw_langchain import ConductorChatModel
from conductor_mw_langchain.lens import LENS
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from openai import APIStatusError as OpenAIError
from pydantic import BaseModel

from conductor_mw import FailureKind, Outcome, attempts_of
from tests.provider.brain import REFUSAL, RETRY_AFTER
from tests.provider.server import Provider

from .children import anthropic, openai

Way = Literal["invoke", "ainvoke", "stream", "astream"]
Make = Callable[..., BaseChatModel]
each_way = pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
each_stream = pytest.mark.parametrize("way", ["stream", "astream"])
each_sdk = pytest.mark.parametrize("make", [openai, anthropic])
each_order = pytest.mark.parametrize(
    ("first", "second"), [(openai, anthropic), (anthropic, openai)], ids=["openai", "anthropic"]
)

ALONE = """
agents: [{id: small}]
routing: {default: small}
"""
BOTH = """
agents: [{id: small}, {id: large}]
flows: {either: {fallback: [small, large]}}
routing: {default: either}
"""
REFUSALS = BOTH.replace("large]}}", "large], on: [refusal]}}")
BABBLE = BOTH.replace("large]}}", "large], on: [invalid_output]}}")
OF_CHATOPENAI = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
"""It says so of its own parsed answers."""
GREETING = "Hello from large-1, nice to see you"


class City(BaseModel):
    """A city."""

    name: str


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


def ask(model: Any, way: Way, question: Any = "Is it 'Oslo'?", *, last: bool = False) -> Any:
    """Ask, and give the whole answer; of chunks that do not add up, the last."""
    if way == "invoke":
        return model.invoke(question)
    if way == "ainvoke":
        return asyncio.run(model.ainvoke(question))

    async def read() -> list[Any]:
        return [chunk async for chunk in model.astream(question)]

    chunks = asyncio.run(read()) if way == "astream" else list(model.stream(question))
    return chunks[-1] if last else reduce(add, chunks)


def attempts(model: Any, way: Way) -> tuple[Outcome, ...]:
    with pytest.raises(Exception, match=r"\w") as caught:
        ask(model, way)
    found = attempts_of(caught.value)
    assert found[0].error is caught.value
    return found


def failed(answer: Any) -> list[str | None]:
    return [one.get("failed") for one in answer.response_metadata["conductor"]["attempts"]]


@each_order
@each_way
@pytest.mark.parametrize(
    ("manner", "kind"),
    [("limited", "rate_limit"), ("overloaded", "server_error")],
)
def test_another_provider_answers_where_the_first_cannot(
    live: Provider, first: Make, second: Make, way: Way, manner: str, kind: FailureKind
) -> None:
    agents = {"small": first(live.url, f"{manner}-1"), "large": second(live.url, "large-1")}
    model = ConductorChatModel(policy=BOTH, agents=agents)

    answer = ask(model, way)

    assert answer.text == GREETING
    assert failed(answer) == [kind, None]
    assert live.models == [f"{manner}-1", "large-1"]


@each_order
@each_stream
def test_another_provider_answers_where_a_stream_breaks_before_it_says_anything(
    live: Provider, first: Make, second: Make, way: Way
) -> None:
    agents = {"small": first(live.url, "stumbling-1"), "large": second(live.url, "large-1")}
    model = ConductorChatModel(policy=BOTH, agents=agents)

    answer = ask(model, way)

    assert answer.text == GREETING
    assert failed(answer) == ["server_error", None]


@each_order
@each_stream
def test_a_stream_that_breaks_after_its_first_words_is_not_begun_again(
    live: Provider, first: Make, second: Make, way: Way
) -> None:
    agents = {"small": first(live.url, "choking-1"), "large": second(live.url, "large-1")}
    model = ConductorChatModel(policy=BOTH, agents=agents)

    (attempt,) = attempts(model, way)
    gc.collect()  # what the SDK left open below its stream was closed by then

    assert attempt.kind == "server_error"
    assert attempt.first_part is not None
    assert live.models == ["choking-1"]


@each_order
@each_way
def test_another_provider_answers_where_the_first_takes_too_long(
    live: Provider, first: Make, second: Make, way: Way
) -> None:
    silent = first(live.url, "silent-1", timeout=0.1)
    model = ConductorChatModel(
        policy=BOTH, agents={"small": silent, "large": second(live.url, "large-1")}
    )

    answer = ask(model, way)

    assert answer.text == GREETING
    assert failed(answer) == ["timeout", None]


@each_order
@each_way
def test_another_provider_answers_where_the_first_cannot_be_reached(
    live: Provider, first: Make, second: Make, way: Way
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    agents = {"small": first(closed, "small-1"), "large": second(live.url, "large-1")}
    model = ConductorChatModel(policy=BOTH, agents=agents)

    answer = ask(model, way)

    assert answer.text == GREETING
    assert failed(answer) == ["connection", None]


@each_sdk
@each_way
@pytest.mark.parametrize(
    ("manner", "kind"),
    [
        ("limited", "rate_limit"),
        ("broken", "server_error"),
        ("locked", "auth"),
        ("missing", "invalid_request"),
        ("overflowing", "context_overflow"),
    ],
)
def test_the_app_gets_the_error_of_the_sdk_and_its_kind(
    live: Provider, make: Make, way: Way, manner: str, kind: FailureKind
) -> None:
    child = make(live.url, f"{manner}-1")
    model = ConductorChatModel(policy=ALONE, agents={"small": child})

    (attempt,) = attempts(model, way)

    assert attempt.kind == kind
    assert isinstance(attempt.error, OpenAIError if make is openai else AnthropicError)
    assert live.models == [f"{manner}-1"]


@each_sdk
@each_way
def test_an_attempt_tells_how_long_the_provider_asked_to_wait_and_its_headers(
    live: Provider, make: Make, way: Way
) -> None:
    model = ConductorChatModel(policy=ALONE, agents={"small": make(live.url, "limited-1")})

    (attempt,) = attempts(model, way)

    assert attempt.retry_after == RETRY_AFTER
    left = [value for name, value in attempt.headers.items() if "requests-remaining" in name]
    left += [value for name, value in attempt.headers.items() if "remaining-requests" in name]
    assert left == ["99"]


def test_an_answer_tells_the_headers_that_its_sdk_hands_on(live: Provider) -> None:
    child = openai(live.url, "small-1", include_response_headers=True)

    whole = LENS.read(child.invoke("Hello"))
    pieces = [LENS.read(chunk) for chunk in child.stream("Hello")]

    for part in (whole, pieces[0]):
        assert part.headers is not None
        assert part.headers["x-ratelimit-remaining-requests"] == "99"
    assert [part.headers for part in pieces[1:]] == [None] * (len(pieces) - 1)


@each_order
@each_way
def test_the_error_of_the_first_provider_reaches_the_app_where_both_fail(
    live: Provider, first: Make, second: Make, way: Way
) -> None:
    agents = {"small": first(live.url, "limited-1"), "large": second(live.url, "locked-1")}
    model = ConductorChatModel(policy=BOTH, agents=agents)

    found = attempts(model, way)

    assert [(one.agent, one.kind) for one in found] == [("small", "rate_limit"), ("large", "auth")]


@pytest.mark.parametrize(
    ("first", "second", "way"),
    [
        (openai, anthropic, "invoke"),
        (openai, anthropic, "ainvoke"),  # ChatOpenAI drops a refusal that is streamed
        (anthropic, openai, "invoke"),
        (anthropic, openai, "ainvoke"),
        (anthropic, openai, "stream"),
        (anthropic, openai, "astream"),
    ],
)
def test_another_provider_answers_where_the_first_refuses_and_the_policy_says_so(
    live: Provider, first: Make, second: Make, way: Way
) -> None:
    agents = {"small": first(live.url, "refusing-1"), "large": second(live.url, "large-1")}
    model = ConductorChatModel(policy=REFUSALS, agents=agents)

    answer = ask(model, way)

    assert answer.text == GREETING
    assert failed(answer) == ["refusal", None]


@OF_CHATOPENAI
@each_order
@each_way
@pytest.mark.parametrize("manner", ["babbling", "refusing"])
def test_another_provider_answers_where_the_first_gives_nothing_of_a_schema(
    live: Provider, first: Make, second: Make, way: Way, manner: str
) -> None:
    agents = {"small": first(live.url, f"{manner}-1"), "large": second(live.url, "large-1")}
    policy = BABBLE if manner == "babbling" else REFUSALS
    model = ConductorChatModel(policy=policy, agents=agents)

    answer = ask(model.with_structured_output(City), way, last=True)

    assert answer == City(name="Oslo")
    assert live.models == [f"{manner}-1", "large-1"]


@OF_CHATOPENAI
@each_sdk
@each_way
@pytest.mark.parametrize(
    ("manner", "kind"), [("babbling", "invalid_output"), ("refusing", "refusal")]
)
def test_the_app_hears_why_there_is_nothing_of_a_schema(
    live: Provider, make: Make, way: Way, manner: str, kind: FailureKind
) -> None:
    model = ConductorChatModel(policy=ALONE, agents={"small": make(live.url, f"{manner}-1")})

    (attempt,) = attempts(model.with_structured_output(City), way)

    assert attempt.kind == kind


@each_order
@each_way
def test_a_loop_of_tools_goes_on_with_another_provider(
    live: Provider, first: Make, second: Make, way: Way
) -> None:
    agents = {"small": first(live.url, "small-1"), "large": second(live.url, "large-1")}
    model = ConductorChatModel(policy=BOTH, agents=agents)
    tired = ConductorChatModel(policy=BOTH, agents={**agents, "small": first(live.url, "broken-1")})
    question = HumanMessage("How is 'Oslo'?")

    wish = ask(model.bind_tools([weather]), way, [question])
    answer = ask(
        tired.bind_tools([weather]), way, [question, wish, weather.invoke(wish.tool_calls[0])]
    )

    assert [call["args"] for call in wish.tool_calls] == [{"city": "Oslo"}]
    assert answer.text == GREETING
    assert live.models == ["small-1", "broken-1", "large-1"]


MARKED: dict[str, Any] = {
    "type": "text", "text": "Is it 'Oslo'?", "cache_control": {"type": "ephemeral"}
}  # fmt: skip
THOUGHT: dict[str, Any] = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


@each_way
def test_another_provider_is_sent_nothing_that_it_would_refuse(live: Provider, way: Way) -> None:
    agents = {"small": anthropic(live.url, "limited-1"), "large": openai(live.url, "large-1")}
    model = ConductorChatModel(policy=BOTH, agents=agents)
    said = AIMessage(
        [THOUGHT, {"type": "text", "text": "Yes."}],
        response_metadata={"model_provider": "anthropic"},
    )

    answer = ask(model, way, [HumanMessage("Hello"), said, HumanMessage([MARKED])])

    assert answer.text == GREETING
    first, second = (json.dumps(body["messages"]) for _, body in live.asked)
    assert ("cache_control" in first, "signature" in first) == (True, True)
    assert ("cache_control" in second, "signature" in second) == (False, False)


@each_way
def test_a_refusal_in_words_is_an_answer_where_the_policy_says_nothing(
    live: Provider, way: Way
) -> None:
    agents = {"small": anthropic(live.url, "refusing-1"), "large": openai(live.url, "large-1")}
    model = ConductorChatModel(policy=BOTH, agents=agents)

    answer = ask(model, way)

    assert answer.text == REFUSAL
    assert failed(answer) == [None]
