"""Spans of requests and attempts, in OpenTelemetry's own SDK."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from conductor_mw import Attempt, Io, Part, Usage
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one

from .metrics_kit import BOTH, TWO, conductor

SECRET = "the user's own words"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Set up an SDK for one test; OpenTelemetry itself allows that once a process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = [span for span in exporter.get_finished_spans() if span.name == name]
    return found


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def own(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


class Nesting:
    """An agent whose SDK makes spans of its own, in a thread too."""

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        del attempt
        with trace.get_tracer("sdk").start_as_current_span("the SDK's"):
            yield Part("one ")
        await Io(self._in_io)
        yield Part("two", usage=Usage(10, 5), finish="stop")

    def _in_io(self) -> None:
        trace.get_tracer("sdk").start_span("in another thread").end()


@pytest.mark.parametrize("way", WAYS)
def test_an_attempt_is_a_span_below_its_request(way: Way, spans: InMemorySpanExporter) -> None:
    text = TWO.replace("{id: a,", "{id: a, parameters: {temperature: 0.2, max_tokens: 50},")
    used = Usage(1000, 100, cached_tokens=600, reasoning_tokens=40)
    counting = conductor(text, a=Scripted("hello", usage=used), b=Scripted("hi"))

    answer = ask(counting, SECRET, way=way, metadata={"tenant": "acme"})

    attempt, run = spans.get_finished_spans()
    assert (run.name, run.kind) == ("conductor.run", SpanKind.INTERNAL)
    assert (attempt.name, attempt.kind) == ("chat a", SpanKind.CLIENT)
    assert parent(run) is None
    assert parent(attempt) == own(run)
    agent = counting.policy.agents["a"]
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "bound",
        "gen_ai.request.model": "a",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 600,
        "gen_ai.usage.reasoning.output_tokens": 40,
        "conductor.agent": "a",
        "conductor.agent.fingerprint": agent.fingerprint,
        "conductor.rule": "(default)",
        "conductor.fingerprint": counting.policy.fingerprint,
        "conductor.path": "a",
        "conductor.attempt": 1,
        "conductor.purpose": "answer",
        "conductor.cost.amount": 0.0012,
        "conductor.cost.currency": "USD",
    }
    if way in STREAMS:
        expected["gen_ai.response.time_to_first_chunk"] = 0.0
    assert attributes(attempt) == expected
    assert attributes(run) == {
        "conductor.run.id": answer.id,
        "conductor.rule": "(default)",
        "conductor.target": "a",
        "conductor.fingerprint": counting.policy.fingerprint,
        "conductor.attempts": 1,
        "conductor.cost.amount": 0.0012,
        "conductor.cost.currency": "USD",
    }


@pytest.mark.parametrize("way", WAYS)
def test_models_carry_the_conventions_names_of_their_provider(
    way: Way, spans: InMemorySpanExporter
) -> None:
    text = TWO.replace("{id: a,", "{id: a, model: gemini/gemini-2.5-pro,")
    counting = conductor(text, a=Scripted("hello"), b=Scripted("hi"))

    ask(counting, "good morning", way=way)

    found = attributes(named(spans, "chat gemini-2.5-pro"))
    assert found["gen_ai.provider.name"] == "gcp.gemini"
    assert found["gen_ai.request.model"] == "gemini-2.5-pro"


def test_an_older_version_of_the_names_can_be_asked_for(spans: InMemorySpanExporter) -> None:
    used = Usage(10, 5, cached_tokens=5, reasoning_tokens=3)
    counting = conductor(
        options="path: null, genai: v1.36", a=Scripted("hello", usage=used), b=Scripted("hi")
    )

    counting.call("good morning")

    found = attributes(named(spans, "chat a"))
    assert found["gen_ai.system"] == "bound"
    assert [name for name in found if "provider" in name or "cache" in name] == []
    assert [name for name in found if "reasoning" in name] == []


@pytest.mark.parametrize("way", WAYS)
def test_spans_of_the_app_and_of_an_sdk_nest(way: Way, spans: InMemorySpanExporter) -> None:
    counting = conductor(a=Nesting(), b=Scripted("hi"))

    with trace.get_tracer("app").start_as_current_span("the app's") as outer:
        ask(counting, "good morning", way=way)
        assert trace.get_current_span() is outer

    attempt = own(named(spans, "chat a"))
    assert parent(named(spans, "the SDK's")) == attempt
    assert parent(named(spans, "in another thread")) == attempt
    assert parent(named(spans, "chat a")) == own(named(spans, "conductor.run"))
    assert parent(named(spans, "conductor.run")) == own(named(spans, "the app's"))


@pytest.mark.parametrize("way", STREAMS)
def test_what_an_app_does_between_parts_is_its_own(way: Way, spans: InMemorySpanExporter) -> None:
    counting = conductor(a=Scripted("one ", "two"), b=Scripted("hi"))

    async def astream() -> None:
        async for _ in counting.astream("good morning"):
            trace.get_tracer("app").start_span("between").end()

    if way == "stream":
        for _ in counting.stream("good morning"):
            trace.get_tracer("app").start_span("between").end()
    else:
        asyncio.run(astream())

    between = [span for span in spans.get_finished_spans() if span.name == "between"]
    assert [parent(span) for span in between] == [None] * len(between)
    assert len(between) >= 2


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_says_its_kind_and_nothing_else(way: Way, spans: InMemorySpanExporter) -> None:
    counting = conductor(BOTH, a=Scripted(ConnectionError(SECRET)), b=Scripted("hi"))

    ask(counting, "good morning", way=way)

    failed, run = named(spans, "chat a"), named(spans, "conductor.run")
    assert attributes(failed)["error.type"] == "connection"
    assert (failed.status.status_code, failed.status.description) == (
        StatusCode.ERROR,
        "connection",
    )
    assert run.status.status_code is StatusCode.UNSET
    assert parent(named(spans, "chat b")) == own(run)
    (event,) = run.events
    assert event.name == "conductor.fallback"
    assert dict(event.attributes or {}) == {"conductor.path": "", "error.type": "connection"}


@pytest.mark.parametrize("way", WAYS)
def test_a_request_that_fails_says_so(way: Way, spans: InMemorySpanExporter) -> None:
    counting = conductor(a=Scripted(LookupError(SECRET)), b=Scripted("hi"))

    with pytest.raises(LookupError):
        ask(counting, "good morning", way=way)

    for name in ("chat a", "conductor.run"):
        assert named(spans, name).status.status_code is StatusCode.ERROR
        assert attributes(named(spans, name))["error.type"] == "LookupError"


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_is_cut_ends_its_spans(way: Way, spans: InMemorySpanExporter) -> None:
    counting = conductor(a=Scripted("one ", "two"), b=Scripted("hi"))

    read_one(counting, "good morning", way=way)

    attempt, run = spans.get_finished_spans()
    assert attributes(attempt)["gen_ai.response.finish_reasons"] == ("cancelled",)
    assert attributes(run)["conductor.cut"] is True
    assert run.status.status_code is attempt.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("way", WAYS)
def test_branches_are_siblings_and_their_spans_do_not_mix(
    way: Way, spans: InMemorySpanExporter
) -> None:
    text = TWO.replace("default: a", "default: {consensus: [a, b]}")
    counting = conductor(text, a=Nesting(), b=Nesting())

    ask(counting, "good morning", way=way)

    run, a, b = (own(named(spans, name)) for name in ("conductor.run", "chat a", "chat b"))
    assert parent(named(spans, "chat a")) == parent(named(spans, "chat b")) == run
    for name in ("the SDK's", "in another thread"):
        inner = [span for span in spans.get_finished_spans() if span.name == name]
        assert {parent(span) for span in inner} == {a, b}


@pytest.mark.parametrize("way", WAYS)
def test_a_race_ends_every_span(way: Way, spans: InMemorySpanExporter) -> None:
    text = TWO.replace("default: a", "default: {parallel: [a, b], take: first}")
    counting = conductor(text, a=Scripted("one ", "two"), b=Scripted("one ", "two"))

    with trace.get_tracer("app").start_as_current_span("the app's") as outer:
        ask(counting, "good morning", way=way)
        assert trace.get_current_span() is outer

    run = own(named(spans, "conductor.run"))
    chats = [span for span in spans.get_finished_spans() if span.name.startswith("chat")]
    assert chats
    assert {parent(span) for span in chats} == {run}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_somebody_wrote_stands_in_a_span(
    way: Way, spans: InMemorySpanExporter
) -> None:
    counting = conductor(
        BOTH, a=Scripted(ValueError(SECRET), ConnectionError(SECRET)), b=Scripted(SECRET)
    )

    with pytest.raises(ValueError, match=SECRET):
        ask(counting, SECRET, way=way)
    ask(conductor(a=Scripted(SECRET), b=Scripted("hi")), SECRET, way=way)

    assert spans.get_finished_spans()
    for span in spans.get_finished_spans():
        assert SECRET not in span.to_json()


def test_where_spans_are_not_wanted_there_are_none(spans: InMemorySpanExporter) -> None:
    counting = conductor(
        options="path: null, opentelemetry: false", a=Scripted("hello"), b=Scripted("hi")
    )

    counting.call("good morning")

    assert spans.get_finished_spans() == ()


ALONE = """
import sys
{before}
from tests.metrics_kit import conductor
from conductor_mw.testing import Scripted
counting = conductor(a=Scripted("hello"), b=Scripted("hi"))
print(counting.call("good morning").text)
{after}
"""

LATER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
counting.call("good morning")
print(*[span.name for span in exporter.get_finished_spans()])
"""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("sys.modules['opentelemetry'] = None", "", "hello\n"),
        ("", LATER, "hello\nchat a conductor.run\n"),
    ],
    ids=["without the API", "with an SDK that is set up later"],
)
def test_an_sdk_may_be_absent_or_late(before: str, after: str, said: str) -> None:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE.format(before=before, after=after)],
        cwd=Path(__file__).parent.parent, check=True, capture_output=True, text=True,
    )  # fmt: skip

    assert found.stdout == said
