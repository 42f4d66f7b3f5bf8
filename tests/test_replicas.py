"""Several deployments or keys of one model: who is called, who rests, and what is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import (
    Attempt,
    Conductor,
    Failure,
    FailureKind,
    Part,
    PolicyError,
    Usage,
    attempts_of,
    to_request,
)
from conductor_mw.agents.model import ModelOptions
from conductor_mw.agents.replicas import RATE_LIMITED, REFUSED
from conductor_mw.policy import load_text
from conductor_mw.testing import WAYS, VirtualClock, Way, ask
from tests.kit import conductor

TEXT = """
agents:
  - id: a
    model: openai/gpt-4o-mini
    retry: {retry}
    replicas:
      - {{name: one, api_key: "${{env:KEY_ONE}}"}}
      - {{name: two, api_key: "${{env:KEY_TWO}}", base_url: "https://two.example.com/v1"}}
      - {{name: three, model: azure/my-deployment, weight: 2}}
routing: {{default: a}}
"""


class Deployments:
    """Answers for every replica of an agent, and fails for those that it is told to."""

    def __init__(self, **failing: BaseException) -> None:
        self.failing = failing
        self.asked: list[str] = []

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        self.asked.append(attempt.replica)
        if attempt.replica in self.failing:
            raise self.failing[attempt.replica]
        yield Part(attempt.replica, usage=Usage(1, 1), finish="stop")


def three(
    deployments: Deployments, *, retry: str = "0", clock: VirtualClock | None = None
) -> Conductor:
    return conductor(TEXT.format(retry=retry), clock=clock, a=deployments)


BUSY = Failure("rate_limit")
EVERY = dict.fromkeys(("one", "two", "three"), BUSY)


@pytest.mark.parametrize("way", WAYS)
def test_calls_are_spread_by_weight_and_told_with_their_replica(way: Way) -> None:
    deployments = Deployments()
    c = three(deployments)

    answers = [ask(c, f"{n}", way=way) for n in range(200)]

    shares = Counter(deployments.asked)
    assert set(shares) == {"one", "two", "three"}
    assert shares["three"] > 75 > shares["one"]
    assert [answer.attempts[0].replica for answer in answers] == deployments.asked


def test_the_same_seed_chooses_the_same_replicas() -> None:
    first, second = Deployments(), Deployments()
    for deployments in (first, second):
        c = three(deployments)
        for n in range(20):
            c.call(f"{n}")

    assert first.asked == second.asked


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["rate_limit", "auth"])
def test_a_replica_that_was_turned_away_rests_and_another_one_answers_at_once(
    kind: str, way: Way
) -> None:
    clock = VirtualClock()
    failure = Failure(kind)  # type: ignore[arg-type]  # parametrised
    deployments = Deployments(one=failure, two=failure)
    c = three(deployments, clock=clock)

    answers = [ask(c, f"{n}", way=way) for n in range(20)]

    assert {answer.text for answer in answers} == {"three"}
    assert Counter(deployments.asked) == {"one": 1, "two": 1, "three": 20}
    assert clock.slept == []
    tried = [one for answer in answers for one in answer.attempts if one.kind]
    assert {(one.kind, one.replica) for one in tried} == {(kind, "one"), (kind, "two")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("failure", "rest"),
    [
        (Failure("rate_limit"), RATE_LIMITED),
        (Failure("rate_limit", retry_after=7.0), 7.0),
        (Failure("auth"), REFUSED),
    ],
)
def test_a_rest_has_an_end(failure: Failure, rest: float, way: Way) -> None:
    clock = VirtualClock()
    deployments = Deployments(one=failure)
    c = three(deployments, clock=clock)
    for n in range(20):
        ask(c, f"{n}", way=way)

    clock.advance(rest - 0.1)
    for n in range(20):
        ask(c, f"{n}", way=way)
    before = deployments.asked.count("one")
    clock.advance(0.2)
    for n in range(20):
        ask(c, f"{n}", way=way)

    assert (before, deployments.asked.count("one")) == (1, 2)


@pytest.mark.parametrize("way", WAYS)
def test_each_replica_is_asked_once_and_the_failure_is_told(way: Way) -> None:
    deployments = Deployments(**EVERY)
    c = three(deployments)

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way)

    assert sorted(deployments.asked) == ["one", "three", "two"]
    assert c.policy.worst_calls["a"] == 3
    assert [one.number for one in attempts_of(caught.value)] == [1, 2, 3]


@pytest.mark.parametrize("way", WAYS)
def test_where_all_of_them_rest_nobody_is_asked_until_the_first_is_back(way: Way) -> None:
    clock = VirtualClock()
    deployments = Deployments(
        one=Failure("rate_limit", retry_after=9.0),
        two=Failure("rate_limit", retry_after=4.0),
        three=Failure("auth"),
    )
    c = three(deployments, clock=clock)
    with pytest.raises(Failure):
        ask(c, "hello", way=way)
    clock.advance(1.0)

    with pytest.raises(Failure, match="all of its 3 replicas rest") as caught:
        ask(c, "hello", way=way)

    assert (caught.value.kind, caught.value.retry_after) == ("rate_limit", 3.0)
    assert len(deployments.asked) == 3
    assert [(one.kind, one.replica) for one in attempts_of(caught.value)] == [("rate_limit", "")]
    clock.advance(3.0)
    deployments.failing = {}
    assert ask(c, "hello", way=way).text == "two"


@pytest.mark.parametrize("way", WAYS)
def test_where_every_key_was_refused_that_is_said(way: Way) -> None:
    deployments = Deployments(**dict.fromkeys(EVERY, Failure("auth")))
    c = three(deployments)
    with pytest.raises(Failure):
        ask(c, "hello", way=way)

    with pytest.raises(Failure, match="replicas rest") as caught:
        ask(c, "hello", way=way)

    assert (caught.value.kind, caught.value.retry_after) == ("auth", None)


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_waits_until_the_first_replica_is_back(way: Way) -> None:
    clock = VirtualClock()
    deployments = Deployments(**dict.fromkeys(EVERY, Failure("rate_limit", retry_after=3.0)))
    c = three(deployments, retry="{times: 1, on: [rate_limit]}", clock=clock)

    with pytest.raises(Failure):
        ask(c, "hello", way=way)

    assert len(deployments.asked) == 4
    assert clock.slept == [3.0]
    assert c.policy.worst_calls["a"] == 4


@pytest.mark.parametrize("way", WAYS)
def test_another_failure_lets_nobody_rest(way: Way) -> None:
    deployments = Deployments(**dict.fromkeys(EVERY, Failure("server_error")))
    c = three(deployments)

    for _ in range(3):
        with pytest.raises(Failure):
            ask(c, "hello", way=way)

    assert len(deployments.asked) == 3


@pytest.mark.parametrize("way", WAYS)
def test_the_less_busy_of_two_is_called(way: Way) -> None:
    deployments = Deployments()
    c = three(deployments)
    pool = c.begin(to_request("x")).runtime.board.pool(c.policy.agents["a"])
    for _ in range(1000):
        pool.begin("one")

    for n in range(200):
        ask(c, f"{n}", way=way)

    # Only where both draws of a quarter each hit it; by chance alone it would be called 50 times.
    assert deployments.asked.count("one") < 25


@pytest.mark.parametrize("way", WAYS)
def test_a_replica_is_free_again_after_every_end(way: Way) -> None:
    c = three(Deployments(one=Failure("server_error")))
    for n in range(10):
        try:
            ask(c, f"{n}", way=way)
        except Failure as failure:
            assert failure.kind == "server_error"  # noqa: PT017 - some of them fail

    pool = c.begin(to_request("x")).runtime.board.pool(c.policy.agents["a"])

    assert [pool.in_flight(name) for name in ("one", "two", "three")] == [0, 0, 0]


def test_a_new_policy_ends_every_rest() -> None:
    c = three(Deployments(**EVERY))
    with pytest.raises(Failure):
        c.call("hello")
    run = c.begin(to_request("x"))

    board, agent = run.runtime.board, c.policy.agents["a"]

    assert board.pool(agent) is board.pool(agent)
    assert board.successor().pool(agent) is not board.pool(agent)


FAILURES: st.SearchStrategy[FailureKind | None] = st.sampled_from(
    ["rate_limit", "auth", "timeout", "context_overflow", "refusal", None]
)


@given(st.lists(FAILURES, max_size=30), st.integers(0, 3), st.sampled_from(["", "trim"]))
def test_whatever_fails_no_more_calls_are_made_than_the_worst_case_says(
    script: list[FailureKind | None], retries: int, overflow: str
) -> None:
    class Random(Deployments):
        async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
            kind = script[len(self.asked)] if len(self.asked) < len(script) else None
            self.asked.append(attempt.replica)
            if kind:
                raise Failure(kind)
            yield Part("done", finish="stop")

    deployments = Random()
    retry = f"{{{{times: {retries}, on: [rate_limit, timeout, auth, refusal]}}}}"
    text = TEXT.replace("{retry}", retry + (f"\n    on_overflow: {overflow}" if overflow else ""))
    c = conductor(text.format(), a=deployments)
    talk = [{"role": "user", "content": f"{n}"} for n in range(8)]
    told = ""
    try:
        c.call(talk)
    except Failure as failure:
        told = failure.kind

    assert told != "policy_violation"
    assert len(deployments.asked) <= c.policy.worst_calls["a"]


# What the policy says.


def test_a_replica_has_what_the_agent_says_where_it_says_nothing_else() -> None:
    agent = load_text(TEXT.format(retry=0), env={}).agents["a"]

    assert [(one.name, one.weight) for one in agent.replicas] == [
        ("one", 1),
        ("two", 1),
        ("three", 2),
    ]
    options = [one.options for one in agent.replicas]
    assert options == [
        ModelOptions(model="openai/gpt-4o-mini", api_key="${env:KEY_ONE}"),
        ModelOptions(
            model="openai/gpt-4o-mini",
            api_key="${env:KEY_TWO}",
            base_url="https://two.example.com/v1",
        ),
        ModelOptions(model="azure/my-deployment"),
    ]


def test_a_replica_without_a_name_has_its_position() -> None:
    text = "agents: [{id: a, model: x/y, replicas: [{weight: 1}, {weight: 2}]}]\n"

    agent = load_text(text + "routing: {default: a}", env={}).agents["a"]

    assert [one.name for one in agent.replicas] == ["0", "1"]


def test_replicas_are_part_of_the_meaning() -> None:
    plain = "agents: [{id: a, model: x/y%s}]\nrouting: {default: a}"
    prints = {
        load_text(plain % more, env={}).fingerprint
        for more in (
            "",
            ", replicas: [{weight: 1}]",
            ", replicas: [{weight: 2}]",
            ", replicas: [{model: x/z}]",
            ", replicas: [{name: east}]",
        )
    }

    assert len(prints) == 5


@pytest.mark.parametrize(
    ("agent", "problem"),
    [
        ("{id: a, simulated: x, replicas: [{weight: 1}]}", "kind 'simulated' has no replicas"),
        ("{id: a, replicas: [{model: x/y}]}", "kind 'bound' has no replicas"),
        ("{id: a, model: x/y, replicas: []}", "at least 1 item"),
        ("{id: a, model: x/y, replicas: [{weight: 0}]}", "greater than 0"),
        ("{id: a, model: x/y, replicas: [{key: x}]}", "no key 'key'"),
        ("{id: a, model: x/y, replicas: [{name: b}, {name: b}]}", "stands here a second time"),
        ("{id: a, model: x/y, replicas: [{base_url: ftp://x}]}", "no address without user"),
    ],
)
def test_wrong_replicas_are_refused(agent: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        load_text(f"agents: [{agent}]\nrouting: {{default: a}}", env={})


@pytest.mark.parametrize(
    "replica", ["{api_key: sk-secret-1}", '{base_url: "https://me:sk-secret-1@x.com"}']
)
def test_a_key_in_a_replica_is_refused_and_never_repeated(replica: str) -> None:
    text = f"agents: [{{id: a, model: x/y, replicas: [{replica}]}}]\nrouting: {{default: a}}"

    with pytest.raises(PolicyError) as caught:
        load_text(text, env={})

    assert "agents.0.replicas.0" in str(caught.value)
    assert "sk-secret-1" not in str(caught.value)
