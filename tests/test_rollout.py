"""`rollout:` a new version of a policy takes a share of the traffic, and goes back by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_mw import Conductor, Event, Plugins, PolicyError, hookimpl
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask

CURRENT = """
agents: [{id: old}]
routing: {default: old}
rollout: {policy: next.yaml, percent: 25, by: metadata.tenant%s}
"""
NEXT = "agents: [{id: new}]\nrouting: {default: new}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "next.yaml").write_text(NEXT)
    write(tmp_path)
    return tmp_path


def write(folder: Path, more: str = "", text: str = CURRENT) -> None:
    (folder / "conductor.yaml").write_text(text % more)


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        self.events.append(event)


def load(folder: Path, told: Told | None = None, new: Scripted | None = None) -> Conductor:
    plugins = Plugins.core()
    if told is not None:
        plugins.add(told, "told")
    bound = {"old": Scripted("old"), "new": new or Scripted("new")}
    return Conductor(
        folder / "conductor.yaml", agents=bound, plugins=plugins, clock=VirtualClock(), seed=1
    )


def tenant(number: int) -> dict[str, object]:
    return {"tenant": f"t{number}"}


@pytest.mark.parametrize("way", WAYS)
def test_equal_keys_stay_with_one_version_and_the_share_holds(folder: Path, way: Way) -> None:
    conductor = load(folder)

    count = 400 if way == "call" else 40
    first = [ask(conductor, "hi", way=way, metadata=tenant(n)).text for n in range(count)]
    again = [ask(conductor, "hi", way=way, metadata=tenant(n)).text for n in range(count)]

    assert first == again
    assert {"old", "new"} == set(first)
    if way == "call":
        assert 0.19 < first.count("new") / count < 0.31  # 25 %, three standard deviations


def test_the_decision_says_which_version_decided(folder: Path) -> None:
    conductor = load(folder)

    found = {conductor.call("hi", metadata=tenant(n)).decision.fingerprint for n in range(40)}

    rollout = conductor.policy.rollout
    assert rollout is not None
    assert found == {conductor.policy.fingerprint, rollout.policy.fingerprint}


def test_a_request_that_cannot_be_told_apart_stays_with_the_current_version(folder: Path) -> None:
    conductor = load(folder)

    assert {conductor.call("hi").text for _ in range(40)} == {"old"}


def test_without_a_key_chance_decides(folder: Path) -> None:
    write(folder, text=CURRENT.replace(", by: metadata.tenant", ""))
    conductor = load(folder)

    new = sum(conductor.call("hi").text == "new" for _ in range(400))

    assert 0.19 < new / 400 < 0.31


def test_a_new_version_that_fails_too_often_gets_nothing_more(folder: Path) -> None:
    write(folder, ', back_when: "rollout.runs >= 5 && rollout.error_rate > 0.5"')
    told = Told()
    conductor = load(folder, told, Scripted(ConnectionError("down")))

    seen: list[str] = []
    for number in range(200):
        try:
            seen.append(conductor.call("hi", metadata=tenant(number)).text)
        except ConnectionError:
            seen.append("failed")

    assert seen.count("failed") == 5
    returned = [event for event in told.events if event.name == "rollout_returned"]
    assert len(returned) == 1
    assert returned[0].data["because"] == "rollout.runs >= 5 && rollout.error_rate > 0.5"


def test_a_guard_that_compares_with_the_current_version(folder: Path) -> None:
    back = "rollout.runs > 3 && rollout.p95_ms > 2.0 * current.p95_ms + 10.0"
    write(folder, f', back_when: "{back}"')
    conductor = load(folder, new=Scripted(3.0, "slow"))

    texts = [conductor.call("hi", metadata=tenant(number)).text for number in range(100)]

    assert texts.count("slow") == 4


def test_a_caller_who_stops_reading_is_not_counted_against_a_version(folder: Path) -> None:
    write(folder, ', back_when: "rollout.runs > 0"')
    conductor = load(folder, new=Scripted("a", "b"))
    new = next(n for n in range(50) if conductor.decide("hi", metadata=tenant(n)).target == "new")

    with conductor.stream("hi", metadata=tenant(new)) as parts:
        next(parts)

    assert conductor.decide("hi", metadata=tenant(new)).target == "new"


@pytest.mark.parametrize(
    ("next_policy", "problem"),
    [
        (
            "agents: [{id: new}]\nrouting: {default: nwe}\n",
            "routing.default: no agent or flow 'nwe'",
        ),
        (
            CURRENT % "",
            "rollout.policy: no other version can be named here",
        ),
        (None, "rollout.policy: there is no file 'next.yaml'"),
    ],
)
def test_a_new_version_that_cannot_be_used_is_found_at_load(
    folder: Path, next_policy: str | None, problem: str
) -> None:
    if next_policy is None:
        (folder / "next.yaml").unlink()
    else:
        (folder / "next.yaml").write_text(next_policy)

    with pytest.raises(PolicyError) as caught:
        Conductor(folder / "conductor.yaml", agents={"old": Scripted("old")})

    assert problem in str(caught.value)


def test_a_new_version_cannot_leave_the_organisations_file_behind(folder: Path) -> None:
    (folder / "org.yaml").write_text("guarantees: [{at_most: {calls: 3}}]\n")
    write(folder, text="include: org.yaml\n" + CURRENT)

    with pytest.raises(PolicyError, match="does not include what this one includes"):
        Conductor(folder / "conductor.yaml", agents={"old": Scripted("old")})

    (folder / "next.yaml").write_text("include: org.yaml\n" + NEXT)
    Conductor(folder / "conductor.yaml", simulate=True)


def test_both_versions_have_one_mode(folder: Path) -> None:
    (folder / "next.yaml").write_text("mode: observe\n" + NEXT)

    with pytest.raises(PolicyError, match="the new version's mode is 'observe'"):
        Conductor(folder / "conductor.yaml", simulate=True)
