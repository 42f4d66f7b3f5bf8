"""What a layer's options may do while a policy is compiled, and what its layers are given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field

from conductor_mw import (
    BOOL,
    Attempted,
    Conductor,
    ConductorError,
    Event,
    Expression,
    LayerSite,
    Plugins,
    PolicyError,
    RegisterLayer,
    Setting,
    Signal,
    hookimpl,
)
from conductor_mw.policy import json_schema
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask

POLICY = """
signals: {tenant: {from: metadata.tenant, type: string}}
agents:
  - {id: a, parcel: {weight: 3}}
  - {id: b}
routing:
  rules:
    - {id: heavy, condition: "parcel.fragile", target: b, parcel: {weight: 9}}
  default: a
plugins: {parcel: {per: tenant}}
"""


def nothing(*_: object) -> None:
    """Do nothing."""


class Own(BaseModel):
    """What agents and rules say of parcels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: int = Field(description="in stones")


class Options(BaseModel):
    """Counts parcels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per: str | None = Field(default=None, description="whose parcels are counted together")
    url: str | None = Field(default=None, description="where they go")

    seen: ClassVar[list[Prepared]] = []

    def signals(self) -> Iterable[Signal]:
        """Give one signal more."""
        yield Signal("parcel.fragile", BOOL, lambda facts: "glass" in facts.request.text)

    def prepare(self, site: LayerSite) -> Prepared:
        """Compile what `per:` says."""
        if self.url is not None:
            site.address(self.url, "url")
        if not site.own_of_agents:
            site.warn("no agent says what it weighs", mend="write `parcel: {weight: 1}`")
        per = None if self.per is None else site.value(self.per, "per")
        prepared = Prepared(per, site)
        self.seen.append(prepared)
        return prepared


@dataclass
class Prepared:
    """The options with everything compiled."""

    per: Expression | None
    site: LayerSite
    settings: list[Setting] = field(default_factory=list[Setting])

    def build(self, setting: Setting) -> object:
        """Give a layer that counts."""
        self.settings.append(setting)
        counts: dict[object, int] = setting.shared("counts", dict[object, int])

        def begin(attempt: Attempted) -> None:
            key = self.per.evaluate(attempt.run.facts) if self.per else None
            counts[key] = counts.get(key, 0) + 1

        return SimpleNamespace(begin_attempt=begin, end_attempt=nothing, counts=counts)


class Plugin:
    """Offers the layer."""

    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        register("parcel", Options, rank=60, own=Own)


def plugins() -> Plugins:
    found = Plugins.core()
    found.add(Plugin(), "parcels")
    return found


def conductor(text: str = POLICY, **options: Any) -> Conductor:
    agents = {"a": Scripted("a"), "b": Scripted("b")}
    return Conductor.from_text(
        text, agents=agents, plugins=plugins(), clock=VirtualClock(), **options
    )


@pytest.mark.parametrize("way", WAYS)
def test_prepared_options_evaluate_what_the_policy_wrote(way: Way) -> None:
    c = conductor()

    for tenant in ("acme", "acme", "zeta"):
        ask(c, "hello", way=way, metadata={"tenant": tenant})

    layer: Any = c.layer("parcel")
    assert layer.counts == {"acme": 2, "zeta": 1}


def test_a_layer_brings_signals_of_its_own() -> None:
    c = conductor()

    assert c.decide("a glass").rule == "heavy"
    assert c.decide("a stone").rule is None


def test_a_signal_of_a_layer_that_is_not_named_is_unknown() -> None:
    text = POLICY.replace("plugins: {parcel: {per: tenant}}", "")

    with pytest.raises(PolicyError, match=r"no signal 'parcel\.fragile'"):
        conductor(text)


def test_agents_and_rules_say_something_under_the_name_of_a_layer() -> None:
    conductor()

    site = Options.seen[-1].site
    assert site.own_of_agents == {"a": Own(weight=3)}
    assert site.own_of_rules == {"heavy": Own(weight=9)}
    assert set(site.agents) == {"a", "b"}
    assert site.rules == ("heavy",)
    assert "tenant" in site.signals


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("per: tenant", "per: tenat", "no signal 'tenat'"),
        ("weight: 3", "weight: heavy", "must be a whole number"),
        ("weight: 9", "wieght: 9", "no key 'wieght'"),
        ("target: b,", "target: b, parsel: {},", "no key 'parsel'"),
        ("plugins: {parcel: {per: tenant}}", "", "nothing reads this"),
        ("{per: tenant}", "{url: 'https://example.com/x'}", "does not list https://example.com"),
    ],
)
def test_a_mistake_is_found_at_its_place(before: str, after: str, problem: str) -> None:
    assert before in POLICY

    with pytest.raises(PolicyError, match=problem) as caught:
        conductor(POLICY.replace(before, after))

    assert caught.value.findings[0].place.line > 1


def test_a_misspelt_key_of_a_rule_names_the_one_that_was_meant() -> None:
    with pytest.raises(PolicyError, match="did you mean 'parcel'"):
        conductor(POLICY.replace("target: b, parcel", "target: b, parcle"))


def test_a_layer_asks_nobody_for_a_signal() -> None:
    paid = "mood: {ask: a, one_of: [good, bad], type: string}"
    text = POLICY.replace("signals: {", "signals: {" + paid + ", ").replace(
        "per: tenant", "per: mood"
    )

    with pytest.raises(PolicyError, match="it reads the signal 'mood', and a layer asks nobody"):
        conductor(text)


def test_a_warning_does_not_stop_the_policy() -> None:
    c = conductor(POLICY.replace(", parcel: {weight: 3}", ""))

    assert [one.problem for one in c.policy.warnings][-1].endswith("what it weighs")


def test_own_options_are_part_of_the_fingerprint() -> None:
    lighter = conductor(POLICY.replace("weight: 3", "weight: 2"))

    assert lighter.policy.fingerprint != conductor().policy.fingerprint
    assert lighter.policy.agents["a"].fingerprint == conductor().policy.agents["a"].fingerprint


def test_the_schema_knows_what_agents_and_rules_may_write() -> None:
    schema = json_schema(plugins())

    for entry in ("AgentEntry", "RuleEntry"):
        assert schema["$defs"][entry]["properties"]["parcel"]["anyOf"] == [{"$ref": "#/$defs/Own"}]
        assert schema["$defs"][entry]["additionalProperties"] is False


def test_what_layers_share_outlives_a_reload(tmp_path: Path) -> None:
    file = tmp_path / "conductor.yaml"
    file.write_text(POLICY, encoding="utf-8")
    c = Conductor(file, agents={"a": Scripted("a"), "b": Scripted("b")}, plugins=plugins())
    c.call("hello", metadata={"tenant": "acme"})
    before = c.layer("parcel")
    file.write_text(POLICY.replace("weight: 3", "weight: 4"), encoding="utf-8")

    assert c.reload()
    c.call("hello", metadata={"tenant": "acme"})

    after: Any = c.layer("parcel")
    assert after is not before
    assert after.counts == {"acme": 2}


def test_the_policy_keeps_the_texts_it_was_read_from(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("agents: [{id: a}]\n", encoding="utf-8")
    file = tmp_path / "team.yaml"
    file.write_text("include: base.yaml\nrouting: {default: a}\n", encoding="utf-8")

    documents = Conductor(file, agents={"a": Scripted("a")}).policy.documents

    assert sorted(Path(name).name for name in documents) == ["base.yaml", "team.yaml"]
    assert documents[str(file)] == "include: base.yaml\nrouting: {default: a}\n"


@dataclass
class Ear:
    """Hears some events and closes when it is told to."""

    hears: frozenset[str]
    events: list[Event] = field(default_factory=list[Event])
    closed: int = 0
    observes: bool = False

    def told(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed += 1


def hearing(ear: Ear, text: str = POLICY, **options: Any) -> Conductor:
    class Build(BaseModel):
        def build(self, setting: Setting) -> object:
            setting.shared("ear", lambda: ear)
            setting.tell("ear.built", policy=setting.policy.name)
            return ear

    class Offer:
        @hookimpl
        def conductor_layers(self, register: RegisterLayer) -> None:
            register("ear", Build, rank=1)

    registry = plugins()
    registry.add(Offer(), "ears")
    agents = {"a": Scripted("a"), "b": Scripted("b")}
    text = text.replace("plugins: {", "plugins: {ear: {}, ")
    return Conductor.from_text(
        text, agents=agents, plugins=registry, clock=VirtualClock(), **options
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_hears_only_what_it_asked_for(way: Way) -> None:
    ear = Ear(frozenset({"run_ended"}))

    ask(hearing(ear), "hello", way=way, metadata={"tenant": "acme"})

    assert [event.name for event in ear.events] == ["run_ended"]
    assert ear.events[0].run


def test_feedback_reaches_the_layers_that_keep_it() -> None:
    ear = Ear(frozenset({"feedback"}))
    c = hearing(ear)
    answer = c.call("hello", metadata={"tenant": "acme"})

    c.feedback(answer.id, score=0.5, label="fine", by="ana")

    (event,) = ear.events
    assert event.run == answer.id
    assert event.data == {"score": 0.5, "label": "fine", "by": "ana", "comment": ""}


def test_feedback_that_nobody_keeps_is_an_error() -> None:
    c = conductor()

    with pytest.raises(ConductorError, match="no layer of this policy keeps feedback"):
        c.feedback("x", score=1)
    with pytest.raises(ConductorError, match="from 0 to 1"):
        c.feedback("x", score=5)


def test_closing_closes_layers_and_what_they_share() -> None:
    ear = Ear(frozenset())

    hearing(ear).close()

    assert ear.closed == 2


def test_a_layer_that_is_not_named_cannot_be_had() -> None:
    with pytest.raises(ConductorError, match="names no layer 'parcl'") as caught:
        conductor().layer("parcl")

    assert "parcel" in str(caught.value)


@pytest.mark.parametrize("observes", [False, True])
def test_where_a_policy_only_observes_only_layers_that_observe_stand(observes: bool) -> None:
    seen: list[str] = []
    ear = Ear(frozenset(), observes=observes)
    ear.begin_attempt = lambda attempt: seen.append(attempt.agent.id)  # type: ignore[attr-defined]  # a layer of the test
    ear.end_attempt = nothing  # type: ignore[attr-defined]  # a layer of the test
    c = hearing(ear, "mode: observe\n" + POLICY, app=Scripted("the app answers"))

    assert c.call("hello", metadata={"tenant": "acme"}).text == "the app answers"

    assert seen == (["(app)"] if observes else [])
