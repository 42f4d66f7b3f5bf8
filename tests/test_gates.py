"""A gate is decided once: by enough people, by its deadline, or because nobody waits any more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import ConductorError, Gate, Store, Verdict
from conductor_mw.gates import CALLER, DEADLINE, LARGEST_TEXT, Choice, Gates, Listing
from conductor_mw.gates.book import KEPT, TABLE
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.stores.sqlite import SqliteStore

OPENERS: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore.open("memory://"),
    "sqlite": lambda folder: SqliteStore.open(f"sqlite:{folder / 'state.db'}"),
}
NOON = 1_780_000_000.0
SAID = "2026-05-28 20:26:40 UTC"


@pytest.fixture(params=OPENERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = OPENERS[request.param](tmp_path)
    yield opened
    opened.close()


def gate(run: str = "r1", path: str = "leads", **more: Any) -> Gate:
    asked: dict[str, Any] = {
        "id": f"{run}:{path}", "run": run, "path": path, "agent": "leads", "queue": "support",
        "show": "We refund $10.", "opened": NOON, "deadline": NOON + 60, **more,
    }  # fmt: skip
    return Gate(**asked)


BOARD: dict[str, Any] = {"quorum": 2, "choices": ("approve", "reject")}


def says(by: str, choice: Choice = "approve", **more: Any) -> Verdict:
    return Verdict(choice=choice, by=by, **more)


def test_a_gate_comes_back_as_it_was_opened(store: Store) -> None:
    gates = Gates(store)
    asked = gate(show='Zeile\n\x1b[31m "quoted" \ud83d half a pair')

    gates.open(asked, NOON)

    assert Gates(store).get(asked.id, NOON) == asked


def test_opening_it_again_finds_what_was_decided(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(), NOON)
    gates.decide("r1:leads", says("ana"), NOON)

    again = gates.open(gate(opened=NOON + 5, deadline=NOON + 65), NOON + 5)

    assert again.verdict == says("ana", utc=NOON)
    assert (again.opened, again.deadline) == (NOON, NOON + 60)
    assert gates.list(NOON, decided=True) == Listing((again,))


@pytest.mark.parametrize(
    "other", [{"show": "We refund $1000."}, {"queue": "interns"}, {"choices": ("approve",)}]
)
def test_an_approval_counts_for_what_was_asked_and_for_nothing_else(
    store: Store, other: dict[str, Any]
) -> None:
    gates = Gates(store)
    gates.open(gate(), NOON)

    with pytest.raises(ConductorError, match="something else was asked at a gate of this name"):
        gates.open(gate(**other), NOON)
    gates.withdraw(gate(**other), NOON)

    assert gates.get("r1:leads", NOON) == gate()


@pytest.mark.parametrize(
    ("verdict", "state", "said"),
    [
        (says("ana"), "approved", "approved by ana"),
        (says("ana", "reject", comment="no"), "rejected", "rejected by ana"),
        (says("ana", "edit", text="We refund $5."), "edited", "edited by ana"),
    ],
    ids=["approve", "reject", "edit"],
)
def test_one_person_decides(store: Store, verdict: Verdict, state: str, said: str) -> None:
    gates = Gates(store)
    gates.open(gate(), NOON)

    decided = gates.decide("r1:leads", verdict, NOON)

    assert (decided.status, decided.counts, str(decided)) == ("recorded", True, said)
    found = gates.get("r1:leads", NOON)
    assert found is not None
    assert (found.verdict, found.state(NOON)) == (replace(verdict, utc=NOON), state)


def test_the_second_approver_is_told_by_whom_and_when(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(), NOON)
    gates.decide("r1:leads", says("ana", "reject"), NOON)

    late = gates.decide("r1:leads", says("bo"), NOON + 9)

    assert (late.status, late.counts) == ("decided", False)
    assert str(late) == f"it was decided already: rejected by ana at {SAID}"
    assert late.gate is not None
    assert late.gate.votes == (says("ana", "reject", utc=NOON),)


def test_an_unknown_gate_is_told_as_unknown(store: Store) -> None:
    decided = Gates(store).decide("r1:leads", says("ana"), NOON)

    assert (decided.status, decided.gate) == ("unknown", None)
    assert str(decided) == "there is no such gate"


def test_a_quorum_needs_different_people(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(**BOARD), NOON)

    first = gates.decide("r1:leads", says("Ana"), NOON)
    again = gates.decide("r1:leads", says(" ana\n"), NOON + 1)
    second = gates.decide("r1:leads", says("bo"), NOON + 2)

    assert (first.status, str(first)) == ("waiting", "recorded; 1 more must approve it")
    assert again.status == "voted"
    assert str(again) == f"Ana approved it already at {SAID}; 1 more must approve it"
    assert (second.status, str(second)) == ("recorded", "approved by Ana and bo")


def test_one_rejection_decides_whatever_the_quorum(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(quorum=3, choices=("approve", "reject")), NOON)
    gates.decide("r1:leads", says("ana"), NOON)

    decided = gates.decide("r1:leads", says("bo", "reject"), NOON)

    assert (decided.status, str(decided)) == ("recorded", "rejected by bo")


@pytest.mark.parametrize(
    ("on_timeout", "choice"), [("reject", "reject"), ("fail", "reject"), ("approve", "approve")]
)
def test_the_deadline_decides_and_that_is_recorded(
    store: Store, on_timeout: str, choice: str
) -> None:
    gates = Gates(store)
    gates.open(gate(on_timeout=on_timeout), NOON)

    assert gates.look("r1:leads", NOON + 59.9) == gate(on_timeout=on_timeout)
    found = gates.look("r1:leads", NOON + 60)

    assert found is not None
    assert found.verdict == Verdict(choice=choice, by=DEADLINE, utc=NOON + 60)  # type: ignore[arg-type]  # parametrised
    assert found.state(NOON + 60) == "expired"
    assert gates.get("r1:leads", NOON + 60) == found


def test_an_approval_after_the_deadline_comes_too_late_whoever_waits(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(), NOON - 60)

    late = gates.decide("r1:leads", says("ana"), NOON + 60)

    assert (late.status, late.counts) == ("expired", False)
    assert str(late) == (
        "it was decided already: its deadline passed, so it was rejected at 2026-05-28 20:27:40 UTC"
    )
    assert late.gate is not None
    assert [vote.by for vote in late.gate.votes] == [DEADLINE]


def test_what_nobody_waits_for_cannot_be_approved(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(), NOON)
    gates.withdraw(gate(), NOON)

    late = gates.decide("r1:leads", says("ana"), NOON + 1)

    assert late.status == "withdrawn"
    assert str(late) == f"it was decided already: the run stopped waiting at {SAID}"


def test_a_decision_stands_when_the_run_stops_waiting_afterwards(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(), NOON)
    gates.decide("r1:leads", says("ana"), NOON)

    found = gates.withdraw(gate(), NOON + 1)

    assert found.verdict == says("ana", utc=NOON)


def test_a_gate_withdrawn_before_it_was_opened_stays_closed(store: Store) -> None:
    gates = Gates(store)
    gates.withdraw(gate(), NOON)

    found = gates.open(gate(), NOON + 1)

    assert found.verdict == Verdict(choice="reject", by=CALLER, utc=NOON)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (says("ana", "edit", text="x"), "'edit' is none of its choices: approve, reject"),
        (says("ana", "smash"), "'smash' is none of its choices: approve, reject"),  # type: ignore[arg-type]  # what a host app may pass
        (says("  "), "a name has 1 to 200 letters"),
        (says("a" * 201), "a name has 1 to 200 letters"),
        (says("ana", text="x"), "an edit, and nothing else, brings a text"),
        (says("ana", comment="x" * 10_001), "the comment is longer than 10,000 letters"),
        (says("Deadline"), "'Deadline' is no person's name"),
        (says("caller"), "'caller' is no person's name"),
    ],
)
def test_what_is_no_verdict_is_refused_and_changes_nothing(
    store: Store, verdict: Verdict, said: str
) -> None:
    gates = Gates(store)
    gates.open(gate(**BOARD), NOON)

    with pytest.raises(ConductorError) as caught:
        gates.decide("r1:leads", verdict, NOON)

    assert caught.value.problem == said
    assert gates.get("r1:leads", NOON) == gate(**BOARD)


def test_texts_are_bounded(store: Store) -> None:
    gates = Gates(store)
    largest = "ä" * (LARGEST_TEXT // 2)
    gates.open(gate(show=largest), NOON)

    with pytest.raises(ConductorError, match="larger than 1 MB"):
        gates.decide("r1:leads", says("ana", "edit", text=largest + "x"), NOON)
    with pytest.raises(ConductorError, match="larger than 1 MB"):
        gates.open(gate("r2", show=largest + "x"), NOON)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"choices": ()}, "nobody could say yes: add the choice 'approve'"),
        ({"choices": ("reject",)}, "nobody could say yes: add the choice 'approve'"),
        ({"choices": ("approve", "approve")}, "the choices are approve, edit, reject, each once"),
        ({"choices": ("approve", "burn")}, "the choices are approve, edit, reject, each once"),
        ({"quorum": 0}, "a quorum is a whole number from 1 to 20"),
        ({"quorum": 2}, "several people approve one text, so with a quorum nobody can edit"),
        ({"on_timeout": "edit"}, "at its deadline it decides itself to approve, fail, reject"),
        (
            {"choices": ("edit", "reject"), "on_timeout": "approve"},
            "it cannot approve itself where nobody may approve it",
        ),
        ({"queue": ""}, "a queue has a name"),
        ({"id": "other"}, "its id is not `<run>:<path>`"),
        ({"deadline": float("nan")}, "deadline is no moment"),
        ({"votes": (says(DEADLINE),)}, "'approve' is none of its choices: reject"),
    ],
)
def test_what_is_no_gate_is_not_opened(terms: dict[str, Any], said: str) -> None:
    with pytest.raises(ConductorError) as caught:
        Gates(MemoryStore()).open(gate(**terms), NOON)

    assert caught.value.problem == f"this is no gate: {said}"


def tampered(**more: Any) -> bytes:
    """A record that was approved, and then changed by hand."""
    store = MemoryStore()
    gates = Gates(store)
    gates.open(gate(), NOON)
    gates.decide("r1:leads", says("ana"), NOON)
    record = store.get(TABLE, "r1:leads", now=NOON)
    assert record is not None
    changed: dict[str, Any] = {**json.loads(record), **more}
    return json.dumps(changed).encode()


VOTE = {"choice": "approve", "by": "ana", "text": "", "comment": "", "utc": NOON}


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"approve",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        tampered(version=2),
        tampered(id="r2:leads", run="r2"),
        tampered(votes="approve"),
        tampered(votes=["approve"]),
        tampered(votes=[{**VOTE, "by": ""}]),
        tampered(votes=[{**VOTE, "by": True}]),
        tampered(votes=[{**VOTE, "by": DEADLINE}]),
        tampered(votes=[{**VOTE, "by": CALLER}]),
        tampered(votes=[{**VOTE, "utc": 1e300}]),
        tampered(votes=[{**VOTE, "more": 1}]),
        tampered(votes=[VOTE, {**VOTE, "by": "bo"}]),
        tampered(votes=[VOTE, {**VOTE, "by": "ANA"}], quorum=2, choices=["approve", "reject"]),
        tampered(quorum=True),
        tampered(choices=["reject", "edit"]),
        tampered(surprise=1),
    ],
)
def test_a_damaged_record_never_counts_as_an_approval(record: bytes) -> None:
    store = MemoryStore()
    store.put(TABLE, "r1:leads", record, now=NOON)
    gates = Gates(store)

    for act in (
        lambda: gates.get("r1:leads", NOON),
        lambda: gates.look("r1:leads", NOON),
        lambda: gates.open(gate(), NOON),
        lambda: gates.decide("r1:leads", says("ana"), NOON),
    ):
        with pytest.raises(ConductorError, match="the record of this gate is damaged"):
            act()
    assert store.get(TABLE, "r1:leads", now=NOON) == record
    assert gates.list(NOON) == Listing((), ("r1:leads",))


def test_what_waits_is_listed_most_urgent_first(store: Store) -> None:
    gates = Gates(store)
    patient, urgent, board, late, done = (
        gate("r1", deadline=NOON + 900),
        gate("r2", deadline=NOON + 30),
        gate("r3", queue="board", deadline=None),
        gate("r4", deadline=NOON - 1),
        gate("r5"),
    )
    for one in (patient, urgent, board, late, done):
        gates.open(one, NOON - 60)
    gates.decide(done.id, says("ana"), NOON - 50)

    assert gates.list(NOON).gates == (urgent, patient, board)
    assert gates.list(NOON, queue="board").gates == (board,)
    assert [one.state(NOON) for one in gates.list(NOON, decided=True).gates] == [
        "expired", "open", "approved", "open", "open",
    ]  # fmt: skip


def test_a_beginning_finds_gates_and_a_whole_id_only_itself(store: Store) -> None:
    gates = Gates(store)
    for path in ("leads", "leads/again", "board"):
        gates.open(gate(path=path), NOON)

    assert gates.ids(NOON, "r1:l") == ("r1:leads", "r1:leads/again")
    assert gates.ids(NOON, "r1:leads") == ("r1:leads",)
    assert gates.ids(NOON, "nope") == ()


def test_a_record_is_forgotten_a_month_after_its_end(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(), NOON)
    gates.open(gate("r2", deadline=None), NOON)
    gates.open(gate("r3", deadline=None), NOON)
    gates.decide("r3:leads", says("ana"), NOON + 60)

    end = NOON + 60 + KEPT
    assert gates.ids(end - 1) == ("r1:leads", "r2:leads", "r3:leads")
    assert gates.ids(end) == ("r2:leads",)


def test_of_people_who_decide_at_once_exactly_one_does(store: Store) -> None:
    gates = Gates(store)
    people = [f"p{number}" for number in range(8)]
    for turn in range(10):
        asked = gates.open(gate(f"r{turn}"), NOON)
        together = Barrier(len(people))

        def decide(name: str, asked: Gate = asked, together: Barrier = together) -> str:
            together.wait()
            choice: Choice = "approve" if name < "p4" else "reject"
            return Gates(store).decide(asked.id, says(name, choice), NOON).status

        with ThreadPoolExecutor(len(people)) as pool:
            statuses = list(pool.map(decide, people))

        found = gates.get(asked.id, NOON)
        assert found is not None
        assert found.verdict is not None
        assert sorted(statuses) == ["decided"] * 7 + ["recorded"]
        assert found.verdict.by == people[statuses.index("recorded")]


def test_a_quorum_is_reached_by_whoever_comes_at_once(store: Store) -> None:
    gates = Gates(store)
    gates.open(gate(quorum=5, choices=("approve", "reject")), NOON)
    people = [f"p{number}" for number in range(8)]

    with ThreadPoolExecutor(len(people)) as pool:
        decided = list(pool.map(gates.decide, repeat("r1:leads"), map(says, people), repeat(NOON)))

    assert sorted(one.status for one in decided) == ["decided"] * 3 + ["recorded"] + ["waiting"] * 4


class Interrupted:
    """A store in which somebody else acts between a reading and the write that follows it."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.waiting: list[Callable[[], object]] = []

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        found = self.store.get(table, key, now=now)
        if self.waiting:
            self.waiting.pop()()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@dataclass
