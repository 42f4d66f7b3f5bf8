"""`mode: observe`: the policy decides and records, and the app's own model answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conductor_mw import Attempted, Conductor, Event, Failure, Part, Parts, Plugins, hookimpl
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import conductor as small

POLICY = """
mode: observe
agents: [{id: cheap}, {id: dear, labels: [safe]}]
routing:
  rules:
    - {id: short, condition: "input.tokens < 1000", target: cheap}
    - {id: vip, condition: "metadata.tier == 'vip'", target: dear}
  default: dear
guarantees:
  - never: {when: "has(metadata.secret)", agents_without: safe}
  - at_most: {calls: 1, dollars: 0.000001, seconds: 0.001}
"""


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        self.events.append(event)

    def one(self, name: str) -> dict[str, object]:
        return dict(next(event.data for event in self.events if event.name == name))


def observing(text: str = POLICY) -> tuple[Conductor, Scripted, Scripted, Told]:
    app, cheap, told = Scripted("from the app"), Scripted("cheap"), Told()
    plugins = Plugins.core()
    plugins.add(told, "told")
    bound = {"cheap": cheap, "dear": Scripted("dear")}
    return Conductor.from_text(text, agents=bound, app=app, plugins=plugins), app, cheap, told


@pytest.mark.parametrize("way", WAYS)
def test_the_apps_own_model_answers_and_the_decision_is_recorded(way: Way) -> None:
    conductor, app, cheap, told = observing()

    answer = ask(conductor, "hello", way=way)

    assert answer.text == "from the app"
    assert (len(app.asked), cheap.asked) == (1, [])
    assert answer.decision.target == "cheap"
    assert answer.decision.to_dict()["observed"] is True
    assert told.one("observed") == {"rule": "short", "target": "cheap"}
    assert [event.name for event in told.events][:2] == ["observed", "run_started"]


def test_a_guarantee_only_says_what_it_would_have_refused() -> None:
    conductor, app, _, told = observing()

    conductor.call("hello", metadata={"secret": 1})

    assert len(app.asked) == 1
    assert told.one("observed")["would_refuse"] == ["cheap"]


def test_a_policy_that_cannot_decide_stops_nothing() -> None:
    conductor, _, _, told = observing(POLICY.replace("input.tokens < 1000", "input.tokens > 1000"))

    answer = conductor.call("hello")

    assert answer.text == "from the app"
    assert "metadata" in str(told.one("observed")["problem"])


def test_the_apps_own_failure_reaches_the_app_as_it_was_raised() -> None:
    conductor = Conductor.from_text(
        POLICY, agents={"cheap": Scripted("x"), "dear": Scripted("y")}, app=_broken
    )

    with pytest.raises(ZeroDivisionError):
        conductor.call("hello")


def test_who_names_a_target_gets_it_with_every_guarantee() -> None:
    conductor, app, _, _ = observing(POLICY.replace(", dollars: 0.000001, seconds: 0.001", ""))

    assert conductor.call("hello", target="dear").text == "dear"
    assert app.asked == []


def _broken(_: object) -> str:
    raise ZeroDivisionError("in the app")


def test_no_layer_stands_between_the_app_and_its_own_model() -> None:
    async def wall(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        async for _ in proceed(attempt):
            raise Failure("budget", "no money left")
            yield Part()

    text = POLICY.replace("{calls: 1, dollars: 0.000001, seconds: 0.001}", "{calls: 9}")
    c = small(
        text,
        attempt_layers=[wall],
        app_model=Scripted("from the app"),
        cheap=Scripted("cheap"),
        dear=Scripted("dear"),
    )

    assert c.call("hello").text == "from the app"
    with pytest.raises(Failure, match="no money left"):
        c.call("hello", target="dear")
