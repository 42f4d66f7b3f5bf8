"""The provider `conductor/<policy>`: wherever LiteLLM takes a model's name, a policy may stand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final

from conductor_mw import ConductorError

from .answering import Chunks, completion_of, costing, headers_of, tell_loggers
from .asking import request_of, seconds_of
from .failing import tell_attempts
from .gate import GATE, PROVIDER
from .guard import awithin, inside, within
from .hearing import opened, tell, tell_decision
from .loading import litellm
from .policies import POLICIES, Policies
from .refusing import raised

litellm()  # before the line below: importing it may otherwise ask the network for prices
from litellm.llms.custom_llm import CustomLLM  # noqa: E402 - see above

LONGEST: Final = 80
"""Characters of a name that errors repeat."""

if TYPE_CHECKING:
    handler: ConductorProvider
    """For `custom_provider_map` of a proxy's `config.yaml`: `conductor_mw_litellm.handler`."""


class ConductorProvider(CustomLLM):
    """Answers `conductor/<name>` with the policy of that name.

    Args:
        policies: the policies; those of the process where left out.
    """

    def __init__(self, policies: Policies = POLICIES) -> None:
        super().__init__()
        self._policies = policies
        self._open = True
        GATE.open()

    def close(self) -> None:
        """Let LiteLLM judge parameters again as it did before this provider was made."""
        if self._open:
            self._open = False
            GATE.close()

    def completion(self, *args: Any, **call: Any) -> Any:
        """Give the answer to a sync caller."""
        name: str = call["model"]
        try:
            with inside(name):
                conductor = self._policies.of(name)
                answer = conductor.call(request_of(call, stream=False), deadline=seconds_of(call))
        except (ConductorError, TimeoutError) as error:
            raise raised(error, _full(name)) from error
        tell_loggers(call, headers_of(answer))
        return completion_of(answer)

    async def acompletion(self, *args: Any, **call: Any) -> Any:
        """Give the answer on the running event loop."""
        name: str = call["model"]
        try:
            with inside(name):
                conductor = self._policies.of(name)
                answer = await conductor.acall(
                    request_of(call, stream=False), deadline=seconds_of(call)
                )
        except (ConductorError, TimeoutError) as error:
            raise raised(error, _full(name)) from error
        tell({**headers_of(answer), **costing(answer)})
        tell_loggers(call, headers_of(answer))
        return completion_of(answer)

    def streaming(self, *args: Any, **call: Any) -> Iterator[Any]:
        """Give the answer chunk by chunk to a sync caller."""
        name: str = call["model"]
        chunks = Chunks()
        try:
            with inside(name):
                conductor = self._policies.of(name)
                stream = conductor.stream(request_of(call, stream=True), deadline=seconds_of(call))
            with stream as parts:
                for part in within(name, parts):
                    yield from chunks.of(part)
            answer = parts.answer
            tell_loggers(call, headers_of(answer))
            yield from chunks.last(answer)
        except (ConductorError, TimeoutError) as error:
            raise raised(error, _full(name)) from error
        except Exception as error:
            tell_attempts(error, getattr(error, "original_exception", None))
            raise

    def astreaming(  # type: ignore[override]  # LiteLLM iterates over it and awaits nothing
        self, *args: Any, **call: Any
    ) -> AsyncIterator[Any]:
        """Give the answer chunk by chunk on the running event loop."""
        return opened(self._astreaming(call))

    async def _astreaming(self, call: dict[str, Any]) -> AsyncGenerator[Any, None]:
        name: str = call["model"]
        chunks = Chunks()
        silent = True
        try:
            with inside(name):
                conductor = self._policies.of(name)
                stream = conductor.astream(request_of(call, stream=True), deadline=seconds_of(call))
            async with stream as parts:
                tell_decision(parts)
                async for part in awithin(name, parts):
                    if silent and part.origin is not None:
                        silent = False
                        tell(headers_of(parts.answer))
                    for chunk in chunks.of(part):
                        yield chunk
            answer = parts.answer
            if silent:
                tell(headers_of(answer))
            tell_loggers(call, headers_of(answer))
            for chunk in chunks.last(answer):
                yield chunk
        except (ConductorError, TimeoutError) as error:
            raise raised(error, _full(name)) from error
        except Exception as error:
            tell_attempts(error, getattr(error, "original_exception", None))
            raise


def _full(name: str) -> str:
    return f"{PROVIDER}/{name[:LONGEST]}"


def __getattr__(name: str) -> object:
    # Made when it is first asked for: `install` has a provider of its own, which it can take back.
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[name] = ConductorProvider()
    return made
