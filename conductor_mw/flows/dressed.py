"""A step's own prompt, parameters, terms and time, put on before its target is asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from conductor_mw.effects import Now
from conductor_mw.parts import Part

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow
    from .template import Template


@dataclass(frozen=True, slots=True)
class Dress:
    """What a step changes of the request, and what it says beside it.

    Attributes:
        prompt: the one user message that takes the conversation's place, or None.
        system: a system prompt put in front, or None.
        parameters: parameters that are set, the others kept.
        show: what a person is shown, or None.
        terms: what a person may choose, and until when.
    """

    prompt: Template | None = None
    system: Template | None = None
    parameters: Mapping[str, Any] | None = None
    show: Template | None = None
    terms: Mapping[str, object] | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to put on."""
        texts = (self.prompt, self.system, self.show)
        return all(text is None for text in texts) and not self.parameters and not self.terms

    @property
    def canonical(self) -> dict[str, object]:
        """Its meaning as plain JSON: what is there, and nothing else."""
        texts = {"prompt": self.prompt, "system": self.system, "show": self.show}
        found: dict[str, object] = {
            key: text.canonical for key, text in texts.items() if text is not None
        }
        if self.parameters:
            found["parameters"] = dict(self.parameters)
        if self.terms:
            found["terms"] = dict(self.terms)
        return found

    async def put_on(self, request: Request, at: At) -> Request:
        """Give the request as the step's target gets it.

        Raises:
            Failure: of kind `invalid_output`, where a template reads what has no value.
        """
        native, lens = request.native, request.lens
        if self.prompt is not None:
            native = lens.fresh(native, await self.prompt.fill(at))
        if self.system is not None:
            native = lens.with_system(native, await self.system.fill(at))
        if self.parameters:
            native = lens.with_parameters(native, self.parameters)
        return request if native is request.native else request.with_native(native)

    async def terms_at(self, at: At) -> dict[str, object]:
        """Give what is said beside the request."""
        terms = {**at.terms, **(self.terms or {})}
        if self.show is not None:
            terms["show"] = await self.show.fill(at)
        return terms


@dataclass(frozen=True, slots=True)
class Dressed:
    """Asks its target with a step's own prompt, parameters and terms."""

    flow: Flow
    dress: Dress

    @property
    def label(self) -> str:
        """The words that are put on, for example `prompt, parameters`."""
        return ", ".join(self.dress.canonical)

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The target."""
        return (("", self.flow),)

    @property
    def worst_calls(self) -> int:
        """The target's."""
        return self.flow.worst_calls

    @property
    def canonical(self) -> object:
        """What is put on, and on whom."""
        return ["use", self.dress.canonical, self.flow.canonical]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the target's parts."""
        request = await self.dress.put_on(request, at)
        if self.dress.terms or self.dress.show is not None or at.terms:
            terms = await self.dress.terms_at(at)
            if self.dress.prompt is not None:
                # A question of its own is not what a worker was to read in the place of another.
                terms.pop("input", None)
                if "show" in terms:
                    # Shown may be the whole conversation; people approve what the step asks.
                    terms["text"] = request.text
            at = replace(at, terms=terms)
        async with aclosing(self.flow.answer(request, at)) as parts:
            async for part in parts:
                yield part


@dataclass(frozen=True, slots=True)
class Timed:
    """Gives its target so many seconds; what comes later is the failure `timeout`."""

    flow: Flow
    seconds: float

    @property
    def label(self) -> str:
        """The limit, for example `within 10 s`."""
        return f"within {self.seconds:g} s"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The target."""
        return (("", self.flow),)

    @property
    def worst_calls(self) -> int:
        """The target's."""
        return self.flow.worst_calls

    @property
    def canonical(self) -> object:
        """How long, and who."""
        return ["within", self.seconds, self.flow.canonical]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the target's parts."""
        at = at.within(self.seconds, (await Now()).monotonic)
        async with aclosing(self.flow.answer(request, at)) as parts:
            async for part in parts:
                yield part
