"""A human agent waits at its gate: whoever decides it, and whatever ends the wait."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest

from conductor_mw import (
    Attempted,
    ColourError,
    Conductor,
    ConductorError,
    Failure,
    Gate,
    Money,
    Parts,
    RegisterStore,
    Request,
    Store,
    Usage,
    Verdict,
    attempts_of,
    hookimpl,
)
from conductor_mw.errors import Suspend
from conductor_mw.gates import CALLER, DEADLINE, Choice, Gates
from conductor_mw.gates.book import TABLE
from conductor_mw.gates.gate import Approvals
from conductor_mw.plugins import Plugins
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.stores.sqlite import SqliteStore
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from tests.kit import conductor

PATIENCE = 30.0
"""Seconds after which a test that hangs is given up."""


def policy(human: str = "leads", more: str = "") -> str:
    return f"agents: [{{id: leads, human: {human}{more}}}]\nrouting: {{default: leads}}\n"


def people(text: str, approvals: Approvals | None = None, **options: Any) -> Conductor:
    """Give a conductor whose clock is virtual, so that a deadline that nobody meets passes."""
    options.setdefault("clock", VirtualClock())
    plugins = Plugins.core()
    plugins.add(_Stores, "stores")
    if "store:" not in text:
        text += f"store: kept:{next(_NUMBERS)}\n"
    return Conductor.from_text(text, approvals=approvals, plugins=plugins, seed=7, **options)


class _Stores:
    """Offers stores in memory that a test can look into."""

    kept: ClassVar[dict[str, MemoryStore]] = {}

    @classmethod
    @hookimpl
    def conductor_stores(cls, register: RegisterStore) -> None:
        register("kept", lambda address: cls.kept.setdefault(address, MemoryStore()))


_NUMBERS = count()


def kept(c: Conductor) -> Store:
    """Give the store that a conductor uses."""
    return _Stores.kept.setdefault(c.policy.store or "", MemoryStore())


def all_gates(c: Conductor) -> tuple[Gate, ...]:
    return Gates(kept(c)).list(0.0, decided=True).gates


def only_gate(c: Conductor) -> Gate:
    (gate,) = all_gates(c)
    return gate


def always(choice: Choice = "approve", by: str = "ana", **more: Any) -> Approvals:
    return lambda _: Verdict(choice=choice, by=by, **more)


@contextmanager
def sqlite(folder: Path) -> Generator[Gates]:
    with closing(SqliteStore.open(f"sqlite:{folder / 'people.db'}")) as store:
        yield Gates(store)


def waiting(gates: Gates, count: int = 1) -> tuple[Gate, ...]:
    """Give the gates that wait, as soon as there are so many."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = gates.list(time.time()).gates
        if len(found) == count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no {count} gates wait")


# The app's own way to ask.


@pytest.mark.parametrize("way", WAYS)
def test_what_is_approved_goes_on_as_it_was_shown(way: Way) -> None:
    c = people(policy(), always())

    answer = ask(c, "Refund $10?", way=way)

    assert (answer.text, answer.cost, answer.usage) == ("Refund $10?", Money(), Usage())
    assert only_gate(c).state(0.0) == "approved"


@pytest.mark.parametrize("way", WAYS)
def test_an_edited_text_goes_on_instead(way: Way) -> None:
    c = people(policy(), always("edit", text="Refund $5."))

    assert ask(c, "Refund $10?", way=way).text == "Refund $5."


@pytest.mark.parametrize("way", WAYS)
def test_a_rejection_is_a_failure_that_says_by_whom_and_why(way: Way) -> None:
    c = people(policy(), always("reject", comment="the wrong customer"))

    with pytest.raises(Failure) as caught:
        ask(c, "Refund $10?", way=way)

    assert caught.value.kind == "rejected"
    assert caught.value.problem == (
        "rejected by ana at 2026-05-28 20:26:40 UTC: the wrong customer"
    )
    assert [one.cost for one in attempts_of(caught.value)] == [Money()]


@pytest.mark.parametrize("way", WAYS)
def test_a_rejection_can_be_rescued_by_the_policy(way: Way) -> None:
    text = (
        "agents: [{id: leads, human: leads}, {id: polite, simulated: We are sorry.}]\n"
        "routing: {default: leads, fallback: {rejected: polite}}\n"
    )

    assert ask(people(text, always("reject")), "Refund $10?", way=way).text == "We are sorry."


