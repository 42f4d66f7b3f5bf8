"""Traffic in simulated time: what came of each request, how long it took, what it cost."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from conductor_mw import Conductor, ConductorError, Money, Part, Request, SystemClock, ToolCall
from conductor_mw.policy import Policy, load_text
from conductor_mw.workbench.traffic import Answered, Question, Stage, run_traffic, stage, summarise
from conductor_mw.workbench.traffic.summary import percentile
from conductor_mw.workbench.traffic.virtual import VirtualClock, VirtualLoop

AGENTS = """\
agents:
  - {id: slow, simulated: {answer: "1234", latency: 1h}, price: {input: 1, output: 2}}
  - {id: quick, simulated: {answer: "12345678", latency: 1s}, price: {input: 10, output: 20}}
  - {id: broken, simulated: {errors: {rate_limit: 1.0}}, price: {input: 1, output: 1}}
"""


def policy(rest: str, agents: str = AGENTS) -> Policy:
    return load_text(agents + rest, file="p.yaml", env={})


def questions(*texts: str, **metadata: object) -> list[Question]:
    return [
        Question(f"q{n}", n, {"messages": [{"role": "user", "content": text}]}, metadata)
        for n, text in enumerate(texts)
    ]


def test_an_hour_of_simulated_waiting_takes_no_hour() -> None:
    found = run_traffic(policy("routing: {default: slow}\n"), questions("a", "b", "c"))

    assert [(one.agent, one.seconds, one.first_part) for one in found] == [
        ("slow", 3600.0, 3600.0)
    ] * 3


def test_requests_are_under_way_at_once_in_simulated_time() -> None:
    with stage(
        policy("routing: {default: slow}\n"), simulate=False, real_time=False, seed=None
    ) as staged:

        async def both() -> None:
            requests = [one.request() for one in questions("a", "b")]
            await asyncio.gather(*(staged.ask("q", request) for request in requests))

        staged.run(both())

        assert staged.clock.monotonic() == pytest.approx(3600.0)


def test_answers_come_in_the_order_of_the_traffic_whatever_ended_first() -> None:
    rules = "routing: {rules: [{condition: \"input.text == 'b'\", target: quick}], default: slow}\n"
    ended: list[str] = []

    found = run_traffic(
        policy(rules), questions("a", "b"), tell=lambda answered: ended.append(answered.id)
    )

    assert [one.id for one in found] == ["q0", "q1"]
    assert ended == ["q1", "q0"]


def test_one_at_a_time_is_one_at_a_time() -> None:
    rules = "routing: {rules: [{condition: \"input.text == 'b'\", target: quick}], default: slow}\n"
    ended: list[str] = []

    run_traffic(
        policy(rules),
        questions("a", "b"),
        concurrency=1,
        tell=lambda answered: ended.append(answered.id),
    )

    assert ended == ["q0", "q1"]


def test_a_timeout_ends_a_simulated_answer() -> None:
    text = AGENTS.replace("{id: slow,", "{id: slow, timeout: 5m,")

    (found,) = run_traffic(policy("routing: {default: slow}\n", text), questions("a"))

    assert (found.agent, found.failure, found.problem) == ("", "timeout", "no answer within 300 s")
    assert found.seconds == pytest.approx(300.0)


def test_a_request_that_fell_back_keeps_every_attempt() -> None:
    flow = "flows: {both: {fallback: [broken, quick]}}\nrouting: {default: both}\n"

    (found,) = run_traffic(policy(flow), questions("a"))

    assert (found.agent, found.fell_back, found.failure) == ("quick", True, "")
    assert [(one.agent, one.kind) for one in found.attempts] == [
        ("broken", "rate_limit"),
        ("quick", None),
    ]


def test_a_guarantee_that_refuses_is_a_failure_of_the_request() -> None:
    rest = """\
