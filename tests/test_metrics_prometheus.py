"""What Prometheus sees of the metrics, and that the dashboard asks for nothing else."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import conductor_mw_metrics
import pytest
from conductor_mw_metrics.prometheus import ATTEMPTS, REQUESTS
from conductor_mw_metrics.reading import Recorded, Span
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from conductor_mw import Conductor, ConductorError
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask

from .metrics_kit import BOTH, NOON, conductor, layer, recorded

EXAMPLE = Path(__file__).parents[1] / "examples" / "metrics"
DOCS = Path(__file__).parents[1] / "docs" / "metrics.md"


def registry(counting: Conductor) -> CollectorRegistry:
    found = CollectorRegistry()
    found.register(conductor_mw_metrics.collector(counting))
    return found


def sample(of: CollectorRegistry, name: str, **labels: str) -> float | None:
    return of.get_sample_value(name, labels)


@pytest.mark.parametrize("way", WAYS)
def test_a_scrape_shows_requests_and_attempts(way: Way) -> None:
    counting = conductor(
        BOTH, "path: null, labels: [metadata.tenant]",
        a=Scripted(0.2, "hello", takes=[[ConnectionError("reset")]]), b=Scripted(0.7, "hi"),
    )  # fmt: skip
    for _ in range(2):
        ask(counting, "good morning", way=way, metadata={"tenant": "acme"})

    found = registry(counting)
    where = {"rule": "(default)", "target": "#default", "metadata_tenant": "acme"}
    by = {"rule": "(default)", "metadata_tenant": "acme"}
    assert sample(found, "conductor_requests_total", result="answered", **where) == 2
    assert sample(found, "conductor_requests_total", result="failed", **where) == 0
    assert sample(found, "conductor_request_fallbacks_total", **where) == 1
    assert sample(found, "conductor_request_seconds_count", **where) == 2
    assert sample(found, "conductor_request_seconds_sum", **where) == pytest.approx(0.9)
    assert sample(found, "conductor_request_seconds_bucket", le="0.25", **where) == 1
    assert sample(found, "conductor_request_seconds_bucket", le="1.0", **where) == 2
    assert sample(found, "conductor_request_seconds_bucket", le="+Inf", **where) == 2
    assert sample(found, "conductor_attempts_total", agent="a", **by) == 2
    assert sample(found, "conductor_attempt_errors_total", agent="a", kind="connection", **by) == 1
    assert sample(found, "conductor_fallbacks_total", agent="a", **by) == 1
    assert sample(found, "conductor_attempt_seconds_sum", agent="b", **by) == pytest.approx(0.7)
    assert sample(found, "conductor_tokens_total", agent="b", kind="input", **by) == 10
    assert sample(found, "conductor_cost_dollars_total", agent="b", **by) == pytest.approx(2e-5)
    first = sample(found, "conductor_attempt_first_part_seconds_count", agent="b", **by)
    assert first == (1 if way in STREAMS else None)


def test_what_prometheus_reads_is_well_formed() -> None:
    counting = conductor(a=Scripted("hello"), b=Scripted("hi"))
    counting.call("good morning")

    text = generate_latest(registry(counting)).decode()

    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["conductor_requests"].type == "counter"
    assert families["conductor_request_seconds"].type == "histogram"
    for family in families.values():
        assert re.fullmatch(r"conductor_[a-z_]+", family.name)
        assert family.documentation.endswith(".")


def test_counters_never_go_down_while_they_are_written(tmp_path: Path) -> None:
    clock = VirtualClock(utc=NOON)
    counting = conductor(
        options=f"path: {tmp_path}/conductor.db, flush: 365d", clock=clock,
        a=Scripted("hello"), b=Scripted("hi"),
    )  # fmt: skip
    found = registry(counting)
    seen: list[float | None] = []
    for _ in range(3):
        counting.call("good morning")
        clock.advance(60)
        counting.call("good morning")
        seen.append(sample(found, "conductor_attempts_total", agent="a", rule="(default)"))
        layer(counting).flush()
        seen.append(sample(found, "conductor_attempts_total", agent="a", rule="(default)"))
    counting.close()

    assert seen == [2, 2, 4, 4, 6, 6]


def test_the_default_registry_holds_every_conductor_of_the_process_once() -> None:
    gc.collect()
    several = [
        conductor(options="path: null, prometheus: true", a=Scripted("hello"), b=Scripted("hi"))
        for _ in range(2)
    ]
    for counting in several:
        counting.call("good morning")

    text = generate_latest(REGISTRY).decode()

    lines = [line for line in text.splitlines() if line.startswith("conductor_attempts_total{")]
    assert [line.rpartition(" ")[2] for line in lines if 'agent="a"' in line] == ["2.0"]


def test_values_beyond_the_cap_are_one_and_counted() -> None:
    counting = conductor(
        options="path: null, labels: [metadata.tenant], most_values: 3",
        a=Scripted("hello"), b=Scripted("hi"),
    )  # fmt: skip
    for number in range(10):
        counting.call("good morning", metadata={"tenant": f"tenant {number}"})
    counting.call("good morning", metadata={"tenant": "tenant 0"})

    found = {
        dict(series.where.labels)["metadata_tenant"]: tally["calls"]
        for series, tally in layer(counting).ledger.totals().items()
        if series.agent
    }
    overflows = sample(registry(counting), "conductor_metrics_label_overflows_total")
    assert found == {"tenant 0": 2, "tenant 1": 1, "tenant 2": 1, "(other)": 7}
    assert overflows == 7


def test_labels_together_have_an_end_too() -> None:
    counting = conductor(
        options="path: null, most_values: 3, labels: {x: metadata.x, y: metadata.y, z: metadata.z}",
        a=Scripted("hello"), b=Scripted("hi"),
    )  # fmt: skip
    for number in range(64):
        xyz = {"x": number % 4, "y": number // 4 % 4, "z": number // 16}
        counting.call("good morning", metadata=xyz)

    found = {series.where.labels for series in layer(counting).ledger.totals()}
    assert len(found) <= 31
    assert sum(t["calls"] for s, t in layer(counting).ledger.totals().items() if s.agent) == 64


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("acme", "acme"),
        (True, "true"),
        (7, "7"),
        (None, "(none)"),
        ("", "(none)"),
        ("x" * 500, "x" * 80),
        ([1, 2], "(list)"),
    ],
)
def test_a_label_is_a_short_text(value: object, shown: str) -> None:
    counting = conductor(
        options="path: null, labels: {t: metadata.tenant}", a=Scripted("hello"), b=Scripted("hi")
    )
    counting.call("good morning", metadata={"tenant": value})

    assert {s.where.labels for s in layer(counting).ledger.totals()} == {(("t", shown),)}


def test_a_request_without_the_label_has_none() -> None:
    counting = conductor(
        options="path: null, labels: {t: metadata.tenant, n: 'input.chars / metadata.zero'}",
        a=Scripted("hello"), b=Scripted("hi"),
    )  # fmt: skip
    counting.call("good morning", metadata={"zero": 0})

    found = {s.where.labels for s in layer(counting).ledger.totals()}
    assert found == {(("t", "(none)"), ("n", "(none)"))}


def test_only_a_policy_with_metrics_has_a_collector() -> None:
    counting = Conductor.from_text("agents: [{id: a, simulated: Hi}]\nrouting: {default: a}\n")

    with pytest.raises(ConductorError):
        conductor_mw_metrics.collector(counting)


# The example.


def metric_names() -> set[str]:
    counting = conductor(a=Scripted("hello"), b=Scripted("hi"))
    counting.stream("good morning").close()
    list(counting.stream("good morning"))
    found: set[str] = set()
    for family in text_string_to_metric_families(generate_latest(registry(counting)).decode()):
        found.add(f"{family.name}_total" if family.type == "counter" else family.name)
        if family.type == "histogram":
            found |= {f"{family.name}_{end}" for end in ("bucket", "sum", "count")}
    return found


def expressions(dashboard: Any) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for one in dashboard["templating"]["list"]:
        yield str(one["query"])


def test_the_dashboard_asks_for_what_there_is() -> None:
    dashboard = json.loads((EXAMPLE / "grafana.json").read_text(encoding="utf-8"))

    asked = {
        name for text in expressions(dashboard) for name in re.findall(r"conductor_[a-z_]+", text)
    }
    labels = {name for text in expressions(dashboard) for name in re.findall(r"(\w+)=~?\"", text)}
    assert asked <= metric_names()
    assert len(asked) > 15
    assert labels <= {"rule", "agent", "result", "kind", "accepted"}
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)


def test_the_page_names_every_metric() -> None:
    page = DOCS.read_text(encoding="utf-8")

    missing = [name for name in metric_names() if f"`{name}`" not in page]
    assert [name for name in missing if not name.endswith(("_bucket", "_sum", "_count"))] == []


def test_every_metric_has_a_name_of_its_own() -> None:
    names = [name for name, _, _ in (*REQUESTS, *ATTEMPTS)]

    assert len(set(names)) == len(names)


def test_the_example_serves_its_metrics(tmp_path: Path) -> None:
    program = (EXAMPLE / "serve.py").read_text(encoding="utf-8").replace("9464)", "0)")
    (tmp_path / "serve.py").write_text(program)
    policy = (EXAMPLE / "conductor.yaml").read_text(encoding="utf-8")
    (tmp_path / "conductor.yaml").write_text(re.sub(r"latency: \d+ms", "latency: 1ms", policy))

    subprocess.run([sys.executable, "serve.py", "6"], cwd=tmp_path, check=True, timeout=60)

    found = Recorded(recorded(tmp_path / "conductor.db"), Span(0, 1))
    assert found.all().calls == 6
    assert found.values("tenant") == ("acme", "bolt")


def test_langfuse_needs_environment_variables_only() -> None:
    page = (EXAMPLE / "README.md").read_text(encoding="utf-8")

    assert "OTEL_EXPORTER_OTLP_ENDPOINT=https://cloud.langfuse.com/api/public/otel" in page
    assert "import" not in page.partition("## Langfuse")[2].replace("*Import*", "")