@pytest.mark.parametrize("way", WAYS)
def test_people_answer_where_every_dollar_is_counted(way: Way) -> None:
    text = policy() + "guarantees: [{at_most: {dollars: 0.01}}]\n"

    assert ask(people(text, always()), "Refund $10?", way=way).text == "Refund $10?"


@pytest.mark.parametrize("way", WAYS)
def test_the_app_sees_the_whole_gate(way: Way) -> None:
    seen: list[Gate] = []

    def approvals(gate: Gate) -> Verdict:
        seen.append(gate)
        return Verdict(choice="approve", by="ana")

    c = people(policy("{queue: board, timeout: 1h, choices: [approve, reject]}"), approvals)

    ask(c, "Refund $10?", way=way)

    now = 1_780_000_000.0
    (gate,) = seen
    assert gate == Gate(
        id=f"{gate.run}:leads", run=gate.run, path="leads", agent="leads", queue="board",
        show="Refund $10?", choices=("approve", "reject"), opened=now, deadline=now + 3600,
    )  # fmt: skip


def test_the_policy_may_say_what_is_shown() -> None:
    c = people(policy("{queue: leads, show: May we close the shop?}"), always())

    assert ask(c, "It is five.", way="call").text == "May we close the shop?"


async def _approve(gate: Gate) -> Verdict:
    await asyncio.sleep(0)
    return Verdict(choice="approve", by=gate.queue)


class _Asks:
    async def __call__(self, gate: Gate) -> Verdict:
        return await _approve(gate)


def _later(gate: Gate) -> Awaitable[Verdict]:
    return _approve(gate)


ASYNC = pytest.mark.parametrize("approvals", [_approve, _Asks(), _later])


@ASYNC
@pytest.mark.parametrize("way", ["acall", "astream"])
def test_the_app_may_ask_on_the_event_loop(way: Way, approvals: Approvals) -> None:
    assert ask(people(policy(), approvals), "Refund $10?", way=way).text == "Refund $10?"


@ASYNC
@pytest.mark.parametrize("way", ["call", "stream"])
def test_a_sync_caller_is_told_that_approvals_are_async(way: Way, approvals: Approvals) -> None:
    c = people(policy(), approvals)

    with pytest.raises(ColourError) as caught:
        ask(c, "Refund $10?", way=way)

    assert caught.value.problem == "`approvals` is async, and a sync caller asked the agent 'leads'"
    assert caught.value.mend == "Call acall or astream, or give a sync function."
    assert only_gate(c).state(0.0) == "withdrawn"


@pytest.mark.parametrize("way", WAYS)
def test_the_app_is_asked_for_every_person_of_the_quorum(way: Way) -> None:
    names = iter(["ana", "bo", "eve"])
    c = people(
        policy("{queue: board, quorum: 3}"),
        lambda _: Verdict(choice="approve", by=next(names)),
    )

    assert ask(c, "Refund $10?", way=way).text == "Refund $10?"
    assert [vote.by for vote in only_gate(c).votes] == ["ana", "bo", "eve"]


@pytest.mark.parametrize("way", WAYS)
def test_one_person_is_no_quorum_however_often_the_app_says_so(way: Way) -> None:
    c = people(policy("{queue: board, quorum: 2, timeout: 5s}"), always())

    with pytest.raises(Failure, match="nobody in 'board' decided in time"):
        ask(c, "Refund $10?", way=way)

    assert [vote.by for vote in only_gate(c).votes] == ["ana", DEADLINE]


@pytest.mark.parametrize("way", WAYS)
def test_an_app_that_leaves_it_open_leaves_it_to_the_queue(way: Way) -> None:
    asked: list[Gate] = []
    c = people(policy("{queue: leads, timeout: 5s}"), asked.append)

    with pytest.raises(Failure, match="nobody in 'leads' decided in time"):
        ask(c, "Refund $10?", way=way)

    assert len(asked) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("approve", "`approvals` gave a str for the agent 'leads'"),
        (True, "`approvals` gave a bool for the agent 'leads'"),
        (Verdict(choice="approve", by=""), "a name has 1 to 200 letters"),
        (Verdict(choice="approve", by="deadline"), "'deadline' is no person's name"),
    ],
)
def test_what_is_no_verdict_approves_nothing(way: Way, found: Any, said: str) -> None:
    c = people(policy(), lambda _: found)

    with pytest.raises(ConductorError) as caught:
        ask(c, "Refund $10?", way=way)

    assert caught.value.problem == said
    assert only_gate(c).state(0.0) == "withdrawn"


