"""`ConductorMiddleware`: a policy that decides who answers each model call of an agent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from langchain.agents.middleware.types import (
    AgentMiddleware,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
)
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.runnables.config import RunnableConfig, var_child_runnable_config
from langgraph.types import Command

from conductor_mw import Answer, Attempt, Conductor, ConductorError, Failure, Part, Request
from conductor_mw_langchain.building import conductor_of
from conductor_mw_langchain.stamp import KEY, stamped

from .call import ModelCall
from .facts import facts_of
from .models import Copies
from .refusing import WORDS, OnRefusal, ended, ending
from .shaping import shaped
from .state import KEPT, RECORDS, ConductorState, kept_of, trajectory_in
from .tracing import TRACE_POLICY


class ConductorMiddleware(AgentMiddleware[ConductorState, Any, Any]):
    """Lets a policy decide who answers each model call of an agent of `create_agent`.

    Every flow of the policy works: fallback, cascade, parallel, consensus, sequence, people. The
    agent's own `model` answers nothing, unless the policy says `mode: observe`.

    Example:
        >>> from langchain.agents import create_agent
        >>> from langchain_core.language_models import FakeListChatModel
        >>> policy = '''
        ... agents: [{id: small, simulated: Hello.}]
        ... routing: {default: small}
        ... '''
        >>> agent = create_agent(
        ...     FakeListChatModel(responses=["never asked"]),
        ...     middleware=[ConductorMiddleware(policy)],
        ... )
        >>> state = agent.invoke({"messages": [("user", "Hi")]})
        >>> state["messages"][-1].content, state["conductor"][-1]["agent"]
        ('Hello.', 'small')
    """

    state_schema = ConductorState
    trace_policy = TRACE_POLICY

    def __init__(
        self,
        policy: str | Path | None = None,
        *,
        agents: Mapping[str, object] | None = None,
        conductor: Conductor | None = None,
        state: Sequence[str] = (),
        on_refusal: OnRefusal = "raise",
        **options: Any,
    ) -> None:
        """Load the policy.

        Args:
            policy: the path of the policy file, or the policy itself, as text of several lines.
            agents: the app's objects, by agent id: chat models, or anything else that answers.
            conductor: one that is shared with other parts of the app, instead of all of the above.
            state: the keys of the agent's state that rules may read, as `metadata.state.<key>`.
            on_refusal: what happens where a budget, a limit, a guarantee or a person refuses:
                `raise` the failure, or `end` the agent's run with a message that says so.
            options: what else `Conductor` takes, for example `seed` or `approvals`.

        Raises:
            PolicyError: the policy cannot be used as written.
            ConductorError: there is no policy, or an option says nothing.
        """
        super().__init__()
        if on_refusal not in ("raise", "end"):
            raise ConductorError(
                f"`on_refusal={on_refusal!r}` says nothing", mend='Write "raise" or "end".'
            )
        if conductor is None:
            options.setdefault("app", _App())
        self.conductor = conductor_of(policy, agents=agents or {}, conductor=conductor, **options)
        self._state = tuple(state)
        self._on_refusal: OnRefusal = on_refusal
        self._copies = Copies()

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ExtendedModelResponse[Any]:
        """Answer a model call as the policy says.

        Raises:
            Exception: what the agent that was asked first raised, where nobody answered;
                `conductor_mw.attempts_of(error)` tells every attempt.
            Failure: the policy refused.
        """
        call, asked = self._asked(request, handler)
        try:
            answer = self.conductor.call(asked, trajectory=trajectory_in(request.state))
        except Failure as failure:
            return self._refused(failure, request)
        return _response(call, answer)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ExtendedModelResponse[Any]:
        """Answer a model call as the policy says, on the running event loop. Raises the same."""
        call, asked = self._asked(request, handler)
        try:
            answer = await self.conductor.acall(asked, trajectory=trajectory_in(request.state))
        except Failure as failure:
            return self._refused(failure, request)
        return _response(call, answer)

    def _asked(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> tuple[ModelCall, Request]:
        config: RunnableConfig = var_child_runnable_config.get() or {}
        context: Any = getattr(request.runtime, "context", None)
        call = ModelCall(request, handler, self._copies, config)
        return call, call.asks(facts_of(config, context, request.state, self._state))

    def _refused(self, failure: Failure, request: ModelRequest[Any]) -> ExtendedModelResponse[Any]:
        if self._on_refusal == "raise" or failure.kind not in WORDS or ended(request.state):
            raise failure
        return ending(failure)


class _App:
    """Speaks for a policy that only observes: with the agent's own model."""

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give what the agent's own model says."""
        payload: Any = attempt.request.native
        call: ModelCall = payload.origin
        async with aclosing(call.answer_as_app()) as parts:
            async for part in parts:
                yield part


def _response(call: ModelCall, answer: Answer) -> ExtendedModelResponse[Any]:
    """Give the answer as `create_agent` takes it, with the decision beside it."""
    native: Any = answer.native
    response = call.response_of(native)
    if response is None:
        message = _message(native, answer, call)
        response = shaped(message, call.request.response_format)
    else:
        message = native
    told = stamped(message, answer)
    if told.id is None:
        told.id = f"conductor-{answer.id}"
    result = [told if one is message else one for one in response.result]
    record = told.response_metadata[KEY]
    update: dict[str, Any] = {RECORDS: [record]}
    kept = kept_of(answer, told)
    if kept is not None or call.request.state.get(KEPT):
        update[KEPT] = kept
    return ExtendedModelResponse(
        ModelResponse(result=result, structured_response=response.structured_response),
        Command(update=update),
    )


def _message(native: Any, answer: Answer, call: ModelCall) -> AIMessage:
    """Give the message of an answer that no model of LangChain gave, or that was put together."""
    if isinstance(native, AIMessageChunk):
        whole: Any = message_chunk_to_message(native)
        native = whole
    message = native if isinstance(native, AIMessage) else AIMessage(answer.text)
    name = (call.config.get("metadata") or {}).get("lc_agent_name")
    if message.name is None and isinstance(name, str):
        return message.model_copy(update={"name": name})
    return message