routing: {default: quick}
guarantees: [{never: {when: "metadata.tier == 'free'", agents: [quick]}}]
"""

    (found,) = run_traffic(policy(rest), questions("a", tier="free"))

    assert (found.agent, found.failure) == ("", "policy_violation")
    assert found.cost == Money(0)


def test_a_request_that_cannot_be_decided_does_not_end_the_run() -> None:
    rest = "routing: {rules: [{condition: metadata.n > 3, target: slow}], default: quick}\n"

    found = run_traffic(policy(rest), questions("a"))

    assert [(one.failure, one.decision) for one in found] == [("not_decided", None)]
    assert found[0].problem.startswith("condition 'metadata.n > 3':")


def test_an_agent_that_nobody_speaks_for_ends_the_run() -> None:
    rest = "routing: {default: app}\n"

    with pytest.raises(ConductorError, match="agent 'app' has neither a model nor anything"):
        run_traffic(policy(rest, "agents: [{id: app}]\n"), questions("a", "b"))


def test_simulating_answers_for_agents_that_the_app_binds() -> None:
    bound = policy("routing: {default: app}\n", "agents: [{id: app}]\n")

    (found,) = run_traffic(bound, questions("a"), simulate=True)

    assert (found.agent, found.text) == ("app", "(simulated answer of app)")


def test_a_stream_says_when_it_began_to_speak() -> None:
    text = "agents: [{id: a, simulated: {answer: one two, latency: 1s, tokens_per_second: 1}}]\n"

    (found,) = run_traffic(policy("routing: {default: a}\n", text), questions("x"), stream=True)

    assert found.text == "one two"
    assert found.first_part == pytest.approx(1.0)
    assert found.seconds == pytest.approx(3.0)


def test_an_answer_keeps_the_tools_that_it_calls() -> None:
    call = ToolCall(0, "c1", "find", '{"q": 1}')
    compiled = policy("routing: {default: app}\n", "agents: [{id: app}]\n")

    def answer(_: Request) -> Part:
        return Part(tool_calls=(call,))

    conductor = Conductor(compiled, agents={"app": answer})
    (question,) = questions("a")

    with asyncio.Runner() as runner:
        staged = Stage(conductor, SystemClock(), runner)
        found = staged.run(staged.ask("q", question.request()))

    assert found.to_dict()["tool_calls"] == [{"id": "c1", "name": "find", "arguments": '{"q": 1}'}]


def test_a_simulation_is_the_same_twice() -> None:
    text = AGENTS.replace("{rate_limit: 1.0}", "{rate_limit: 0.5}")
    rest = "flows: {any: {balance: {slow: 1, quick: 1, broken: 1}}}\nrouting: {default: any}\n"
    traffic = questions(*(str(number) for number in range(40)))

    first, second = (run_traffic(policy(rest, text), traffic) for _ in range(2))

    assert [one.to_dict() for one in first] == [one.to_dict() for one in second]
    assert {one.agent for one in first} == {"slow", "quick", "broken", ""}


def test_what_the_teller_raises_ends_the_run() -> None:
    def full(_: Answered) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_traffic(policy("routing: {default: quick}\n"), questions("a", "b"), tell=full)


def test_work_in_a_thread_takes_no_simulated_time() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop)
    done = threading.Event()

    async def beside_a_sleeper() -> float:
        sleeper = asyncio.create_task(asyncio.sleep(60))
        await asyncio.to_thread(done.wait, 10)
        before = clock.monotonic()
        await sleeper
        return before

    threading.Timer(0.05, done.set).start()
    try:
        before = loop.run_until_complete(beside_a_sleeper())
    finally:
        loop.close()

    assert (before, clock.monotonic()) == (0.0, 60.0)
    assert clock.now().utc - time.time() == pytest.approx(60.0, abs=30.0)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([7.0], 0.95, 7.0),
        ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
        ([float(n) for n in range(1, 21)], 0.95, 19.0),
        ([float(n) for n in range(1, 101)], 0.95, 95.0),
        ([3.0, 1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_a_value_that_occurred(
    values: list[float], share: float, expected: float | None
) -> None:
    assert percentile(values, share) == expected


def test_a_row_is_a_rule_its_target_and_who_answered() -> None:
    rest = """\
flows: {both: {fallback: [broken, quick]}}
routing:
  rules:
    - {id: second, condition: "input.text == 'b'", target: broken}
    - {id: third, condition: "input.text == 'c'", target: both}
  default: slow
"""
    compiled = policy(rest)

    found = summarise(compiled, run_traffic(compiled, questions("a", "b", "c", "a2")))

    rows = [
        (one.rule, one.target, one.agent, one.requests, one.share, one.failed, one.fell_back)
        for one in found.routes
    ]
    assert rows == [
        ("second", "broken", "", 1, 0.25, 1, 0),
        ("third", "both", "quick", 1, 0.25, 0, 1),
        (None, "slow", "slow", 2, 0.5, 0, 0),
    ]
    assert (found.total.requests, found.total.failed, found.total.fell_back) == (4, 1, 1)
    assert found.problems == (("rate_limit: simulated rate limit", 1),)
    assert found.simulated == "all"


def test_a_cost_is_unknown_where_a_price_is() -> None:
    compiled = policy("routing: {default: a}\n", "agents: [{id: a, simulated: x}]\n")

    found = summarise(compiled, run_traffic(compiled, questions("a")))

    assert (found.total.cost, found.comparisons, found.unpriced) == (None, (), ("a",))