@pytest.mark.parametrize("way", WAYS)
def test_an_error_of_the_app_passes_as_it_was_raised_and_closes_the_gate(way: Way) -> None:
    fault = LookupError("no such channel")

    def approvals(gate: Gate) -> NoReturn:
        del gate
        raise fault

    c = people(policy(), approvals)

    with pytest.raises(LookupError) as caught:
        ask(c, "Refund $10?", way=way)

    assert caught.value is fault
    assert only_gate(c).state(0.0) == "withdrawn"


@pytest.mark.parametrize("way", WAYS)
def test_an_app_that_answers_too_late_is_not_waited_for(way: Way) -> None:
    never = threading.Event()

    def approvals(gate: Gate) -> Verdict:
        never.wait(1.0)
        return Verdict(choice="approve", by=gate.queue)

    c = people(policy("{queue: leads, timeout: 200ms}"), approvals, clock=None)
    try:
        failure = _failure(c, way)
    finally:
        never.set()

    assert failure.kind == "rejected"
    assert [vote.by for vote in only_gate(c).votes] == [DEADLINE]


def _failure(c: Conductor, way: Way) -> Failure:
    with pytest.raises(Failure) as caught:
        ask(c, "Refund $10?", way=way)
    return caught.value


# Deadlines.


@pytest.mark.parametrize("way", WAYS)
def test_what_nobody_decides_is_rejected(way: Way) -> None:
    clock = VirtualClock()
    c = people(policy("{queue: leads, timeout: 10m}"), clock=clock)

    failure = _failure(c, way)

    assert (failure.kind, failure.problem) == ("rejected", "nobody in 'leads' decided in time")
    assert [one.cost for one in attempts_of(failure)] == [Money()]
    assert sum(clock.slept) == pytest.approx(600)
    assert max(clock.slept) < 1
    gate = only_gate(c)
    assert [(vote.by, vote.choice) for vote in gate.votes] == [(DEADLINE, "reject")]


@pytest.mark.parametrize("way", WAYS)
def test_a_policy_may_approve_what_nobody_decides(way: Way) -> None:
    c = people(policy("{queue: leads, timeout: 5s, on_timeout: approve}"))

    assert ask(c, "Refund $10?", way=way).text == "Refund $10?"


@pytest.mark.parametrize("way", WAYS)
def test_a_policy_may_fail_where_nobody_decides(way: Way) -> None:
    text = (
        "agents: [{id: leads, human: {queue: leads, timeout: 5s, on_timeout: fail}},"
        " {id: polite, simulated: Please wait.}]\n"
        "routing: {default: leads, fallback: {timeout: polite}}\n"
    )

    answer = ask(people(text), "Refund $10?", way=way)

    assert answer.text == "Please wait."
    assert [one.kind for one in answer.attempts] == ["timeout", None]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("more", "deadline"),
    [("", 5.0), (", timeout: 5s", None), (", timeout: {first_part: 5s}", None)],
)
def test_the_runs_own_deadline_closes_the_gate_and_never_approves(
    way: Way, more: str, deadline: float | None
) -> None:
    c = people(policy("{queue: leads, timeout: 1d, on_timeout: approve}", more))

    with pytest.raises(Failure) as caught:
        ask(c, "Refund $10?", way=way, deadline=deadline)

    assert caught.value.kind == "timeout"
    assert [one.cost for one in attempts_of(caught.value)] == [Money()]
    gate = only_gate(c)
    assert [(vote.by, vote.choice) for vote in gate.votes] == [(DEADLINE, "reject")]
    assert gate.deadline == pytest.approx(1_780_000_005, abs=0.1)


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_does_not_ask_again(way: Way) -> None:
    asked: list[Gate] = []

    def approvals(gate: Gate) -> Verdict:
        asked.append(gate)
        return Verdict(choice="reject", by="ana")

    c = people(policy(more=", retry: {times: 2, on: [rejected]}"), approvals)

    failure = _failure(c, way)

    assert [one.number for one in attempts_of(failure)] == [1, 2, 3]
    assert len(asked) == 1


# What a step says.


