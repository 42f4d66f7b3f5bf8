"""One request on its way through the audit layer: what must be kept of it until it is written."""

from __future__ import annotations

import sys
from typing import Any

from conductor_mw import Facts, Part, Request, Run


class Passage:
    """What the writer's thread needs of a run, as it was when the run began.

    The app may append to its own list of messages the moment it has its answer, and records are
    made a little later: so the list is copied here, and not what stands in it.

    Attributes:
        run: the run.
        native: the host's payload, with a list of messages of its own.
        metadata: what the app said about the request.
        span: OpenTelemetry's span context where the app traces, or None.
        parts: the answer so far.
        error: what ended the run instead of an answer, or None.
        ended: the monotonic second at which it ended, or None.
    """

    __slots__ = ("ended", "error", "metadata", "native", "parts", "run", "span")

    def __init__(self, run: Run) -> None:
        request = run.request
        self.run = run
        self.native = request.lens.shortened(request.native, ())
        self.metadata = dict(request.metadata)
        self.span: Any = span_context()
        self.parts: list[Part] = []
        self.error: BaseException | None = None
        self.ended: float | None = None

    @property
    def answer(self) -> str:
        """The text of the answer so far."""
        return "".join([part.text for part in self.parts])

    @property
    def agent(self) -> str | None:
        """The agent that spoke first, or None where nobody did."""
        return next((part.origin.agent for part in self.parts if part.origin is not None), None)

    @property
    def utc(self) -> float:
        """When it ended, in UTC seconds."""
        started = self.run.started
        passed = 0.0 if self.ended is None else self.ended - started.monotonic
        return started.utc + passed

    def facts(self) -> Facts:
        """Give the run's facts; what was not read yet is read from the copy."""
        known = self.run.facts
        request = self.run.request
        copy = Request(self.native, request.lens, self.metadata, request.stream)
        facts = Facts(copy, known.signals, known.moment, known.live)
        facts.update(known.copy())
        return facts


def span_context() -> Any:
    """Give the span that the app is in, where OpenTelemetry is loaded; it is never loaded here."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    return None if trace is None else trace.get_current_span().get_span_context()


def trace_of(passage: Passage) -> str | None:
    """Give the W3C `traceparent` of a run: what the app passed on, or its own span's."""
    said = passage.metadata.get("traceparent")
    if isinstance(said, str) and said:
        return said[:64]
    span = passage.span
    if span is None or not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"
