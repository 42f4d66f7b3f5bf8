"""`model:` an agent behind any provider that LiteLLM reaches; imported at the first call."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import Field

from conductor_mw.effects import Attempt, Io, Now, Open
from conductor_mw.errors import ConductorError
from conductor_mw.failures import headers_in
from conductor_mw.parts import Part

from .access import access_of
from .answered import Overheard, told
from .base import Agent, AgentOptions, Speaker
from .parameters import check_request

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.setting import Setting

_OF_THE_PROVIDER: Final = "llm_provider-"
"""What LiteLLM writes in front of the names of the provider's own headers."""
_NO_RETRIES: Final[Mapping[str, int]] = {"TimeoutErrorRetries": 0}


class ModelOptions(AgentOptions):
    """A model by its LiteLLM name, for example `openai/gpt-4o-mini`."""

    model: str = Field(min_length=1, max_length=200, description="The model's LiteLLM name.")
    base_url: str | None = Field(default=None, description="Another address of the same API.")
    api_key: str | None = Field(
        default=None,
        pattern=r"^\$\{env:[A-Za-z_][A-Za-z0-9_]{0,127}\}$",
        description="`${env:NAME}`; a key itself never stands in a policy.",
    )

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """`model: name` is the usual form."""
        return {"model": value} if isinstance(value, str) else value

    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        """Give a speaker that calls LiteLLM.

        Raises:
            ConductorError: LiteLLM is not installed.
        """
        del setting
        if find_spec("litellm") is None:
            raise ConductorError(
                f"agent {agent.id!r} needs LiteLLM to reach {self.model!r}",
                mend="pip install 'conductor-mw[litellm]', or bind an object to the agent.",
            )
        return ModelSpeaker(replace(agent, options=self), self.model)


@dataclass(frozen=True, slots=True)
class ModelSpeaker:
    """Speaks through `completion` and `acompletion` of LiteLLM, or of one of its Routers.

    Attributes:
        agent: who is asked, as its replica where it has several.
        model: what the call names.
        router: a `litellm.Router` that carries the calls out, or None for LiteLLM itself.
    """

    agent: Agent
    model: str
    router: Any = None

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give the model's parts. The provider's own exception is raised where it fails."""
        request, deadline = attempt.request, attempt.deadline
        lens = request.lens
        if not _litellm.cache_info().currsize:
            await Io(_litellm)  # in a thread for async callers: it takes seconds
        if self.router is None:
            self._check_globals(_litellm())
        host = self.router or _litellm()
        timeout = None if deadline is None else max(0.001, deadline - (await Now()).monotonic)
        call = self._call(request, timeout)
        if not request.stream:
            answer = await Io(lambda: host.completion(**call), aio=lambda: host.acompletion(**call))
            yield told(self.agent, _with_headers(lens.read(answer), answer), answer)
            return
        call |= {"stream": True, "stream_options": {"include_usage": True}}
        heard = Overheard()
        opened: Open[Any] = Open(
            lambda: _Chunks(heard.listen(self.agent, host.completion(**call))),
            aio=lambda: _aopen(host, call, partial(heard.listen, self.agent)),
        )
        async with await opened as chunks:
            async for chunk in chunks:
                yield told(self.agent, _with_headers(lens.read(chunk), chunk), heard)

    def _check_globals(self, litellm: Any) -> None:
        # LiteLLM reads these from its module where a call says nothing, or says "none".
        if litellm.model_fallbacks:
            setting = "model_fallbacks"
        elif self.model in (litellm.model_alias_map or {}):
            setting = "model_alias_map"
        else:
            return
        raise ConductorError(
            f"agent {self.agent.id!r}: `litellm.{setting}` of this process would send the call "
            f"elsewhere",
            mend="Unset it, and write the other model as an agent of the policy.",
        )

    def _call(self, request: Request, timeout: float | None) -> dict[str, Any]:
        native = request.native
        if not isinstance(native, Mapping):
            raise ConductorError(
                f"agent {self.agent.id!r} is reached through LiteLLM, which cannot read a "
                f"{type(native).__name__}",
                mend="Bind the host's own object to the agent.",
            )
        payload = cast("Mapping[str, Any]", native)
        check_request(payload, self.agent.id, self.agent.parameters)
        call: dict[str, Any] = {**payload, "model": self.model}
        call.pop("stream", None)
        # Retrying is the policy's business; LiteLLM's own retries would multiply with it. Where
        # `num_retries` is 0, its sync side asks `litellm.num_retries` unless there is a retry
        # policy, and one without numbers retries nothing.
        call["num_retries"] = call["max_retries"] = 0
        call["retry_policy"] = _NO_RETRIES
        if timeout is not None:
            call["timeout"] = timeout
        if self.router is not None:
            call["disable_fallbacks"] = True  # as well: who answers next is the policy's business
        access = access_of(self.agent)
        headers = access.headers
        if self.agent.gateway is not None:
            headers = {**headers, **self.agent.gateway.timed(timeout)}
        if access.base_url is not None:
            call["base_url"] = access.base_url
        if access.api_key is not None:
            call["api_key"] = access.api_key
        if headers:
            given = cast("Mapping[str, str]", call.get("extra_headers") or {})
            call["extra_headers"] = {**given, **headers}
        return call


class _Chunks:
    """Reads LiteLLM's sync stream, and closes it: LiteLLM's own wrapper has only `aclose`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._stream)

    def close(self) -> None:
        """Close the provider's stream, and with it the connection that is still open."""
        inner = getattr(self._stream, "completion_stream", None)
        close = getattr(self._stream, "close", None) or getattr(inner, "close", None)
        if close is not None:
            close()


def _with_headers(part: Part, native: object) -> Part:
    """Give the part with the provider's headers, where LiteLLM keeps them beside this one."""
    hidden: object = getattr(native, "_hidden_params", None)
    if not isinstance(hidden, Mapping):
        return part
    found = headers_in(cast("Mapping[str, object]", hidden).get("additional_headers"))
    if not found:
        return part
    named = {name.removeprefix(_OF_THE_PROVIDER): value for name, value in found.items()}
    return replace(part, headers=named)


async def _aopen(
    host: Any, call: dict[str, Any], listen: Callable[[Any], Any]
) -> AsyncIterator[Any]:
    return cast("AsyncIterator[Any]", listen(await host.acompletion(**call)))


@cache
def _litellm() -> Any:
    ours = "litellm" not in sys.modules
    # Without this, importing LiteLLM fetches a price list from the network.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm  # noqa: PLC0415 - seconds and 200 MB, only for those who call a model

    if ours:
        # On every error it prints advertising to stdout, which is where our answers go. An app that
        # imported LiteLLM itself keeps its own setting.
        litellm.suppress_debug_info = True
    return litellm