def steps(approve: str, human: str = "{queue: leads, show: Another}") -> str:
    return f"""
agents:
  - {{id: writer, simulated: A draft}}
  - {{id: leads, human: {human}}}
  - {{id: send, simulated: Sent}}
flows:
  refund:
    sequence:
      - {{id: draft, use: writer}}
      - {{id: approve, use: leads, {approve}}}
      - {{id: sent, use: send, when: "approve.text == 'A draft'"}}
routing: {{default: refund}}
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_step_shows_what_an_earlier_one_wrote(way: Way) -> None:
    c = people(steps('show: "{draft.text}"'), always())

    answer = ask(c, "Refund $10?", way=way)

    assert answer.text == "Sent"
    gate = only_gate(c)
    assert (gate.show, gate.path) == ("A draft", "refund/sequence/approve/leads")


@pytest.mark.parametrize("way", WAYS)
def test_a_step_may_ask_on_its_own_terms(way: Way) -> None:
    terms = "timeout: 9s, on_timeout: fail, quorum: 2, show: '{transcript}'"
    c = people(steps(terms))

    failure = _failure(c, way)

    gate = only_gate(c)
    assert failure.kind == "timeout"
    assert (gate.choices, gate.quorum, gate.deadline) == (
        ("approve", "reject"), 2, 1_780_000_009,
    )  # fmt: skip
    assert "Refund $10?" in gate.show


@pytest.mark.parametrize(
    ("approve", "human", "said"),
    [
        ("quorum: 21", "leads", "a quorum is a whole number from 1 to 20"),
        ("choices: [reject]", "leads", "nobody could say yes: add the choice 'approve'"),
        ("choices: [edit, approve]", "{queue: leads, quorum: 2}",
         "several people approve one text, so with a quorum nobody can edit"),
        ("choices: [edit]", "{queue: leads, on_timeout: approve}",
         "it cannot approve itself where nobody may approve it"),
    ],
)  # fmt: skip
def test_a_steps_terms_are_checked_at_load(approve: str, human: str, said: str) -> None:
    with pytest.raises(ConductorError) as caught:
        people(steps(approve, human))

    assert caught.value.problem == f"flows.refund.sequence.1: {said}"


def test_terms_that_only_a_layer_could_state_are_checked_when_people_are_asked() -> None:
    async def stated(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        attempt.terms = {"choices": ["reject"]}
        async for part in proceed(attempt):
            yield part

    c = conductor(policy(), attempt_layers=[stated])

    with pytest.raises(ConductorError, match="leads: nobody could say yes"):
        c.call("Refund $10?")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_too_large_to_show_is_refused_and_not_cut(way: Way) -> None:
    c = people(policy(), always())

    with pytest.raises(Failure) as caught:
        ask(c, "x" * 1_000_001, way=way)

    assert (caught.value.kind, caught.value.problem) == (
        "invalid_request", "people are shown at most 1 MB",
    )  # fmt: skip
    assert all_gates(c) == ()


# Whoever stops waiting.


def test_a_caller_who_cancels_closes_the_gate() -> None:
    c = people(policy(), clock=None)

    async def leave() -> None:
        asking = asyncio.create_task(c.acall("Refund $10?"))
        await asyncio.to_thread(waiting, Gates(kept(c)))
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking

    asyncio.run(leave())

    assert [(vote.by, vote.choice) for vote in only_gate(c).votes] == [(CALLER, "reject")]


def test_an_interrupt_closes_the_gate() -> None:
    class Interrupted(VirtualClock):
        def sleep(self, seconds: float) -> None:
            del seconds
            raise KeyboardInterrupt

    c = people(policy(), clock=Interrupted())

    with pytest.raises(KeyboardInterrupt):
        c.call("Refund $10?")

    assert [vote.by for vote in only_gate(c).votes] == [CALLER]


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_is_taken_up_elsewhere_leaves_the_gate_open(way: Way) -> None:
    def approvals(gate: Gate) -> NoReturn:
        raise Suspend(gate.id)

    c = people(policy(), approvals)

    with pytest.raises(Suspend):
        ask(c, "Refund $10?", way=way)

    assert only_gate(c).state(1_780_000_000) == "open"


RACE = """
agents: [{id: leads, human: leads}, {id: fast, simulated: {answer: Sure., latency: 100ms}}]
routing: {default: {parallel: [leads, fast], take: first}}
"""
TOGETHER = """
agents: [{id: leads, human: leads}, {id: fast}, {id: join, simulated: Both.}]
routing: {default: {parallel: [leads, fast], take: merge, merge: join}}
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_race_that_somebody_else_wins_closes_the_gate(way: Way) -> None:
    c = people(RACE, clock=None)

    answer = ask(c, "Refund $10?", way=way)

    until = time.monotonic() + PATIENCE  # a sync loser ends at its next step, after the answer
    while only_gate(c).state(0.0) == "open" and time.monotonic() < until:
        time.sleep(0.02)
    assert answer.text == "Sure."
    assert only_gate(c).state(0.0) == "withdrawn"


