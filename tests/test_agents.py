"""Bound objects of every shape, and simulated agents that say the same again."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

import pytest

from conductor_mw import ConductorError, Failure, Part, PolicyError, Request, Usage
from conductor_mw.errors import ColourError, PluginError
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask
from tests.kit import ONE, conductor

SIMULATED = "agents: [{{id: a, simulated: {options}}}]\nrouting: {{default: a}}\n"
OPENAI = {
    "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


def text(request: Request) -> str:
    return f"heard {request.text}"


def part(request: Request) -> Part:
    return Part(f"heard {request.text}")


def answer_of_the_host(request: Request) -> object:
    return {**OPENAI, "choices": [{"message": {"content": f"heard {request.text}"}}]}


def iterator(request: Request) -> Iterator[str]:
    yield "heard "
    yield request.text


def openai(request: Request) -> object:
    del request
    return OPENAI


class Object:
    def __call__(self, request: Request) -> str:
        return f"heard {request.text}"


async def coroutine(request: Request) -> str:
    await asyncio.sleep(0)
    return f"heard {request.text}"


async def async_iterator(request: Request) -> AsyncGenerator[str, None]:
    yield "heard "
    await asyncio.sleep(0)
    yield request.text


class AsyncObject:
    async def __call__(self, request: Request) -> str:
        await asyncio.sleep(0)
        return f"heard {request.text}"


HIDDEN: Callable[[Request], object] = lambda request: f"heard {request.text}"  # noqa: E731 - a lambda is a shape of its own
HIDDEN_COROUTINE: Callable[[Request], object] = lambda request: coroutine(request)  # noqa: E731, PLW0108 - it hides its colour
SYNC_SHAPES: list[Callable[..., object]] = [
    text,
    part,
    answer_of_the_host,
    iterator,
    Object(),
    HIDDEN,
]
ASYNC_SHAPES: list[Callable[..., object]] = [
    coroutine,
    async_iterator,
    AsyncObject(),
    HIDDEN_COROUTINE,
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SYNC_SHAPES)
def test_a_callable_of_any_shape_answers(shape: Callable[..., object], way: Way) -> None:
    assert ask(conductor(a=shape), "hello", way=way).text == "heard hello"


@pytest.mark.parametrize("way", ["acall", "astream"])
@pytest.mark.parametrize("shape", ASYNC_SHAPES)
def test_an_async_callable_of_any_shape_answers(shape: Callable[..., object], way: Way) -> None:
    assert ask(conductor(a=shape), "hello", way=way).text == "heard hello"


@pytest.mark.parametrize("way", ["call", "stream"])
def test_a_hidden_coroutine_is_refused_to_a_sync_caller_and_ended(way: Way) -> None:
    begun: list[Coroutine[object, object, str]] = []

    def hidden(request: Request) -> object:
        begun.append(coroutine(request))
        return begun[0]

    with pytest.raises(ColourError) as caught:
        ask(conductor(ONE, a=hidden), "you", way=way)

    assert str(caught.value) == (
        "agent 'a' is async and was asked by a sync caller\n"
        "  Call acall or astream, or bind a sync function."
    )
    assert inspect.getcoroutinestate(begun[0]) == inspect.CORO_CLOSED


class TwoColours:
    """A stream such as LiteLLM's, which has both colours; only one of them works."""

    def __init__(self, *, sync: bool) -> None:
        self.parts, self.sync = iter(("he", "ard")), sync

    def __iter__(self) -> TwoColours:
        return self

    def __next__(self) -> str:
        assert self.sync
        return next(self.parts)

    def __aiter__(self) -> TwoColours:
        return self

    async def __anext__(self) -> str:
        assert not self.sync
        part = next(self.parts, None)
        if part is None:
            raise StopAsyncIteration
        return part


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_of_both_colours_from_a_sync_function_is_read_as_a_sync_one(way: Way) -> None:
    def agent(_: Request) -> TwoColours:
        return TwoColours(sync=True)

    assert ask(conductor(a=agent), "x", way=way).text == "heard"


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_a_stream_of_both_colours_that_was_awaited_is_read_as_an_async_one(way: Way) -> None:
    async def create() -> TwoColours:
        return TwoColours(sync=False)

    async def agent(_: Request) -> TwoColours:
        return await create()

    def hidden(_: Request) -> Coroutine[object, object, TwoColours]:
        return create()

    assert ask(conductor(a=agent), "x", way=way).text == "heard"
    assert ask(conductor(a=hidden), "x", way=way).text == "heard"


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_cannot_be_read_names_its_agent(way: Way) -> None:
    def agent(_: Request) -> object:
        return {"text": "hi"}

    with pytest.raises(PluginError) as caught:
        ask(conductor(a=agent), "x", way=way)

    assert str(caught.value).startswith("agent 'a': cannot read an answer of type dict\n  ")


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_in_the_hosts_form_comes_back_untouched(way: Way) -> None:
    answer = ask(conductor(a=openai), "hello", way=way)

    assert answer.native is OPENAI
    assert (answer.text, answer.usage) == ("hi", Usage(3, 1))


