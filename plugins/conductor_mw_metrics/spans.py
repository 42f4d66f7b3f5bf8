"""OpenTelemetry spans: one for a request, one below it for each attempt, through the API only.

Nothing that a user or an agent wrote stands in a span, also not in an error's message: only the
kind of the error does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from conductor_mw import Agent, Attempted, Event, Run, classify

from . import genai
from .genai import NAMES, Names, Version
from .tally import DEFAULT_RULE, Where

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

_NANO: Final = 1_000_000_000


def spans_of(version: Version) -> Spans | None:
    """Give what makes spans, or None where OpenTelemetry's API is not installed."""
    try:
        return Spans(NAMES[version])
    except ImportError:
        return None


class Spans:
    """Makes spans with the names of one version of the conventions.

    Without an SDK there is nobody to make spans for: then a request costs one look at whether one
    has been set up meanwhile (1 µs), and an attempt nothing.
    """

    def __init__(self, names: Names) -> None:
        from opentelemetry import context, trace

        self.names = names
        self.trace = trace
        self._context = context
        self._tracer: Tracer | None = None
        self._nobody = False
        self._agents: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def of_run(self, run: Run) -> OpenSpan | None:
        """Open the span of a request, or give None where nobody collects spans."""
        tracer = self._tracer or self._look()
        if tracer is None:
            return None
        span = tracer.start_span(
            genai.RUN, kind=self.trace.SpanKind.INTERNAL, attributes={genai.RUN_ID: run.id}
        )
        return self._entered(span)

    def of_attempt(self, attempt: Attempted) -> OpenSpan | None:
        """Open the span of an attempt below what is under way."""
        if self._tracer is None:
            return None
        agent = attempt.agent
        name, attributes = self._agents.get(agent.id) or self._describe(agent)
        span = self._tracer.start_span(name, kind=self.trace.SpanKind.CLIENT, attributes=attributes)
        return self._entered(span)

    def _look(self) -> Tracer | None:
        if self._nobody:
            return None
        trace = self.trace
        provider = trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider):
            return None  # the app may set one up later
        if isinstance(provider, trace.NoOpTracerProvider):
            self._nobody = True
            return None
        self._tracer = trace.get_tracer("conductor_mw")
        return self._tracer

    def _entered(self, span: Span) -> OpenSpan:
        before = self._context.get_current()
        self._context.attach(self.trace.set_span_in_context(span, before))
        return OpenSpan(self, span, before)

    def leave(self, span: Span, before: Context) -> None:
        """Make current again what was so before a span."""
        # Not `detach`: who closes a branch that lost may stand in another context than it did,
        # and there a token of this one is worth nothing.
        if self.trace.get_current_span() is span:
            self._context.attach(before)

    def _describe(self, agent: Agent) -> tuple[str, Mapping[str, Any]]:
        names = self.names
        stated = str(getattr(agent.options, "model", "") or "")
        provider, _, model = stated.rpartition("/") if stated else (agent.kind, "", agent.id)
        provider = provider.partition("/")[0]
        operation = "chat" if agent.kind in _MODELS else "invoke_agent"
        attributes: dict[str, Any] = {
            names.operation: operation,
            names.provider: genai.PROVIDERS.get(provider, provider or "unknown"),
            names.request_model: model,
            genai.AGENT: agent.id,
            genai.AGENT_FINGERPRINT: agent.fingerprint,
        }
        for key, name in (("temperature", names.temperature), ("max_tokens", names.max_tokens)):
            value = agent.parameters.get(key)
            if isinstance(value, (int, float)):
                attributes[name] = value
        found = self._agents[agent.id] = (f"{operation} {model}", attributes)
        return found


_MODELS: Final = frozenset(("model", "bound", "simulated"))


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span that is current until it ends."""

    spans: Spans
    span: Span
    before: Context

    def note(self, event: Event) -> None:
        """Put an event of the run into its span."""
        kind = event.data.get("kind")
        self.span.add_event(
            f"conductor.{event.name}",
            {genai.PATH: event.path, genai.ERROR_TYPE: str(kind or genai.OTHER_ERROR)},
        )

    def end_run(self, run: Run, where: Where, error: BaseException | None) -> None:
        """End the span of a request."""
        if self.span.is_recording():
            found: dict[str, Any] = {
                genai.RULE: where.rule,
                genai.TARGET: where.target,
                genai.FINGERPRINT: where.policy,
                genai.ATTEMPTS: len(run.outcomes),
            }
            found.update((f"{genai.LABEL}.{name}", value) for name, value in where.labels)
            cost = run.cost
            if cost is not None:
                found.update({genai.COST: cost.nano / _NANO, genai.CURRENCY: "USD"})
            self._set(found, error)
        self._end()

    def end_attempt(self, attempt: Attempted) -> None:
        """End the span of an attempt."""
        if self.span.is_recording():
            found, error = self._of_attempt(attempt)
            self._set(found, error)
        self._end()

    def _of_attempt(self, attempt: Attempted) -> tuple[dict[str, Any], BaseException | None]:
        names, outcome = self.spans.names, attempt.outcome
        found: dict[str, Any] = {
            genai.PATH: attempt.path,
            genai.NUMBER: attempt.number,
            genai.PURPOSE: attempt.purpose,
        }
        decision = attempt.run.decision
        if decision is not None:
            found[genai.RULE] = decision.rule or DEFAULT_RULE
        found[genai.FINGERPRINT] = attempt.run.policy.fingerprint
        if outcome is None:
            found[genai.REFUSED] = True  # an inner layer did; its kind stands in the run's span
            return found, None
        usage = outcome.usage
        found[names.input_tokens] = usage.input_tokens
        found[names.output_tokens] = usage.output_tokens
        if names.cache_read and usage.cached_tokens:
            found[names.cache_read] = usage.cached_tokens
        if names.reasoning and usage.reasoning_tokens:
            found[names.reasoning] = usage.reasoning_tokens
        if names.first_chunk and outcome.first_part is not None and attempt.request.stream:
            found[names.first_chunk] = outcome.first_part
        if outcome.finish:
            found[names.finish_reasons] = (genai.FINISHES.get(outcome.finish, outcome.finish),)
        if outcome.cost is not None:
            found.update({genai.COST: outcome.cost.nano / _NANO, genai.CURRENCY: "USD"})
        if outcome.by:
            found[genai.BY] = outcome.by
        if outcome.replica:
            found[genai.REPLICA] = outcome.replica
        return found, outcome.error

    def _set(self, found: dict[str, Any], error: BaseException | None) -> None:
        if error is not None and not isinstance(error, Exception):
            found[genai.CUT] = True  # the caller stopped: that is no error
        elif isinstance(error, Exception):
            kind = classify(error) or type(error).__name__
            found[genai.ERROR_TYPE] = kind
            status = self.spans.trace.StatusCode.ERROR
            self.span.set_status(self.spans.trace.Status(status, kind))
        self.span.set_attributes(found)

    def _end(self) -> None:
        self.span.end()
        self.spans.leave(self.span, self.before)