@pytest.mark.parametrize("way", WAYS)
def test_branches_beside_a_gate_go_on_while_it_waits(way: Way) -> None:
    heard = threading.Event()

    def fast(request: Request) -> str:
        heard.set()
        return request.text

    def approvals(gate: Gate) -> Verdict:
        assert heard.wait(PATIENCE), f"nobody was asked while {gate.id} waited"
        return Verdict(choice="approve", by="ana")

    c = people(TOGETHER, approvals, agents={"fast": fast}, clock=None)

    assert ask(c, "Refund $10?", way=way).text == "Both."
    assert only_gate(c).path == "parallel/0/leads"


# The queue: a store that several processes share.


def shared(folder: Path, human: str = "leads") -> str:
    return f"store: 'sqlite:{folder / 'people.db'}'\n{policy(human)}"


@pytest.mark.parametrize("way", WAYS)
def test_a_decision_in_the_store_lets_the_run_go_on(way: Way, tmp_path: Path) -> None:
    c = people(shared(tmp_path), clock=None)
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(ask(c, "Refund $10?", way=way).text))

    asking.start()
    with sqlite(tmp_path) as gates:
        (gate,) = waiting(gates)
        gates.decide(gate.id, Verdict(choice="edit", by="ana", text="Refund $5."), time.time())
    asking.join(PATIENCE)
    c.close()

    assert answers == ["Refund $5."]


