"""Agents for the tests of the middleware, and the four ways to run them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from conductor_mw_langchain import ConductorMiddleware
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from tests.langchain.oracle import Oracle

AGENTS = "agents: [{id: small}, {id: large}]\n"
QUESTION = {"messages": [("user", "the weather in 'Paris'?")]}

_AGENTS: Any = import_module("langchain.agents")
create = _AGENTS.create_agent
Way = Callable[..., Awaitable[dict[str, Any]]]


@tool
def get_weather(location: str) -> str:
    """Tell the weather somewhere."""
    return f"sunny in {location}"


def crew(**small: Any) -> dict[str, Oracle]:
    """Two children; what is given makes the small one fail."""
    return {"small": Oracle(model="small-1", **small), "large": Oracle(model="large-1")}


def agent(
    routing: str,
    agents: Mapping[str, object] | None = None,
    *,
    policy: str = AGENTS,
    tools: Sequence[Any] = (get_weather,),
    options: Mapping[str, Any] | None = None,
    before: Sequence[Any] = (),
    after: Sequence[Any] = (),
    **given: Any,
) -> Any:
    """An agent under a policy; its own model must never be asked."""
    middleware = ConductorMiddleware(
        f"{policy}routing: {routing}\n",
        agents=crew() if agents is None else agents,
        **(options or {}),
    )
    own = Oracle(model="own", fails=AssertionError("the agent's own model was asked"))
    given.setdefault("model", own)
    return create(tools=list(tools), middleware=[*before, middleware, *after], **given)


async def _invoke(agent: Any, question: Any = QUESTION, config: Any = None, **kw: Any) -> Any:
    return agent.invoke(question, config, **kw)


async def _ainvoke(agent: Any, question: Any = QUESTION, config: Any = None, **kw: Any) -> Any:
    return await agent.ainvoke(question, config, **kw)


async def _stream(agent: Any, question: Any = QUESTION, config: Any = None, **kw: Any) -> Any:
    return list(agent.stream(question, config, stream_mode="values", **kw))[-1]


async def _astream(agent: Any, question: Any = QUESTION, config: Any = None, **kw: Any) -> Any:
    found = [one async for one in agent.astream(question, config, stream_mode="values", **kw)]
    return found[-1]


WAYS: Mapping[str, Way] = {
    "invoke": _invoke, "ainvoke": _ainvoke, "stream": _stream, "astream": _astream,
}  # fmt: skip


def answered(state: Mapping[str, Any]) -> list[str]:
    """The agents that answered, by what the messages say."""
    return [
        message.response_metadata["conductor"]["agent"]
        for message in state["messages"]
        if isinstance(message, AIMessage)
    ]
