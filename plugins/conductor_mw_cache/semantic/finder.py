"""Look for an answer to a similar question; in shadow mode only tell what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self, cast

from conductor_mw import Attempted, Clock, ConductorError, Setting, StoreError
from conductor_mw_cache.kept import Kept
from conductor_mw_cache.question import Question, key_of, payload_of
from conductor_mw_cache.shelves import Shelf

from .embedders import APP, LOCAL, App, Embedder, Vector, embedder_of
from .guard import disagreement
from .index import Asked, Indexes, cosine
from .minilm import folder
from .options import DEFAULT, SemanticOptions

LONGEST: Final = 500
"""Characters of a question that is compared. What a long text asks stands in a few of its words,
and its vector hardly moves when they change."""


class Similar(NamedTuple):
    """An answer to a similar question.

    Attributes:
        kept: the answer.
        similarity: the cosine of the two questions.
        differs: in what the guard says that they differ; '' where it agrees.
    """

    kept: Kept
    similarity: float
    differs: str


class Wording(NamedTuple):
    """A question as it is worded, and everything around it.

    Attributes:
        text: the last message, a user's.
        frame: stands for the rest: agent, conversation so far, tools, parameters.
    """

    text: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class Semantic:
    """Compares questions of some routes.

    Attributes:
        options: as the policy wrote them.
        clock: what time it is.
        shelf: where answers lie.
        embedder: makes vectors.
        indexes: the questions that were asked before.
    """

    options: SemanticOptions
    clock: Clock
    shelf: Shelf
    embedder: Embedder
    indexes: Indexes

    @classmethod
    def of(cls, options: SemanticOptions, setting: Setting, shelf: Shelf) -> Self:
        """Give the semantic cache of a policy; what was asked outlives the policy's reload.

        Raises:
            ConductorError: the local model is not installed; or the policy forbids agents, and the
                embedder is another provider's.
        """
        name = options.embedder
        if name == LOCAL:
            folder()
        if name not in (LOCAL, APP) and setting.policy.guarantees.never:
            raise ConductorError(
                f"a guarantee forbids agents, and cannot see where the embedder {name!r} sends "
                "what is asked",
                where="plugins.cache.semantic.embedder",
                mend="use `local`, or `app` with an embedder that you answer for",
            )
        embedder = setting.shared(("cache", "embedder", name), lambda: embedder_of(name))
        return cls(
            options, setting.clock, shelf, embedder,
            setting.shared(("cache", "indexes", name), Indexes),
        )  # fmt: skip

    @property
    def serves(self) -> bool:
        """Whether it answers, rather than only telling what it would have answered."""
        return self.options.mode == "serve"

    def embed_with(self, embedder: object) -> None:
        """Bind the app's embedder.

        Raises:
            ConductorError: the policy does not say `embedder: app`.
        """
        if not isinstance(self.embedder, App):
            raise ConductorError(
                f"the embedder is {self.options.embedder!r}, and no object of the app",
                mend="write `embedder: app` below `cache.semantic`",
            )
        self.embedder.bound = embedder

    def wording(self, attempt: Attempted, question: Question) -> Wording | None:
        """Give what is compared; None where this attempt is not of a route that asks for it."""
        decision = attempt.run.decision
        if decision is None or (decision.rule or DEFAULT) not in self.options.routes:
            return None
        asked = payload_of(attempt)
        messages = cast("Sequence[object]", asked.get("messages") or ())
        last = messages[-1] if isinstance(messages, list | tuple) and messages else None
        if not isinstance(last, Mapping):
            return None
        said = cast("Mapping[str, object]", last)
        text = said.get("content")
        if said.get("role") != "user" or not isinstance(text, str) or not text.strip():
            return None
        if len(text) > LONGEST:
            return None
        around = {**asked, "messages": [*messages[:-1], {**said, "content": ""}]}
        return Wording(text, key_of(attempt, question.partition, around))

    async def find(
        self, attempt: Attempted, question: Question, wording: Wording
    ) -> tuple[Vector | None, Similar | None]:
        """Give the vector of a question, and an answer to the most similar one that is kept."""
        vector = await self._embed(attempt, wording.text)
        if vector is None:
            return None, None
        near = self.indexes.nearest(question.partition, wording.frame, vector)
        for similarity, asked in near:
            if similarity < self.options.threshold:
                break
            kept = await self._kept(question, asked)
            if kept is not None:
                return vector, Similar(kept, similarity, disagreement(asked.text, wording.text))
        return vector, None

    def remember(self, question: Question, wording: Wording, vector: Vector) -> None:
        """Remember a question whose answer was kept."""
        asked = Asked(wording.frame, wording.text, question.key)
        self.indexes.add(question.partition, asked, vector, self.options.most)

    async def compare(
        self, attempt: Attempted, question: Question, wording: Wording, kept: Kept
    ) -> None:
        """Tell what a similar question would have been answered, and remember this one."""
        vector, similar = await self.find(attempt, question, wording)
        if vector is None:
            return
        if similar is not None:
            await self.tell(attempt, similar, kept)
        self.remember(question, wording, vector)

    async def tell(self, attempt: Attempted, similar: Similar, kept: Kept | None = None) -> None:
        """Tell what would have been answered, and how like the real answer it is."""
        likeness = None
        if kept is not None:
            likeness = await self._likeness(attempt, similar.kept.text, kept.text)
        await attempt.run.tell(
            "semantic.would_hit", attempt.path, attempt.number,
            agent=attempt.agent.id, similarity=round(similar.similarity, 4),
            differs=similar.differs, answers=likeness,
        )  # fmt: skip

    async def _kept(self, question: Question, asked: Asked) -> Kept | None:
        other = Question(asked.key, question.partition, question.ttl, question.tool_calls)
        now = self.clock.now()
        try:
            return self.shelf.glance(other, now.monotonic) or await self.shelf.get(other, now)
        except StoreError:
            return None

    async def _likeness(self, attempt: Attempted, one: str, other: str) -> float | None:
        """Give the cosine of two answers: a wrong one often differs from the right one."""
        first = await self._embed(attempt, one)
        second = await self._embed(attempt, other)
        if first is None or second is None:
            return None
        return round(cosine(first, second), 4)

    async def _embed(self, attempt: Attempted, text: str) -> Vector | None:
        try:
            return await self.embedder.embed(text)
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer comes without it
            problem = error.problem if isinstance(error, ConductorError) else type(error).__name__
            await attempt.run.tell("semantic.down", attempt.path, attempt.number, problem=problem)
            return None
