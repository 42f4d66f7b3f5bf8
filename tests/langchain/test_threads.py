"""One model serves many threads and tasks at once, and every caller gets its own answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from itertools import count
from typing import Any

from conductor_mw_langchain import ConductorChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from tests.langchain.oracle import Oracle
from tests.langchain.ways import EITHER, Traces, who, whole

caller: ContextVar[str] = ContextVar("caller", default="nobody")


@tool
def echo(text: str) -> str:
    """Say it again."""
    return text


class Said(BaseModel):
    """What was said."""

    text: str


class Echo(Oracle):
    """Says who called and what was asked."""

    def answer(self, messages: Any, kwargs: Any) -> AIMessage:
        answer = super().answer(messages, kwargs)
        if answer.tool_calls:
            return answer
        told = f"{caller.get()} asked {self.model}: {messages[-1].text}"
        return answer.model_copy(update={"content": told})


def routed() -> ConductorChatModel:
    agents = {"small": Echo(model="small"), "large": Echo(model="large")}
    return ConductorChatModel(policy=EITHER, agents=agents)


def asked(number: int) -> tuple[str, str, Any]:
    """Give a question of its own, who must answer it, and its config with a tracer of its own."""
    agent = "large" if number % 3 == 0 else "small"
    question = f"'{number}'" + (" for what reason" if number % 2 == 0 else "")
    tier = "pro" if agent == "large" else "free"
    agent = "large" if "reason" in question else agent
    return question, agent, {"metadata": {"tier": tier}, "callbacks": [Traces()]}


def check(number: int, answer: Any) -> None:
    question, agent, _ = asked(number)
    assert answer.text == f"caller {number} asked {agent}: {question}"
    assert who(answer) == agent
    assert len(answer.response_metadata["conductor"]["attempts"]) == 1


def alone(config: Any) -> None:
    """The tracer of a call saw this call and no other."""
    (root,) = config["callbacks"][0].roots
    assert len(root.child_runs) == 1


def test_sixty_four_threads_get_their_own_answers() -> None:
    model, runs = routed(), set[str]()

    def one(number: int) -> None:
        caller.set(f"caller {number}")
        question, _, config = asked(number)
        answer: Any
        if number % 4 < 2:
            answer = model.invoke(question, config)
        else:
            answer = whole(list(model.stream(question, config)))
        check(number, answer)
        alone(config)
        runs.add(answer.response_metadata["conductor"]["run"])

    with ThreadPoolExecutor(64) as threads:
        list(threads.map(one, range(384)))

    assert len(runs) == 384


async def test_two_hundred_tasks_get_their_own_answers() -> None:
    model, runs = routed(), set[str]()

    async def one(number: int) -> None:
        caller.set(f"caller {number}")
        question, _, config = asked(number)
        answer: Any
        if number % 4 < 2:
            answer = await model.ainvoke(question, config)
        else:
            answer = whole([chunk async for chunk in model.astream(question, config)])
        check(number, answer)
        alone(config)
        runs.add(answer.response_metadata["conductor"]["run"])

    await asyncio.gather(*(one(number) for number in range(200)))

    assert len(runs) == 200


def test_threads_that_bind_tools_and_shapes_at_once_get_their_own() -> None:
    model: Any = routed()
    bound, shaped = model.bind_tools([echo]), model.with_structured_output(Said)

    def one(number: int) -> None:
        question, _, config = asked(number)
        config.pop("callbacks")
        if number % 2:
            (call,) = bound.invoke(question, config).tool_calls
            assert call["args"] == {"text": str(number)}
        else:
            assert shaped.invoke(question, config) == Said(text=str(number))

    with ThreadPoolExecutor(32) as threads:
        list(threads.map(one, range(192)))


def test_a_batch_uses_threads_and_keeps_the_callers_context() -> None:
    model, token = routed(), caller.set("the batch")
    questions: list[Any] = [asked(number)[0] for number in range(24)]

    answers = model.batch(questions)

    assert [answer.text.partition(": ")[2] for answer in answers] == questions
    assert all(answer.text.startswith("the batch asked") for answer in answers)
    caller.reset(token)


async def test_an_event_loop_and_threads_share_one_model() -> None:
    model, numbers = routed(), count()

    def sync() -> None:
        number = next(numbers)
        caller.set(f"caller {number}")
        question, _, config = asked(number)
        check(number, model.invoke(question, config))

    async def one() -> None:
        number = next(numbers)
        caller.set(f"caller {number}")
        question, _, config = asked(number)
        check(number, await model.ainvoke(question, config))

    await asyncio.gather(*(asyncio.to_thread(sync) for _ in range(40)), *(one() for _ in range(40)))
