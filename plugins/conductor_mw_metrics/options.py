"""What a policy may write below `plugins: {metrics: ...}`, and what it is compiled to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from re import fullmatch
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

from conductor_mw import Duration, Expression, LayerSite, Setting

if TYPE_CHECKING:
    from .layer import Metrics

Genai = Literal["latest", "v1.36"]

_LABEL: Final = r"[a-zA-Z][a-zA-Z0-9_]{0,39}"
_TAKEN: Final = frozenset(
    ("agent", "rule", "target", "policy", "kind", "result", "le", "quantile", "level", "since")
)
_MANY: Final = frozenset(("list", "map"))


_TEXT: dict[str, JsonValue] = {"type": "string"}
_LABELS: dict[str, JsonValue] = {
    "anyOf": [
        {"type": "array", "items": _TEXT},
        {"type": "object", "additionalProperties": _TEXT},
    ]
}


def _mapping(labels: Any) -> Any:
    """Give names and expressions for the short form, a list of signals."""
    if not isinstance(labels, (list, tuple)):
        return labels
    signals = cast("Sequence[object]", labels)
    if not all(isinstance(one, str) for one in signals):
        return signals
    return {str(one).replace(".", "_"): str(one) for one in signals}


class MetricsOptions(BaseModel):
    """What is counted, how finely, and where it goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | None = Field(
        default="conductor.db",
        min_length=1,
        description="A SQLite file, or `postgresql://...`; null keeps nothing but the totals of "
        "this process, for Prometheus.",
    )
    labels: Annotated[Mapping[str, str], BeforeValidator(_mapping), WithJsonSchema(_LABELS)] = (
        Field(
            default_factory=dict[str, str],
            description="By what to count beside agent and rule: a list of signals, or names with "
            "expressions over signals.",
        )
    )
    most_values: int = Field(
        default=100, ge=1, le=10_000,
        description="The most values of a label that are told apart; all others are `(other)`.",
    )  # fmt: skip
    prometheus: bool = Field(
        default=False, description="Whether to stand in prometheus-client's default registry."
    )
    opentelemetry: bool = Field(
        default=True,
        description="Whether to make spans, where the app has set up an OpenTelemetry SDK.",
    )
    genai: Genai = Field(
        default="latest",
        description="Which names of OpenTelemetry's GenAI conventions spans carry: `latest`, or "
        "`v1.36` for back ends that know only those.",
    )
    flush: Duration = Field(
        default=10.0, gt=0, description="How often what was counted is written."
    )
    keep: Duration = Field(default=2_592_000.0, gt=0, description="How long it is kept.")

    def prepare(self, site: LayerSite) -> Prepared:
        """Give the options with their labels compiled; findings go to the policy's checker."""
        labels: dict[str, Expression] = {}
        for name, text in self.labels.items():
            labels[name] = _label(site, name, text)
        wants_spans = self.opentelemetry and "opentelemetry" in self.model_fields_set
        if wants_spans and find_spec("opentelemetry") is None:
            site.warn(
                "OpenTelemetry's API is not installed, so there are no spans",
                "opentelemetry", mend="pip install 'conductor-mw[metrics]'",
            )  # fmt: skip
        if self.prometheus and find_spec("prometheus_client") is None:
            site.refuse(
                "prometheus-client is not installed", "prometheus",
                mend="pip install 'conductor-mw[metrics]'",
            )  # fmt: skip
        return Prepared(self, tuple(labels.items()))


@dataclass(frozen=True, slots=True)
class Prepared:
    """The options of a policy that was compiled.

    Attributes:
        options: as the policy wrote them.
        labels: names and expressions.
    """

    options: MetricsOptions
    labels: Sequence[tuple[str, Expression]]

    def build(self, setting: Setting) -> Metrics:
        """Give the layer; what it counts outlives reloads of the policy."""
        from .layer import Metrics
        from .spans import spans_of
        from .writer import Writer

        options = self.options
        writer = setting.shared(("metrics", options.path), _writer(options, setting, Writer))
        layer = Metrics(
            writer,
            self.labels,
            policy=setting.policy.fingerprint,
            most_values=options.most_values,
            clock=setting.clock,
            spans=spans_of(options.genai) if options.opentelemetry else None,
        )
        if options.prometheus:
            from .prometheus import stand_in_registry

            stand_in_registry(layer)
        return layer


def _writer(options: MetricsOptions, setting: Setting, make: Callable[..., Any]) -> Any:
    from .databases import database

    where = None if options.path is None else database(options.path)
    return lambda: make(where, setting.clock, every=options.flush, keep=options.keep)


def _label(site: LayerSite, name: str, text: str) -> Expression:
    if not fullmatch(_LABEL, name) or name in _TAKEN:
        site.refuse(
            f"a label cannot be called {name[:40]!r}", "labels",
            mend="write letters, digits and _, for example `labels: {tier: metadata.tier}`",
        )  # fmt: skip
    found = site.value(text, "labels")
    if found.type.kind in _MANY:
        site.refuse(
            f"{text[:80]!r} is {found.type}, and a label has one value", "labels",
            mend="write an expression that gives a text, a number or a truth value",
        )  # fmt: skip
    content = [one for one in found.reads if one in site.signals and site.signals[one].content]
    if content and found.type.kind in ("string", "dyn"):
        site.refuse(
            f"{text[:80]!r} may give what a user wrote ({content[0]}), and labels are kept",
            "labels",
            mend="write a condition over it, for example `input.text.size() > 100`",
        )  # fmt: skip
    return found