@pytest.mark.parametrize("way", WAYS)
def test_messages_reach_the_agent_untouched(way: Way) -> None:
    seen: list[object] = []

    def agent(request: Request) -> str:
        seen.append(request.native)
        return "x"

    messages = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]

    ask(conductor(a=agent), messages, way=way)

    assert seen[0]["messages"] is messages  # type: ignore[index]  # a mapping


def test_the_agents_prompt_and_parameters_are_put_on() -> None:
    agent = Scripted("x")
    policy = """
agents: [{id: a, prompt: Be brief., parameters: {temperature: 0.2}}]
routing: {default: a}
"""
    c = conductor(policy, a=agent)

    c.call("hello", top_p=0.5)

    (request,) = agent.asked
    assert [(one.role, one.text) for one in request.messages] == [
        ("system", "Be brief."),
        ("user", "hello"),
    ]
    assert request.parameters == {"temperature": 0.2, "top_p": 0.5}


def test_an_object_that_cannot_answer_is_refused_by_name() -> None:
    with pytest.raises(ConductorError) as caught:
        conductor(a=42)

    assert str(caught.value) == (
        "agent 'a' cannot speak through a int\n"
        "  Bind a callable that takes a Request, or install the integration that knows it."
    )


def test_an_object_for_an_unknown_agent_is_refused() -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(ONE, a=text, b=text)

    assert str(caught.value) == (
        "<policy>:1:1: the app binds an object to the agent 'b', which is not declared\n  known: a"
    )


def test_an_agent_without_anything_that_answers_tells_the_mend() -> None:
    with pytest.raises((ConductorError, PolicyError)) as caught:
        conductor().call("hello")

    assert "Conductor(..., agents={'a': my_function})" in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_simulated_agent_says_its_answer_after_its_latency(way: Way) -> None:
    clock = VirtualClock()
    c = conductor(SIMULATED.format(options="{answer: one two, latency: 80ms}"), clock=clock)

    answer = ask(c, "hello", way=way)

    assert answer.text == "one two"
    assert clock.slept[0] == 0.08


@pytest.mark.parametrize("way", STREAMS)
def test_a_simulated_agent_speaks_at_its_speed(way: Way) -> None:
    clock = VirtualClock()
    options = "{answer: one two three four, tokens_per_second: 10}"
    c = conductor(SIMULATED.format(options=options), clock=clock)

    answer = ask(c, "hello", way=way)

    assert answer.usage.output_tokens == 5
    assert sum(clock.slept) == pytest.approx(0.5)


@pytest.mark.parametrize("way", WAYS)
def test_a_simulated_agent_fails_for_its_share_of_requests(way: Way) -> None:
    c = conductor(SIMULATED.format(options="{answer: ok, errors: {rate_limit: 0.3, timeout: 0.2}}"))

    def kind(number: int) -> str:
        try:
            return ask(c, f"request {number}", way=way).text
        except Failure as failure:
            return failure.kind

    kinds = Counter(kind(number) for number in range(200))

    assert 45 <= kinds["rate_limit"] <= 75
    assert 25 <= kinds["timeout"] <= 55


def test_simulated_agents_do_not_depend_on_the_order_of_requests() -> None:
    policy = SIMULATED.format(options="{answers: [x, y, z], seed: 4}")
    prompts = [f"request {number}" for number in range(30)]

    forwards = {prompt: conductor(policy).call(prompt).text for prompt in prompts}
    backwards = {prompt: conductor(policy).call(prompt).text for prompt in reversed(prompts)}

    assert forwards == backwards
    assert set(forwards.values()) == {"x", "y", "z"}


def test_another_seed_gives_other_answers() -> None:
    first, second = (
        [conductor(SIMULATED.format(options=f"{{answers: [x, y], seed: {seed}}}")).call(f"{n}").text
         for n in range(20)]
        for seed in (1, 2)
    )  # fmt: skip

    assert first != second


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("{answer: x, answers: [y]}", "write `answer` or `answers`, not both"),
        ("{errors: {timeout: 1.5}}", "a share of errors lies between 0 and 1"),
        ("{errors: {timeout: 0.7, refusal: 0.7}}", "the shares of errors add up to more than 1"),
        ("{tokens_per_second: 0}", "greater than 0"),
    ],
)
def test_a_simulation_that_makes_no_sense_is_refused(options: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(SIMULATED.format(options=options))

    assert problem in str(caught.value)
