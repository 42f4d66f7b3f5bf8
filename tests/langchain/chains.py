"""Chains for tests, the four ways to ask one, and a handler that writes down their runs."""
# ruff: noqa: ARG002 - the arguments are LangChain's

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Literal
from uuid import UUID

import pytest
from conductor_mw_langchain import ConductorRunnable
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda

from conductor_mw import Conductor, Request
from conductor_mw.run import Run
from tests.langchain.oracle import Oracle

Way = Literal["invoke", "ainvoke", "stream", "astream"]
WAYS: Final[tuple[Way, ...]] = ("invoke", "ainvoke", "stream", "astream")
STREAMS: Final[tuple[Way, ...]] = ("stream", "astream")
each_way = pytest.mark.parametrize("way", WAYS)
each_stream = pytest.mark.parametrize("way", STREAMS)

TWO: Final = """
agents: [{id: faq}, {id: research}]
flows: {either: {fallback: [faq, research], on: [connection, invalid_output]}}
signals: {tier: {from: metadata.tier, type: string, default: ""}}
routing:
  rules:
    - {id: pro, condition: "tier == 'pro'", target: research}
    - {id: why, condition: "input.text.contains('why')", target: research}
  default: either
"""


def template(model: Any) -> Runnable[Any, str]:
    """A chain as apps have them: a prompt that takes a question, a model, a parser."""
    prompt: Any = ChatPromptTemplate.from_template("Answer {question}")
    chain: Runnable[Any, str] = prompt | model | StrOutputParser()
    return chain


def says(answer: Any) -> Runnable[Any, Any]:
    """A chain that always gives the same object, or raises it where it is an error."""

    def give(asked: Any) -> Any:
        del asked
        if isinstance(answer, Exception):
            raise answer
        return answer

    return RunnableLambda(give)


def streams(*chunks: Any) -> Runnable[Any, Any]:
    """A chain that streams these chunks, and raises what among them is an error."""

    def give(asked: Iterator[Any]) -> Iterator[Any]:
        for _ in asked:
            pass
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def agive(asked: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for _ in asked:
            pass
        for chunk in give(iter(())):
            yield chunk

    return RunnableGenerator(give, agive)


class Keeping:
    """A chain that gives what `answer` gives of its input, and keeps every input."""

    def __init__(self, answer: Any = "Kept.") -> None:
        self.asked: list[Any] = []
        self._answer = answer
        self.chain: Runnable[Any, Any] = RunnableLambda(self._give)

    def _give(self, asked: Any) -> Any:
        self.asked.append(asked)
        return self._answer(asked) if callable(self._answer) else self._answer


def two(policy: str = TWO, **of_faq: Any) -> ConductorRunnable:
    """Two chains of one shape; `of_faq` says how the first one's model fails."""
    return ConductorRunnable(
        policy=policy,
        agents={
            "faq": template(Oracle(model="faq-1", **of_faq)),
            "research": template(Oracle(model="research-1")),
        },
    )


def ask(chain: Any, asked: Any, way: Way, config: Any = None, **kwargs: Any) -> Any:
    """Ask in one of the four ways; the chunks of a stream are a list."""
    if way == "invoke":
        return chain.invoke(asked, config, **kwargs)
    if way == "ainvoke":
        return asyncio.run(chain.ainvoke(asked, config, **kwargs))
    if way == "stream":
        return list(chain.stream(asked, config, **kwargs))

    async def read() -> Any:
        return [chunk async for chunk in chain.astream(asked, config, **kwargs)]

    return asyncio.run(read())


def told(chain: Any, asked: str, way: Way, config: Any = None, **kwargs: Any) -> str:
    """Ask chains that take a question and give texts, and give the whole text."""
    found = ask(chain, {"question": asked}, way, config, **kwargs)
    return found if isinstance(found, str) else "".join(found)


class Runs(BaseCallbackHandler):
    """Writes down which run began and ended, and below which other run."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[UUID, str] = {}
        self.parents: dict[UUID, UUID | None] = {}
        self.tags: dict[str, list[str]] = {}
        self.metadata: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, Any] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, **said: Any) -> None:
        self._started(said["name"], said)

    def on_chat_model_start(self, serialized: Any, messages: Any, **said: Any) -> None:
        self._started("model", said)

    def on_chain_end(self, outputs: Any, **said: Any) -> None:
        name = self.names[said["run_id"]]
        self.lines.append(f"{name} ends")
        self.outputs[name] = outputs

    def on_chain_error(self, error: BaseException, **said: Any) -> None:
        self.lines.append(f"{self.names[said['run_id']]} fails: {type(error).__name__}")

    def path(self, name: str) -> list[str]:
        """Give the names of the runs from the outermost down to the first one of this name."""
        found = next(run for run, one in self.names.items() if one == name)
        path: list[str] = []
        while found is not None:
            path.insert(0, self.names[found])
            found = self.parents.get(found)  # type: ignore[assignment]
        return path

    def _started(self, name: str, said: dict[str, Any]) -> None:
        self.lines.append(f"{name} starts")
        self.names[said["run_id"]] = name
        self.parents[said["run_id"]] = said["parent_run_id"]
        self.tags[name] = said["tags"]
        self.metadata[name] = said["metadata"]


class Remembering(Conductor):
    """Keeps its last run, to be looked into."""

    run: Run

    def begin(self, request: Request, **options: Any) -> Run:
        self.run = super().begin(request, **options)
        return self.run

    def spent(self) -> list[tuple[str, int, int, float | None]]:
        """Give each attempt's agent, tokens in, tokens out and dollars, oldest first."""
        return [
            (
                one.agent, one.usage.input_tokens, one.usage.output_tokens,
                None if one.cost is None else one.cost.dollars,
            )
            for one in self.run.attempts
        ]  # fmt: skip


def remembered(policy: str, **chains: Any) -> tuple[ConductorRunnable, Remembering]:
    """A runnable over a conductor that can be looked into."""
    conductor = Remembering.from_text(policy, agents=chains)
    assert isinstance(conductor, Remembering)
    return ConductorRunnable(conductor=conductor), conductor
