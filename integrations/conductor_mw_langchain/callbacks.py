"""Let a policy look at every call of a LangChain app, and refuse it, with no call site changed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import LLMResult

from conductor_mw import Conductor

from .attending import LOST_AFTER, Attending, Unknown
from .building import conductor_of
from .conducted import CONDUCTED
from .recognising import model_of
from .told import answer_in, request_of

if TYPE_CHECKING:
    from uuid import UUID

_LOG: Final = logging.getLogger("conductor_mw")
_NO_MODELS: Final[Mapping[str, str]] = {}


class ConductorCallbackHandler(BaseCallbackHandler):
    """Counts, records and may refuse the calls that an app makes itself.

    ??? info "Setup"

        Install `conductor-mw[langchain]`. Or change no code at all: set
        `CONDUCTOR_LANGCHAIN_POLICY=conductor.yaml` and run the app as
        `python -m conductor_mw_langchain app.py`.

    ??? info "Key init args"

        | name | |
        | --- | --- |
        | `policy` | path of the policy file |
        | `conductor` | one that is shared with other parts of the app, in its place |
        | `models` | agents by the models that they stand for, where `model:` does not say |
        | `unknown` | `refuse` (default) or `allow` calls of models that no agent stands for |

    ??? info "Invoke"

        >>> from conductor_mw import Failure
        >>> from langchain_core.language_models import FakeListChatModel
        >>> from langchain_core.messages import AIMessage
        >>> handler = ConductorCallbackHandler('''
        ... agents: [{id: small, model: openai/gpt-4o-mini}]
        ... routing: {default: small}
        ... plugins: {limits: {requests: 1/h}}
        ... ''', models={"fakelistchatmodel": "small"})
        >>> model = FakeListChatModel(responses=["Hello."])
        >>> model.invoke("Hi", {"callbacks": [handler]}).text
        'Hello.'
        >>> try:
        ...     model.invoke("Hi", {"callbacks": [handler]})
        ... except Failure as failure:
        ...     failure.kind
        'limited'

    A refusal is raised before the provider is called, in every way in which LangChain calls a
    model. So is whatever keeps us from telling whether a call may be made: it fails closed.
    Nothing is routed, answered or changed: for that, put a `ConductorChatModel` or a
    `ConductorMiddleware` in the place of the model. Calls that those make are not counted again.

    !!! warning

        In async code it works in the event loop's own thread, so a shared store is asked there,
        and nobody waits for room: a call for which there is none is refused. With
        `run_inline=False` LangChain calls it in threads instead.
    """

    raise_error = True

    def __init__(
        self,
        policy: str | Path | None = None,
        *,
        conductor: Conductor | None = None,
        models: Mapping[str, str] = _NO_MODELS,
        unknown: Unknown = "refuse",
        lost_after: float = LOST_AFTER,
        run_inline: bool = True,
    ) -> None:
        """Load a policy; with neither a policy nor a conductor, the one the environment names.

        Args:
            policy: path of the policy file, or its text in several lines.
            conductor: one that is shared with other parts of the app.
            models: ids of agents by `provider/model`, or by the model's name alone, as LangChain's
                traces tell them (`ls_provider`, `ls_model_name`).
            unknown: what happens to calls of other models. Allowed ones are recorded and count for
                limits, but no budget knows their price; every guarantee forbids them.
            lost_after: seconds after which a call whose end LangChain never told counts as stopped.
            run_inline: whether async code calls it in the event loop's own thread.

        Raises:
            ConductorError: there is no policy, or it cannot be used.
        """
        super().__init__()
        self.run_inline = run_inline
        if policy is None and conductor is None:
            from .environment import attending

            self._attending = attending()
            return
        self._attending = Attending(
            conductor_of(policy, agents={}, conductor=conductor),
            models=models,
            unknown=unknown,
            lost_after=lost_after,
        )

    @property
    def conductor(self) -> Conductor:
        """The policy at work; `close()` lets its layers flush."""
        return self._attending.conductor

    @property
    def under_way(self) -> int:
        """How many calls have begun and not ended."""
        return len(self._attending)

    @property
    def ignore_chain(self) -> bool:
        """True: only calls of models matter here."""
        return True

    @property
    def ignore_agent(self) -> bool:
        """True, as for chains."""
        return True

    @property
    def ignore_retriever(self) -> bool:
        """True, as for chains."""
        return True

    @property
    def ignore_custom_event(self) -> bool:
        """True, as for chains."""
        return True

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Let the policy look at a call of a chat model.

        Raises:
            Failure: the call must not be made.
        """
        self._begin(messages[0], run_id, metadata, kwargs)

    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Let the policy look at a call of a model that knows no messages.

        Raises:
            Failure: the call must not be made.
        """
        self._begin([HumanMessage(prompt) for prompt in prompts], run_id, metadata, kwargs)

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Take in that an answer is read part by part."""
        self._attending.heard(run_id)

    def on_stream_event(self, event: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Take in the same of the events of `version="v3"`."""
        self._attending.heard(run_id)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Settle a call with the tokens that it used.

        Raises:
            Failure: the answer must not be used, of which a stream's caller has read the text.
        """
        self._attending.end(run_id, answer_in(response))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Settle a call that failed or was stopped; its own error goes on to the app."""
        try:
            so_far: LLMResult | None = kwargs.get("response")
            self._attending.fail(run_id, error, so_far and answer_in(so_far))
        except Exception:  # noqa: BLE001 - logged: raised here, it would hide why the call failed
            _LOG.exception("a failed call could not be settled")

    def _begin(
        self,
        messages: list[Any],
        run_id: UUID,
        metadata: dict[str, Any] | None,
        kwargs: Mapping[str, Any],
    ) -> None:
        if CONDUCTED.get():
            return
        told = metadata or {}
        parameters: dict[str, Any] = kwargs.get("invocation_params") or {}
        batch = metadata if kwargs.get("batch_size", 1) > 1 else None
        request, model = request_of(messages, told, parameters), model_of(told, parameters)
        self._attending.begin(run_id, request, model, batch)
