"""Analyzers: presidio, or an object of the app that looks like it, for what no pattern finds."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest

from conductor_mw import Conductor, ConductorError, Failure, PluginError, PolicyError
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask


@dataclass
class Result:
    entity_type: str
    start: int
    end: int
    score: float = 0.85


@dataclass
class Names:
    """Finds the names it knows, as presidio's analyzer does with a model."""

    known: Sequence[str] = ("Grace Hopper", "Ada")
    asked: list[tuple[str, str, list[str]]] = field(
        default_factory=list[tuple[str, str, list[str]]]
    )
    threads: set[int] = field(default_factory=set[int])

    def analyze(self, text: str, language: str, entities: list[str]) -> list[Result]:
        self.asked.append((text, language, entities))
        self.threads.add(threading.get_ident())
        found: list[Result] = []
        for name in self.known:
            at = text.find(name)
            if at >= 0:
                found.append(Result("PERSON", at, at + len(name)))
                found.append(Result("NRP", at, at + len(name)))
                found.append(Result("PERSON", 0, 1, 0.2))
        return found


class Broken:
    def analyze(self, text: str, language: str, entities: list[str]) -> list[Result]:
        raise ValueError(f"cannot read {text} in {language} for {entities}")


def guarded(analyzer: Any, agent: Scripted, **options: Any) -> Conductor:
    policy = {
        "agents": [{"id": "a"}, {"id": "b", "simulated": "b says so"}],
        "routing": {
            "rules": [{"condition": "'person' in input.pii", "target": "b"}],
            "default": "a",
        },
        "plugins": {
            "guard": {
                "analyzers": {"names": {"engine": "app", "language": "de", "entities": ["PERSON"]}},
                **options,
            }
        },
    }
    conductor = Conductor.from_text(
        json.dumps(policy), agents={"a": agent}, clock=VirtualClock(), seed=1
    )
    if analyzer is not None:
        layer: Any = conductor.layer("guard")
        layer.bind("names", analyzer)
    return conductor


@pytest.mark.parametrize("way", WAYS)
def test_what_an_analyzer_finds_is_in_input_pii(way: Way) -> None:
    names = Names()
    conductor = guarded(names, Scripted("fine"))

    assert ask(conductor, "I am Grace Hopper", way=way).text == "b says so"
    assert ask(conductor, "I am nobody", way=way).text == "fine"
    assert names.asked == [
        ("I am Grace Hopper", "de", ["PERSON"]), ("I am nobody", "de", ["PERSON"])
    ]  # fmt: skip
    if way in ("acall", "astream"):
        assert threading.get_ident() not in names.threads  # off the event loop


@pytest.mark.parametrize("way", WAYS)
def test_what_an_analyzer_finds_is_redacted_and_restored(way: Way) -> None:
    agent = Scripted("Dear <PERS", "ON_1>, mail <EMAIL_1>")
    conductor = guarded(Names(), agent, redact=["person", "email"])

    with_rule = ask(conductor, "Write to Ada, ada@example.org", way=way, target="a")

    assert agent.asked[0].text == "Write to <PERSON_1>, <EMAIL_1>"
    assert with_rule.text == "Dear Ada, mail ada@example.org"
    layer: Any = conductor.layer("guard")
    assert (layer._found, layer._vaults) == ({}, {})


def test_a_request_with_a_name_can_be_refused() -> None:
    conductor = guarded(Names(), Scripted("fine"), on_pii="refuse")

    with pytest.raises(Failure, match="the request holds personal data: person"):
        conductor.call("I am Grace Hopper")


@pytest.mark.parametrize("way", WAYS)
def test_an_analyzer_that_fails_lets_nothing_through_and_tells_no_text(way: Way) -> None:
    agent = Scripted("never")
    conductor = guarded(Broken(), agent)

    with pytest.raises(PluginError) as caught:
        ask(conductor, "my own words", way=way)

    assert "the analyzer 'names' failed: ValueError" in str(caught.value)
    assert "my own words" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert agent.asked == []


def test_an_analyzer_that_nobody_handed_over_is_told() -> None:
    conductor = guarded(None, Scripted("never"))

    with pytest.raises(ConductorError, match="nobody handed over the analyzer 'names'"):
        conductor.call("hello")


@pytest.mark.skipif(find_spec("presidio_analyzer") is not None, reason="presidio is installed")
def test_without_presidio_a_policy_that_names_it_is_refused() -> None:
    with pytest.raises(PolicyError, match="presidio is not installed"):
        guarded(None, Scripted(), analyzers={"names": {"language": "en"}})