def review(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `conductor-mw review` in a process of its own."""
    code = "from conductor_mw.cli import main; main()"
    store = ("--store", f"sqlite:{folder / 'people.db'}")
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "review", *arguments, *store],
        check=False, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_another_process_approves_while_the_run_waits(way: Way, tmp_path: Path) -> None:
    c = people(shared(tmp_path), clock=None)
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(ask(c, "Refund $10?", way=way).text))

    asking.start()
    with sqlite(tmp_path) as gates:
        (gate,) = waiting(gates)
        first = review(tmp_path, "approve", gate.run, "--by", "ana")
        second = review(tmp_path, "reject", gate.run, "--by", "bo")
    asking.join(PATIENCE)
    c.close()

    assert answers == ["Refund $10?"]
    assert (first.returncode, first.stdout, first.stderr) == (0, "approved by ana\n", "")
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr.startswith("it was decided already: approved by ana at ")


def test_several_conductors_share_one_file(tmp_path: Path) -> None:
    answers: dict[str, str] = {}

    def wait_for(prompt: str) -> None:
        c = Conductor.from_text(shared(tmp_path), plugins=Plugins.core())
        with closing(c):
            answers[prompt] = c.call(prompt).text

    asking = [threading.Thread(target=wait_for, args=(f"Refund ${n}?",)) for n in range(3)]
    for thread in asking:
        thread.start()
    with sqlite(tmp_path) as gates:
        for gate in waiting(gates, 3):
            said = Verdict(choice="edit", by="ana", text=f"Yes: {gate.show}")
            gates.decide(gate.id, said, time.time())
    for thread in asking:
        thread.join(PATIENCE)

    assert answers == {f"Refund ${n}?": f"Yes: Refund ${n}?" for n in range(3)}


KILLED = """
import sys
from conductor_mw import Conductor
Conductor.from_text(sys.argv[1], seed=7).call("Refund $10?")
"""


def test_a_run_that_is_begun_again_finds_the_gate_of_a_process_that_was_killed(
    tmp_path: Path,
) -> None:
    text = shared(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", KILLED, text])
    with sqlite(tmp_path) as gates:
        (gate,) = waiting(gates)
        process.kill()
        process.wait(PATIENCE)
        decided = gates.decide(gate.id, Verdict(choice="approve", by="ana"), time.time())

        with closing(people(text, clock=None)) as c:  # the same seed names the same run
            answer = c.call("Refund $10?")
        found = gates.list(time.time(), decided=True).gates

    assert decided.status == "recorded"
    assert answer.text == "Refund $10?"
    assert [one.id for one in found] == [gate.id]


@pytest.mark.parametrize("way", WAYS)
def test_another_run_of_the_same_name_does_not_get_its_approval(way: Way, tmp_path: Path) -> None:
    with closing(people(shared(tmp_path), always())) as first:
        first.call("Refund $10?")

    # The same seed, so the same name.
    with (
        closing(people(shared(tmp_path), always())) as second,
        pytest.raises(ConductorError, match="something else was asked"),
    ):
        ask(second, "Refund $1000?", way=way)


class _Meddling(VirtualClock):
    """While the run sleeps, somebody does something to the records of its gates."""

    def __init__(self, act: Callable[[Store, str], None]) -> None:
        super().__init__()
        self.act = act
        self.store: Store = MemoryStore()

    def sleep(self, seconds: float) -> None:
        for key in self.store.keys(TABLE, now=0.0):
            self.act(self.store, key)
        super().sleep(seconds)


@pytest.mark.parametrize("way", WAYS)
def test_a_gate_that_disappears_is_a_rejection(way: Way) -> None:
    clock = _Meddling(lambda store, key: store.delete(TABLE, key))
    c = people(policy(), clock=clock)
    clock.store = kept(c)

    failure = _failure(c, way)

    assert (failure.kind, failure.problem) == ("rejected", "the gate is not in the store any more")


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_gate_is_an_error_and_never_an_approval(way: Way) -> None:
    record = b'{"verdict": "approve"}'
    clock = _Meddling(lambda store, key: store.put(TABLE, key, record, now=0.0))
    c = people(policy(), clock=clock)
    clock.store = kept(c)

    with pytest.raises(ConductorError, match="the record of this gate is damaged"):
        ask(c, "Refund $10?", way=way)


# At load.


@pytest.mark.parametrize(
    ("human", "said"),
    [
        ("{queue: leads, quorum: 2, choices: [approve, edit]}",
         "several people approve one text, so with a quorum nobody can edit"),
        ("{queue: leads, choices: [reject]}", "nobody could say yes: add the choice 'approve'"),
        ("{queue: leads, choices: [edit], on_timeout: approve}",
         "it cannot approve itself where nobody may approve it"),
    ],
)  # fmt: skip
def test_terms_that_make_no_sense_are_refused_at_load(human: str, said: str) -> None:
    with pytest.raises(ConductorError) as caught:
        people(policy(human))

    assert caught.value.problem == f"agents.0.human: {said}"
    assert caught.value.where.startswith("<policy>:1:")


@pytest.mark.parametrize("store", ["", "store: memory://\n"])
def test_people_whom_no_other_process_could_see_are_a_warning(store: str) -> None:
    (warning,) = Conductor.from_text(policy() + store).policy.warnings

    assert str(warning) == (
        "<policy>:1:22: agents.0: what these people are asked is kept in memory, "
        "where only this process sees it\n"
        "  add `store: sqlite:conductor.db`, or ask in the app: Conductor(..., approvals=)"
    )
    assert (warning.code, warning.severity) == ("gates-in-memory", "warning")


def test_an_object_of_the_app_in_their_place_needs_no_store() -> None:
    c = Conductor.from_text(policy(), agents={"leads": Scripted("Yes.")})

    assert c.policy.warnings == ()
    assert c.call("Refund $10?").text == "Yes."


def test_a_simulation_asks_nobody() -> None:
    c = people(policy(), simulate=True)

    assert c.call("Refund $10?").text == "(simulated answer of leads)"
    assert all_gates(c) == ()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("choice", ["approve", "edit"])
def test_a_step_may_show_more_than_what_is_approved(way: Way, choice: Choice) -> None:
    gates: list[Gate] = []

    def approvals(gate: Gate) -> Verdict:
        gates.append(gate)
        return Verdict(choice=choice, by="ana", text="Better." if choice == "edit" else "")

    text = (
        "agents: [{id: leads, human: leads}]\nstore: 'memory:x'\nrouting:\n  default:\n"
        '    {use: leads, prompt: "Draft: {input.text}", show: "For you: {transcript}"}\n'
    )
    conductor = Conductor.from_text(text, approvals=approvals, plugins=Plugins.core())

    answer = ask(conductor, "Hello", way=way)

    assert answer.text == ("Better." if choice == "edit" else "Draft: Hello")
    assert (gates[0].show, gates[0].approves) == ("For you: user: Hello", "Draft: Hello")
