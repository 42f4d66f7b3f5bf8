"""A kept answer meets the policy of this moment, and outlives a change that does not concern it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conductor_mw import Conductor, Failure
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from tests.cache_kit import T1, conductor, plugins, policy

POLICY = """
signals:
  tenant: {from: metadata.tenant, type: string}
  sensitive: {from: metadata.sensitive, type: bool, default: false}
agents:
  - {id: a, labels: [eu], prompt: Be brief., parameters: {max_tokens: 100}}
  - {id: b, labels: [eu]}
routing:
  rules:
    - {id: first, condition: "input.text == 'hello'", target: a}
  default: b
guarantees:
  - never: {when: sensitive, agents_without: eu}
  - never: {when: "input.text == 'forbidden'", agents: [a]}
plugins:
  cache: {ttl: 1h}
"""


@pytest.fixture
def agent() -> Scripted:
    return Scripted("an answer")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def c(file: Path, agent: Scripted) -> Conductor:
    bound = {"a": agent, "b": Scripted("of b")}
    return Conductor(file, agents=bound, plugins=plugins(), clock=VirtualClock(), seed=1)


Edit = Callable[[str, str], None]


@pytest.fixture
def edit(file: Path, c: Conductor) -> Edit:
    """Give a function that replaces something in the policy and loads it."""

    def edit(before: str, after: str) -> None:
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))
        assert c.reload()

    return edit


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id: a, labels: [eu]", "id: a, labels: [us]"),
        ("input.text == 'forbidden'", "input.text == 'hello'"),
        ("agents_without: eu", "agents: [a]"),
    ],
    ids=["label", "condition", "agents"],
)
def test_a_hit_that_the_policy_forbids_by_now_is_refused(
    c: Conductor, edit: Edit, agent: Scripted, way: Way, before: str, after: str
) -> None:
    sensitive = {**T1, "sensitive": True}
    ask(c, "hello", way=way, metadata=sensitive)
    assert ask(c, "hello", way=way, metadata=sensitive).attempts[0].by == "cache"

    edit(before, after)
    with pytest.raises(Failure) as refused:
        ask(c, "hello", way=way, metadata=sensitive)

    assert refused.value.kind == "policy_violation"
    assert len(agent.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_hit_is_refused_to_a_request_that_must_not_reach_the_agent(
    c: Conductor, edit: Edit, agent: Scripted, way: Way
) -> None:
    edit("id: a, labels: [eu]", "id: a, labels: [us]")
    ask(c, "hello", way=way, metadata={**T1, "sensitive": False})

    with pytest.raises(Failure) as refused:
        ask(c, "hello", way=way, metadata={**T1, "sensitive": True})

    assert refused.value.kind == "policy_violation"
    assert len(agent.asked) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id: first", "id: renamed"),
        ("input.text == 'hello'", "input.text.startsWith('hel')"),
        ("default: b", "default: a"),
        ("id: a, labels: [eu]", "id: a, labels: [eu, more]"),
        ("ttl: 1h", "ttl: 2h"),
        ("ttl: 1h", "ttl: 1h, most_entries: 5"),
        ("id: b,", "id: b, prompt: Be long,"),
    ],
)
def test_a_change_that_does_not_shape_the_answer_keeps_it(
    c: Conductor, edit: Edit, agent: Scripted, way: Way, before: str, after: str
) -> None:
    ask(c, "hello", way=way, metadata=T1)
    edit(before, after)

    answer = ask(c, "hello", way=way, metadata=T1)

    assert [one.by for one in answer.attempts] == ["cache"]
    assert len(agent.asked) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Be brief.", "Be long."),
        ("max_tokens: 100", "max_tokens: 200"),
        ("ttl: 1h", "ttl: 1h, scope: shared"),
    ],
)
def test_a_change_that_shapes_the_answer_asks_again(
    c: Conductor, edit: Edit, agent: Scripted, way: Way, before: str, after: str
) -> None:
    ask(c, "hello", way=way, metadata=T1)
    edit(before, after)

    ask(c, "hello", way=way, metadata=T1)

    assert len(agent.asked) == 2


@pytest.mark.parametrize("way", WAYS)
def test_another_agent_does_not_get_the_answer_of_one(c: Conductor, edit: Edit, way: Way) -> None:
    first = ask(c, "hello", way=way, metadata=T1)
    edit("target: a", "target: b")

    second = ask(c, "hello", way=way, metadata=T1)

    assert (first.text, second.text) == ("an answer", "of b")


@pytest.mark.parametrize("way", WAYS)
def test_agents_that_are_sent_the_same_have_answers_of_their_own(way: Way) -> None:
    text = policy(
        agents="agents: [{id: a}, {id: b}]\n",
        routing="routing: {rules: [{condition: has(metadata.b), target: b}], default: a}\n",
    )
    c = conductor(text, a=Scripted("of a"), b=Scripted("of b"))

    texts = [ask(c, "hello", way=way, metadata=one).text for one in (T1, {**T1, "b": 1})]

    assert texts == ["of a", "of b"]
