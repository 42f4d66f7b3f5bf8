"""Who turns a question into a vector: this machine, an object of the app, or a provider."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias

from conductor_mw import ConductorError, Io

from .minilm import MiniLM

LOCAL: Final = "local"
APP: Final = "app"
Vector: TypeAlias = Sequence[float]


class Embedder(Protocol):
    """Gives vectors, for callers of both colours."""

    async def embed(self, text: str) -> Vector:
        """Give a text's vector, of any length that is always the same."""
        ...


class Local:
    """MiniLM on this machine, read from the disk when it is first asked."""

    def __init__(self) -> None:
        self._model: MiniLM | None = None
        self._lock: Final = threading.Lock()

    async def embed(self, text: str) -> Vector:
        """Give a text's vector; in a thread for async callers."""
        io: Io[Vector] = Io(lambda: self._embed(text))
        return await io

    def _embed(self, text: str) -> Vector:
        with self._lock:
            if self._model is None:
                self._model = MiniLM.load()
        return self._model.embed(text)


class App:
    """An object of the app: a function of a text, sync or async, or a LangChain `Embeddings`."""

    def __init__(self) -> None:
        self.bound: Any = None

    async def embed(self, text: str) -> Vector:
        """Give a text's vector.

        Raises:
            ConductorError: nothing is bound, or what is bound is async and the caller is not.
        """
        bound = self.bound
        if bound is None:
            raise ConductorError(
                "no embedder is bound",
                mend='conductor.layer("cache").embed_with(embeddings)',
            )
        embed = getattr(bound, "embed_query", bound)
        aembed = getattr(bound, "aembed_query", None)
        if inspect.iscoroutinefunction(embed):
            embed, aembed = _refuse, embed
        found: Vector = await Io(
            lambda: embed(text), aio=None if aembed is None else lambda: aembed(text)
        )
        return found


def _refuse(text: str) -> Vector:
    del text
    raise ConductorError(
        "the embedder is async, and a sync caller asks", mend="bind one that has both colours"
    )


class Provider:
    """A provider's embedding model, by its LiteLLM name."""

    def __init__(self, model: str) -> None:
        self._model = model

    async def embed(self, text: str) -> Vector:
        """Give a text's vector. The provider's own exception is raised where it fails."""
        asked: dict[str, Any] = {"model": self._model, "input": [text]}
        answer: Any = await Io(
            lambda: _litellm().embedding(**asked), aio=lambda: _litellm().aembedding(**asked)
        )
        found: Vector = answer.data[0]["embedding"]
        return found


def _litellm() -> Any:
    try:
        import litellm
    except ImportError as error:
        raise ConductorError(
            "the embedder is a provider's model, which LiteLLM reaches",
            mend="pip install 'conductor-mw[litellm]'",
        ) from error
    return litellm


def embedder_of(name: str) -> Embedder:
    """Give the embedder of a name."""
    if name == LOCAL:
        return Local()
    return App() if name == APP else Provider(name)
