"""Ask presidio, or an analyzer of the app, for what no pattern finds: names and places."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw import ConductorError, Io, PluginError

from .finder import Finding
from .kinds import Kind

PRESIDIO: Final = "pip install presidio-analyzer, and a spaCy model for it"


class Spotted(Protocol):
    """A result of presidio's analyzer."""

    entity_type: str
    start: int
    end: int
    score: float


class Analyzer(Protocol):
    """What presidio's `AnalyzerEngine` is used as; an app's own object may be one too."""

    def analyze(self, text: str, language: str, entities: list[str]) -> Sequence[Spotted]:
        """Give what stands where in a text."""
        ...


class AnalyzerOptions(BaseModel):
    """An analyzer that is asked about every text of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: Literal["presidio", "app"] = Field(
        default="presidio",
        description="presidio as it is installed, or an object that the app hands to the layer",
    )
    language: str = Field(default="en", description="the language the texts are taken for")
    entities: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        default=("PERSON", "LOCATION"), description="presidio's names of what is looked for"
    )
    score: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="findings that it is less sure of do not count"
    )

    @property
    def names(self) -> Mapping[str, str]:
        """What conditions and placeholders call the entities, by presidio's names."""
        return {entity: entity.lower() for entity in self.entities}

    def check(self) -> None:
        """Find out whether presidio is there.

        Raises:
            ConductorError: it is not.
        """
        if self.engine == "presidio" and find_spec("presidio_analyzer") is None:
            raise ConductorError("presidio is not installed", mend=PRESIDIO)


class Bound:
    """The analyzers of one conductor, by name; they outlive a reload of the policy."""

    def __init__(self) -> None:
        self._known: dict[str, Analyzer] = {}
        self._lock = threading.Lock()

    def bind(self, name: str, analyzer: Analyzer) -> None:
        """Use an object of the app from now on."""
        self._known[name] = analyzer

    def get(self, name: str, options: AnalyzerOptions) -> Analyzer:
        """Give an analyzer; presidio's is made once, which takes seconds.

        Raises:
            ConductorError: the app handed none over.
        """
        with self._lock:
            if name not in self._known:
                if options.engine == "app":
                    raise ConductorError(
                        f"nobody handed over the analyzer {name!r}",
                        mend=f'call `conductor.layer("guard").bind({name!r}, analyzer)`',
                    )
                presidio: Any = import_module("presidio_analyzer")
                self._known[name] = presidio.AnalyzerEngine()
            return self._known[name]


@dataclass(frozen=True, slots=True)
class Analysts:
    """The analyzers that a policy names.

    Attributes:
        options: how each is asked, by name.
        bound: the analyzers themselves.
    """

    options: Mapping[str, AnalyzerOptions]
    bound: Bound

    @property
    def names(self) -> frozenset[str]:
        """The kinds that they may find."""
        return frozenset(name for one in self.options.values() for name in one.names.values())

    async def ask(self, texts: Iterable[str]) -> Mapping[str, Sequence[Finding]]:
        """Give what the analyzers find in some texts, off the event loop.

        Raises:
            PluginError: an analyzer failed; its message is not repeated, it may hold the text.
        """
        asked = [text for text in dict.fromkeys(texts) if text.strip()]
        if not asked:
            return {}
        found: Mapping[str, Sequence[Finding]] = await Io(
            lambda: {text: self._found(text) for text in asked}
        )
        return found

    def _found(self, text: str) -> list[Finding]:
        found: list[Finding] = []
        for name, options in self.options.items():
            analyzer = self.bound.get(name, options)
            try:
                spotted = analyzer.analyze(
                    text=text, language=options.language, entities=list(options.entities)
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold text
                raise PluginError(f"the analyzer {name!r} failed: {type(error).__name__}") from None
            names = options.names
            found += (
                Finding(Kind(names[one.entity_type], "pii", ""), one.start, one.end)
                for one in spotted
                if one.entity_type in names and one.score >= options.score
            )
        return found


def beside(patterns: Sequence[Finding], spotted: Sequence[Finding]) -> list[Finding]:
    """Give the findings of patterns, and those of analyzers that overlap none before them."""
    kept: list[Finding] = []
    end = 0
    ahead = sorted(patterns, key=lambda one: one.start)
    free = [
        one
        for one in spotted
        if one.end > one.start >= 0
        and not any(one.start < other.end and other.start < one.end for other in ahead)
    ]
    for one in sorted((*ahead, *free), key=lambda one: (one.start, -one.end)):
        if one.start >= end:
            kept.append(one)
            end = one.end
    return kept
