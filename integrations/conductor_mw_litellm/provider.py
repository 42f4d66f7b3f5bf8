"""The provider `conductor/<policy>`: wherever LiteLLM takes a model's name, a policy may stand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

from conductor_mw import Conductor, ConductorError

from .answering import Chunks, completion_of, costing, headers_of
from .asking import request_of, seconds_of
from .failing import told
from .gate import open_gate
from .hearing import opened, tell
from .loading import litellm
from .policies import POLICIES, Policies
from .refusing import raised

litellm()  # before the line below: importing it may otherwise ask the network for prices
from litellm.llms.custom_llm import CustomLLM  # noqa: E402


class ConductorProvider(CustomLLM):
    """Answers `conductor/<name>` with the policy of that name.

    Args:
        policies: the policies; those of the process where left out.
    """

    def __init__(self, policies: Policies = POLICIES) -> None:
        super().__init__()
        self._policies = policies
        open_gate()

    def completion(self, *args: Any, **call: Any) -> Any:
        """Give the answer to a sync caller."""
        conductor, model = self._conductor(call)
        try:
            return completion_of(
                conductor.call(request_of(call, stream=False), deadline=seconds_of(call))
            )
        except ConductorError as error:
            raise told(error, model) from error

    async def acompletion(self, *args: Any, **call: Any) -> Any:
        """Give the answer on the running event loop."""
        conductor, model = self._conductor(call)
        try:
            answer = await conductor.acall(
                request_of(call, stream=False), deadline=seconds_of(call)
            )
        except ConductorError as error:
            raise raised(error, model) from error
        tell({**headers_of(answer), **costing(answer)})
        return completion_of(answer)

    def streaming(self, *args: Any, **call: Any) -> Iterator[Any]:
        """Give the answer chunk by chunk to a sync caller."""
        conductor, model = self._conductor(call)
        chunks = Chunks()
        try:
            with conductor.stream(
                request_of(call, stream=True), deadline=seconds_of(call)
            ) as parts:
                for part in parts:
                    yield from chunks.of(part)
            yield from chunks.last(parts.answer)
        except ConductorError as error:
            raise told(error, model) from error

    def astreaming(  # type: ignore[override]  # LiteLLM iterates over it and awaits nothing
        self, *args: Any, **call: Any
    ) -> AsyncIterator[Any]:
        """Give the answer chunk by chunk on the running event loop."""
        return opened(self._astreaming(call))

    async def _astreaming(self, call: dict[str, Any]) -> AsyncGenerator[Any, None]:
        conductor, model = self._conductor(call)
        chunks = Chunks()
        untold = True
        try:
            async with conductor.astream(
                request_of(call, stream=True), deadline=seconds_of(call)
            ) as parts:
                async for part in parts:
                    if untold and part.origin is not None:
                        untold = False
                        tell(headers_of(parts.answer))
                    for chunk in chunks.of(part):
                        yield chunk
            answer = parts.answer
            if untold:  # nobody said a word
                tell(headers_of(answer))
            for chunk in chunks.last(answer):
                yield chunk
        except ConductorError as error:
            raise raised(error, model) from error

    def _conductor(self, call: dict[str, Any]) -> tuple[Conductor, str]:
        name: str = call["model"]
        try:
            return self._policies.of(name), f"conductor/{name}"
        except ConductorError as error:
            raise raised(error, f"conductor/{name}") from error


handler = ConductorProvider()
"""For `custom_provider_map` of a proxy's `config.yaml`: `conductor_mw_litellm.handler`."""
