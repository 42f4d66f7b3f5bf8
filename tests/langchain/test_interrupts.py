"""A graph that is interrupted is left at once: no flow takes that for a failure of an agent."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, get_args

import pytest

pytest.importorskip("langgraph")

from conductor_mw_langchain import ConductorChatModel
from langgraph.errors import GraphBubbleUp, GraphInterrupt

from conductor_mw import Conductor, FailureKind, attempts_of
from tests.audit_kit import records_at
from tests.langchain.oracle import Oracle

ON = "on: [" + ", ".join(get_args(FailureKind)) + "]"
RETRY = f"retry: {{times: 3, wait: 1ms, {ON}}}"
PLAN = (
    "{id: plan, use: planner, output: {type: object, required: [parts], "
    "properties: {parts: {type: array}}}}"
)
INNER = "{cascade: [{parallel: [away, b], take: majority}, a], accept: answer.chars > 3}"
CASES: dict[str, tuple[str, set[str]]] = {
    "agent": ("{use: away}", set()),
    "retry of a step": (f"{{use: away, {RETRY}}}", set()),
    "accept": ("{use: away, accept: answer.chars > 3}", set()),
    "timeout": ("{use: away, timeout: 5s}", set()),
    "output": ("{use: away, output: {type: object}}", set()),
    "fallback": (f"{{fallback: [away, a, b], {ON}}}", set()),
    "hedge": (f"{{fallback: [away, a, b], hedge_after: 1h, {ON}}}", set()),
    "cascade": ("{cascade: [away, a, b], accept: answer.chars > 3}", set()),
    "scorer": ("{cascade: [a, b], score: {judge: away, rubric: Good.}}", {"a"}),
    "balance": ("{balance: [away]}", set()),
    "pick": (f"{{pick: [away, a], minimise: '1.0', {ON}}}", set()),
    "first": ("{parallel: [away, a], take: first}", {"a"}),
    "majority": ("{parallel: [a, away, b], take: majority, otherwise: c}", {"a", "b"}),
    "best": ("{parallel: [a, away, b], take: best, judge: c}", {"a", "b"}),
    "judge": ("{parallel: [a, b], take: best, judge: away}", {"a", "b"}),
    "merge": ("{parallel: [a, away, b], take: merge, merge: c}", {"a", "b"}),
    "merger": ("{parallel: [a, b], take: merge, merge: away}", {"a", "b"}),
    "consensus": ("{consensus: [a, away], otherwise: c}", {"a"}),
    "otherwise": ("{consensus: [a, b], otherwise: away}", {"a", "b"}),
    "undo": (
        "{sequence: [{use: a, undo: b}, {use: away, on_failure: continue}, {use: c}]}",
        {"a"},
    ),
    "on_failure": ("{sequence: [{use: a}, {use: away, on_failure: skip_rest}, {use: c}]}", {"a"}),
    "who undoes": ("{sequence: [{use: a, undo: away}, {use: down}, {use: c}]}", {"a", "down"}),
    "repeat": ("{repeat: away, until: answer.chars > 3, max: 3, on_failure: continue}", set()),
    "for_each": (
        f'{{sequence: [{PLAN}, {{for_each: "{{plan.parts}}", use: away, max: 3, at_once: 1}}]}}',
        set(),
    ),
    "choose": ("{choose: [{when: 'input.tokens > 0', use: away}], else: a}", set()),
    "a flow in a flow": (f"{{fallback: [{INNER}, c], {ON}}}", {"b"}),
}


class Left(GraphBubbleUp):
    """A subclass of the app's own."""


def _policy(flow: str, path: Path, head: str = "", rules: str = "") -> str:
    kinds = get_args(FailureKind)
    rescues = ", ".join(f"{kind}: rescuer" for kind in kinds if kind != "policy_violation")
    price = "price: {input: 1, output: 1}, max_output_tokens: 50"
    names = ("a", "b", "c", "down", "rescuer")
    agents = "\n".join(f"  - {{id: {name}, {price}}}" for name in names)
    return f"""
{head}
agents:
{agents}
  - {{id: away, {price}, retry: {{times: 2, wait: 1ms, {ON}}}}}
  - {{id: planner, simulated: '{{"parts": ["x", "y"]}}'}}
routing:
  rules: [{rules}]
  default: {flow}
  fallback: {{{rescues}}}
plugins:
  cache: {{ttl: 1h, scope: shared}}
  limits: {{concurrent: 4, agents: [away]}}
  budget: {{dollars: 1, every: day}}
  breaker: {{error_rate: 0.1, min_calls: 1, open_for: 10s}}
  audit: {{path: {path / "audit.db"}}}
"""


