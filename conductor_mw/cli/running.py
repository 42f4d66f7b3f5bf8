"""Run one prompt or one traffic file for `conductor-mw run`, and print what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO

import click

from conductor_mw.gates import Gate
from conductor_mw.lenses.prompt import to_request
from conductor_mw.parts import Part
from conductor_mw.policy import Policy
from conductor_mw.provenance import Contribution, Provenance
from conductor_mw.workbench.graph.lettering import shorten
from conductor_mw.workbench.traffic import (
    Answered,
    is_simulated,
    read_traffic,
    run_traffic,
    stage,
    summarise,
)

from . import console
from .door import FOUND
from .figures import count, duration, money
from .group import INTERRUPTED
from .progress import progress
from .summary import summary_lines

_COST_DIGITS: Final = 6
_SHORT_ID: Final = 8
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class How:
    """How to run: what the command line said."""

    policy: Policy
    metadata: Mapping[str, object]
    simulate: bool
    stream: bool
    real_time: bool
    seed: int | None
    form: str


def answer_prompt(how: How, prompt: str, keep: TextIO | None) -> int:
    """Answer one prompt: the text on stdout, a line about it on stderr; gives the exit code."""
    request = to_request(prompt, metadata=how.metadata, stream=how.stream)
    pretty = how.form == "pretty"
    with stage(
        how.policy, simulate=how.simulate, real_time=how.real_time, seed=how.seed,
        approvals=_tell_gate(how.policy),
    ) as staged:  # fmt: skip
        hear = _print_part if pretty and how.stream else _ignore
        found = staged.run(staged.ask("#1", request, hear))
    if keep is not None:
        keep_answer(found, keep)
    if not pretty:
        decision = None if found.decision is None else found.decision.to_dict()
        console.say_json({**found.to_dict(), "decision": decision})
    elif found.agent:
        if how.stream:
            click.echo()
        else:
            click.echo(_answer(found.text))
        console.note(_about(how, found))
        if len(found.attempts) > 1:
            console.aside(_provenance(found.provenance))
    else:
        _tell_failure(found)
    return 0 if found.agent else FOUND


def run_file(how: How, path: Path, concurrency: int, limit: int | None, keep: TextIO | None) -> int:
    """Run a traffic file and print its summary; gives the exit code."""
    questions = [
        replace(one, metadata={**how.metadata, **one.metadata})
        for one in read_traffic(path, limit=limit)
    ]
    answers: list[Answered] = []
    interrupted = False
    with progress(len(questions), "running") as step:

        def take(answered: Answered) -> None:
            answers.append(answered)
            if keep is not None:
                keep_answer(answered, keep)
            step()

        try:
            run_traffic(
                how.policy, questions, simulate=how.simulate, real_time=how.real_time,
                stream=how.stream, concurrency=concurrency, seed=how.seed, tell=take,
            )  # fmt: skip
        except KeyboardInterrupt:
            interrupted = True
    found = summarise(how.policy, answers, simulate=how.simulate)
    if how.form == "json":
        console.say_json({**found.to_dict(), "interrupted": interrupted})
    elif answers:
        for line in summary_lines(found):
            console.say(line)
    if interrupted:
        console.note(f"interrupted: {len(answers):,} of {count(len(questions), 'request')} done")
        return INTERRUPTED
    return FOUND if found.total.failed else 0


def _about(how: How, found: Answered) -> str:
    rule = found.decision.rule if found.decision else None
    usage = found.usage
    said = [
        found.agent,
        f"rule {rule}" if rule else "default",
        f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens",
        money(found.cost, _COST_DIGITS),
        duration(found.seconds),
    ]
    if len(found.attempts) > 1:
        said.append(count(len(found.attempts), "attempt"))
    if not found.accepted:
        said.append("not accepted")
    agent = how.policy.agents.get(found.agent)
    if is_simulated(how.policy, simulate=how.simulate) or (agent and agent.kind == "simulated"):
        said.append("simulated")
    return " · ".join(said)


def _tell_gate(policy: Policy) -> Callable[[Gate], None]:
    """Give what says that a run waits for people, and how they decide; it decides nothing."""
    store = policy.store
    if store is None or store.startswith("memory"):
        mend = "nobody can decide this from outside: add `store: sqlite:conductor.db` to the policy"
    else:
        mend = f"conductor-mw review approve {{}} --store {store}"

    def tell(gate: Gate) -> None:
        console.note(f"waiting for {gate.queue}: {shorten(gate.show, _SHOWN)}")
        console.note(f"  {mend.format(gate.id[:_SHORT_ID])}")

    return tell


def _provenance(found: Provenance) -> str:
    """Give what became of every attempt, one a line."""
    columns = (
        console.Column("step", style="name", least=12, tail=True),
        console.Column("agent", least=8),
        console.Column("became", least=8),
        console.Column("tokens", right=True),
        console.Column("cost", right=True, style="quiet"),
        console.Column("time", right=True, style="quiet"),
    )
    rows = [
        (
            one.path,
            one.agent,
            _became(one),
            f"{one.usage.input_tokens:,} + {one.usage.output_tokens:,}",
            money(one.cost, _COST_DIGITS),
            duration(one.seconds),
        )
        for one in found.attempts
    ]
    return console.table(columns, rows)


def _became(one: Contribution) -> str:
    if one.failure:
        return f"{one.became}: {one.failure}"
    if one.characters:
        return f"{one.became}, {count(one.characters, 'character')}"
    return one.became + (f" by {one.by}" if one.by else "")


def _tell_failure(found: Answered) -> None:
    console.note(f"no answer: {found.failure}: {found.problem}")
    if found.mend:
        console.note(f"  {found.mend}")
    if len(found.attempts) > 1:
        console.aside(_provenance(found.provenance))
        return
    for one in found.attempts:
        kind = one.kind or "answered"
        console.note(f"  {one.agent}, try {one.number}: {kind} after {duration(one.seconds)}")


def keep_answer(answered: Answered, keep: TextIO) -> None:
    """Write one answer as a line; who interrupts the run has all those before."""
    # Half a surrogate pair can stand in a JSON text but not in a UTF-8 file; ASCII holds both.
    keep.write(json.dumps(answered.to_dict()) + "\n")
    keep.flush()


def _answer(text: str) -> str:
    """Give an answer for stdout: harmless for a terminal, byte for byte for a pipe."""
    return console.harmless(text) if console.is_terminal() else text


def _print_part(part: Part) -> None:
    click.echo(_answer(part.text), nl=False)


def _ignore(part: Part) -> None:
    del part