class Model:
    """The first of quorum, rejection, deadline and withdrawal decides, for ever."""

    quorum: int
    approved: set[str] = field(default_factory=set[str])
    final: tuple[str, str] | None = None

    def act(self, act: tuple[str, str], now: float) -> None:
        who, what = act
        if self.final is None and now >= NOON + 60:
            self.final = (DEADLINE, "reject")
        if self.final is not None or what == "look" or who.casefold() in self.approved:
            return
        if what == "approve":
            self.approved.add(who.casefold())
        if what == "reject" or len(self.approved) == self.quorum:
            self.final = (who, what)


PEOPLE = st.tuples(
    st.sampled_from(["ana", "Ana", "bo", "eve"]), st.sampled_from(["approve", "approve", "reject"])
)
ACTS = PEOPLE | st.sampled_from([(CALLER, "reject"), ("", "look")])


@given(
    quorum=st.integers(1, 3),
    turns=st.lists(st.tuples(ACTS, st.none() | ACTS, st.sampled_from([0.0, 1.0, 25.0]))),
)
def test_any_order_of_votes_gives_what_the_model_says(
    quorum: int, turns: list[tuple[tuple[str, str], tuple[str, str] | None, float]]
) -> None:
    """In some turns somebody acts while another has read the gate and not yet written."""
    kept = MemoryStore()
    torn: Any = Interrupted(kept)
    asked = Gates(kept).open(gate(quorum=quorum, choices=("approve", "reject")), NOON)
    model, now, told = Model(quorum), NOON, list[str]()

    def perform(act: tuple[str, Any], store: Store) -> None:
        who, what = act
        if what == "look":
            Gates(store).look(asked.id, now)
        elif who == CALLER:
            Gates(store).withdraw(asked, now)
        elif Gates(store).decide(asked.id, says(who, what), now).status == "recorded":
            told.append(who)

    for act, between, pause in turns:
        now += pause
        if between is not None:
            torn.waiting.append(partial(perform, between, kept))
            model.act(between, now)
        perform(act, torn)
        model.act(act, now)

    found = Gates(kept).get(asked.id, now)
    assert found is not None
    verdict = found.verdict
    assert (None if verdict is None else (verdict.by, verdict.choice)) == model.final
    people = [model.final[0]] if model.final and model.final[0] not in (DEADLINE, CALLER) else []
    assert told == people