class _Agents:
    """The app's agents.

    Attributes:
        over: what `a` waits for before it speaks, where it would win a race of threads.
    """

    def __init__(self, error: Exception) -> None:
        self.over = threading.Event()
        self.all: dict[str, Any] = {
            "a": Oracle(model="a", look=lambda: self.over.wait(5)),
            "b": Oracle(model="b"),
            "c": Oracle(model="c"),
            "down": Oracle(fails=ConnectionError("down")),
            "rescuer": Oracle(model="rescuer"),
            "away": Oracle(fails=error),
        }

    def begin(self, *, waits: bool) -> None:
        self.over.clear()
        if not waits:
            self.over.set()
        for one in self.all.values():
            one.asked.clear()

    def asked(self) -> dict[str, int]:
        return {name: len(one.asked) for name, one in self.all.items() if one.asked}


def _run(model: Any, way: str) -> None:
    async def ainvoke() -> None:
        if way == "ainvoke":
            await model.ainvoke("Hi")
        else:
            async for _ in model.astream("Hi"):
                pass

    if way == "invoke":
        model.invoke("Hi")
    elif way == "stream":
        for _ in model.stream("Hi"):
            pass
    else:
        asyncio.run(ainvoke())


def _settled(conductor: Conductor) -> None:
    """Nothing is held, nobody is counted as at work, and no circuit is open."""
    budget: Any = conductor.layer("budget")
    for _ in range(500):  # a thread that nobody waits for ends when its call returns
        if not any(status.held.nano for status in budget.status()):
            break
        time.sleep(0.01)
    assert not any(status.held.nano for status in budget.status())
    breaker: Any = conductor.layer("breaker")
    found = breaker.state("away")
    assert (found.open, found.error_rate, found.in_flight) == (False, 0, 0)


WAYS = ("invoke", "ainvoke", "stream", "astream")


@pytest.mark.parametrize(("flow", "asked"), CASES.values(), ids=CASES.keys())
def test_a_flow_is_left_at_once(flow: str, asked: set[str], tmp_path: Path) -> None:
    error: Exception = Left() if "retry" in flow else GraphInterrupt(())
    agents = _Agents(error)
    conductor = Conductor.from_text(_policy(flow, tmp_path), agents=agents.all)
    for way in WAYS:
        agents.begin(waits="take: first" in flow and way in ("invoke", "stream"))
        with pytest.raises(GraphBubbleUp) as caught:
            _run(ConductorChatModel(conductor=conductor), way)
        assert caught.value is error
        found = agents.asked()
        agents.over.set()
        assert found.pop("away") <= (2 if "judge: away" in flow else 1)  # it reads in two orders
        assert set(found) <= asked, f"somebody was asked afterwards ({way})"
        assert all(calls == 1 for calls in found.values())
        _settled(conductor)
    conductor.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_signal_that_somebody_is_asked_for_leaves_the_run(way: str, tmp_path: Path) -> None:
    error = GraphInterrupt(())
    agents = _Agents(error)
    policy = _policy(
        "a",
        tmp_path,
        head="signals: {mood: {ask: away, one_of: [good, bad], prompt: How is it?}}",
        rules="{condition: \"mood == 'good'\", target: b}",
    )
    conductor = Conductor.from_text(policy, agents=agents.all)
    with pytest.raises(GraphInterrupt) as caught:
        _run(ConductorChatModel(conductor=conductor), way)
    assert caught.value is error
    assert agents.asked() == {"away": 1}
    _settled(conductor)
    conductor.close()


def test_records_tell_that_the_run_was_left_and_did_not_fail(tmp_path: Path) -> None:
    agents = _Agents(GraphInterrupt(()))
    policy = _policy("{use: away}", tmp_path) + "  metrics: {}\n"
    conductor = Conductor.from_text(policy, agents=agents.all)
    model = ConductorChatModel(conductor=conductor)
    with pytest.raises(GraphInterrupt) as caught:
        model.invoke("Hi")
    metrics: Any = conductor.layer("metrics")
    assert [tally.errors for tally in metrics.ledger.totals().values()] == [{}, {}]
    conductor.close()
    (attempt,) = attempts_of(caught.value)
    assert (attempt.agent, attempt.kind) == ("away", None)
    (decision,) = records_at(f"sqlite:{tmp_path / 'audit.db'}", "decision")
    assert decision["finish"] == "left"
    assert "failed" not in decision
    (call,) = records_at(f"sqlite:{tmp_path / 'audit.db'}", "call")
    assert "failed" not in call


def test_a_shadow_leaves_nobodys_run(tmp_path: Path) -> None:
    agents = _Agents(GraphInterrupt(()))
    agents.begin(waits=False)
    policy = _policy("{use: a, shadow: away}", tmp_path)
    conductor = Conductor.from_text(policy, agents=agents.all)
    assert "from a" in ConductorChatModel(conductor=conductor).invoke("Hi").text
    assert conductor.drain(5)
    assert agents.asked() == {"a": 1, "away": 1}
    _settled(conductor)
    conductor.close()
