"""Make records of what happened; called by the writer's thread, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from conductor_mw import (
    Attempted,
    Commitments,
    EvaluationError,
    Event,
    Expression,
    Facts,
    Failure,
    Gates,
    Outcome,
    Request,
    Run,
    Setting,
    Usage,
    leaves_on_purpose,
)

from .entry import Entry
from .facts_kept import FEW_RULES, Kept
from .keys import Keys
from .passage import Passage, trace_of

_LONGEST: Final = 300
_SENT: Final = ("", "gateway")
"""Who answered where the request left the app: the agent, or a gateway on the way to it."""
Called: TypeAlias = tuple[Attempted, object]
"""An attempt that ended, and a copy of what was sent, or None."""


@dataclass(frozen=True, slots=True)
class Whose:
    """For whom a request is, as the policy says: expressions over its signals."""

    tenant: Expression | None = None
    actor: Expression | None = None
    subject: Expression | None = None


class Named(NamedTuple):
    """For whom one request is: the tenant, the person, and the person's pseudonym."""

    tenant: str | None = None
    person: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Describer:
    """Makes the records of one policy's runs.

    Attributes:
        setting: what surrounds the policy.
        kept: which signals are kept.
        whose: for whom requests are.
        keys: the log's secrets.
        commitments: stand for what users and agents said.
        content: whether that is kept as well, encrypted.
    """

    setting: Setting
    kept: Kept
    whose: Whose
    keys: Keys
    commitments: Commitments
    content: bool = False

    def decision(self, passage: Passage) -> Iterator[Entry]:
        """Give the record of a run that ended, and one for every refusal in it."""
        run = passage.run
        facts = passage.facts()
        whose = self._whose(facts)
        yield from self._refusals(passage, whose)
        answer = passage.answer
        prompt = run.request.lens.text(passage.native)
        data: dict[str, object] = {
            "ended": passage.utc,
            **self._decided(run, facts, whose),
            "prompt": self.commitments.stand_for(prompt),
            "answer": self.commitments.stand_for(answer),
            **self._agents(run),
            **_spent(run.usage, None if run.cost is None else run.cost.nano),
            "seconds": round(passage.utc - run.started.utc, 6),
            "finish": _finish(passage),
            **_failed(passage.error),
            **self._actor(facts, whose),
        }
        trace = trace_of(passage)
        if trace is not None:
            data["trace"] = trace
        content = None
        if self.content:
            said = [[one.role, one.text] for one in run.request.lens.messages(passage.native)]
            content = {"prompt": said, "answer": answer}
        yield self._entry("decision", run, whose, data, agent=passage.agent, content=content)

    def begun(self, passage: Passage) -> Iterator[Entry]:
        """Give the record that a streamed answer begins to be delivered."""
        run = passage.run
        facts = passage.facts()
        decision = run.decision
        data: dict[str, object] = {"policy": run.policy.fingerprint}
        if decision is not None:
            data["target"] = decision.target
        yield self._entry("begun", run, self._whose(facts), data, agent=passage.agent)

    def call(self, called: Called) -> Iterator[Entry]:
        """Give a record for each call of an attempt."""
        attempt, native = called
        run = attempt.run
        whose = self._whose(run.facts)
        for outcome in attempt.outcomes:
            data = self._called(attempt, outcome)
            content = None
            if native is not None:
                sent = Request(native, attempt.request.lens)
                data["prompt"] = self.commitments.stand_for("\n".join(sent.lens.pieces(native)))
                if self.content and outcome.by in _SENT:
                    content = {"prompt": [[one.role, one.text] for one in sent.messages]}
            kind = "cache_hit" if outcome.by == "cache" else "call"
            begun = run.started.utc + (outcome.started - run.started.monotonic)
            yield self._entry(
                kind, run, whose, data, agent=outcome.agent, content=content, time=begun
            )
        if attempt.agent.kind == "human" and attempt.outcomes:
            yield from self._gate(attempt, whose)

    def event(self, event: Event) -> Iterator[Entry]:
        """Give the record of an event."""
        said = dict(event.data)
        comment = said.get("comment")
        if event.name == "feedback" and isinstance(comment, str):
            # What a person writes freely may repeat what the user wrote.
            said["comment"] = self.commitments.stand_for(comment)
        data: dict[str, object] = {"data": said}
        if event.path:
            data["path"] = event.path
        if event.attempt:
            data["attempt"] = event.attempt
        agent = event.data.get("agent")
        yield Entry(
            kind=event.name,
            time=event.utc,
            run=event.run or None,
            agent=agent if isinstance(agent, str) else None,
            data=data,
        )

    def _entry(
        self,
        kind: str,
        run: Run,
        whose: Named,
        data: Mapping[str, object],
        *,
        agent: str | None,
        content: Mapping[str, object] | None = None,
        time: float | None = None,
    ) -> Entry:
        return Entry(
            kind=kind,
            time=run.started.utc if time is None else time,
            run=run.id,
            agent=agent,
            rule=None if run.decision is None else run.decision.rule,
            tenant=whose.tenant,
            subject=whose.subject,
            data=data,
            content=content,
        )

    def _whose(self, facts: Facts) -> Named:
        tenant = _value(self.whose.tenant, facts)
        person = _value(self.whose.subject, facts)
        return Named(tenant, person, None if person is None else self.keys.pseudonym(person))

    def _actor(self, facts: Facts, whose: Named) -> dict[str, object]:
        actor = _value(self.whose.actor, facts)
        if actor is None:
            return {}
        return {"actor": whose.subject if actor == whose.person else actor}

    def _decided(self, run: Run, facts: Facts, whose: Named) -> dict[str, object]:
        """Say where the request went and why."""
        decision, policy = run.decision, run.policy
        found: dict[str, object] = {"policy": policy.fingerprint}
        if policy.environment:
            found["environment"] = policy.environment
        told = None
        if decision is not None:
            found["target"] = decision.target
            position = next(
                (one.position for one in policy.rules if one.id == decision.rule),
                len(policy.rules),
            )
            if decision.forced:
                found["forced"] = True
            elif decision.kept:
                found["kept"] = True
            elif position <= FEW_RULES:
                told = decision
                found["passed_over"] = [[one.rule, one.because] for one in decision.passed_over]
            else:
                # The signals and the archived policy say why, for who wants to know.
                found["passed_over"] = position
            if decision.asked:
                found["asked"] = [one.to_dict() for one in decision.asked]
        found["signals"] = self.kept.signals(facts, told, whose.person)
        later = self.kept.later(facts)
        if later:
            found["later"] = later
        classes = self.kept.seen(facts)
        if self.kept.classes:
            found["classes"] = classes
        return found

    def _agents(self, run: Run) -> dict[str, object]:
        """Say who saw the request, and what was found of their answers."""
        agents: dict[str, object] = {}
        failed: list[list[object]] = []
        for outcome in run.outcomes:
            if _was_called(outcome) and outcome.by in _SENT:
                agents[outcome.agent] = _model(run, outcome.agent)
            if outcome.kind is not None:
                failed.append([outcome.path, outcome.agent, outcome.number, outcome.kind])
        found: dict[str, object] = {"agents": agents, "calls": len(run.attempts)}
        if failed:
            found["failures"] = failed
        return found

    def _called(self, attempt: Attempted, outcome: Outcome) -> dict[str, object]:
        data: dict[str, object] = {
            "path": outcome.path,
            "number": outcome.number,
            "purpose": outcome.purpose,
            "model": _model(attempt.run, outcome.agent),
            **_spent(outcome.usage, None if outcome.cost is None else outcome.cost.nano),
            "seconds": round(outcome.seconds, 6),
            "finish": outcome.finish,
            **_failed(outcome.error, outcome.kind),
        }
        if outcome.first_part is not None:
            data["first_part"] = round(outcome.first_part, 6)
        beside = {"by": outcome.by, "replica": outcome.replica, "answered": outcome.model}
        data |= {name: value for name, value in beside.items() if value}
        if not outcome.visible:
            data["visible"] = False
        weighed = self._weighed(attempt.run, outcome.agent)
        if weighed:
            data["guarantees"] = weighed
        return data

    def _weighed(self, run: Run, agent: str) -> list[list[object]]:
        """Say which guarantees spoke of an agent, and that each let it be asked."""
        found: list[list[object]] = []
        for never in run.policy.guarantees.never:
            if agent in never.agents:
                try:
                    held = never.when.evaluate(run.facts) is False
                except EvaluationError:
                    held = False
                found.append([never.id, held])
        return found

    def _refusals(self, passage: Passage, whose: Named) -> Iterator[Entry]:
        """Give a record for whatever was refused before anybody was called."""
        run = passage.run
        for outcome in run.outcomes:
            if not _was_called(outcome) and outcome.error is not None and not outcome.by:
                data: dict[str, object] = {
                    "path": outcome.path,
                    "number": outcome.number,
                    **_failed(outcome.error, outcome.kind),
                    **_because(outcome.error),
                }
                yield self._entry(
                    "refusal", run, whose, data, agent=outcome.agent, time=passage.utc
                )
        error = passage.error
        if isinstance(error, Failure) and not run.outcomes:
            data = {**_failed(error), **_because(error)}
            yield self._entry("refusal", run, whose, data, agent=None, time=passage.utc)

    def _gate(self, attempt: Attempted, whose: Named) -> Iterator[Entry]:
        """Give the record of what people decided."""
        now = self.setting.clock.now().utc
        found = Gates(self.setting.store()).get(f"{attempt.run.id}:{attempt.path}", now)
        if found is None:
            return
        verdict = found.verdict
        data: dict[str, object] = {
            "gate": found.id,
            "queue": found.queue,
            "state": found.state(now),
            "quorum": found.quorum,
            "opened": found.opened,
            "shown": self.commitments.stand_for(found.show),
            "votes": [
                {
                    "by": vote.by,
                    "choice": vote.choice,
                    "time": vote.utc,
                    "comment": self.commitments.stand_for(vote.comment),
                }
                for vote in found.votes
            ],
        }
        if verdict is not None:
            data["verdict"], data["by"] = verdict.choice, verdict.by
        yield self._entry(
            "gate", attempt.run, whose, data, agent=attempt.agent.id,
            time=now if verdict is None else verdict.utc,
        )  # fmt: skip


def _was_called(outcome: Outcome) -> bool:
    # What no call was made for has no beginning either.
    return outcome.started != 0.0 or outcome.seconds != 0.0 or outcome.error is None


def _spent(usage: Usage, cost: int | None) -> dict[str, object]:
    tokens = [
        usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens,
    ]  # fmt: skip
    return {"tokens": tokens, "cost_nano": cost}


def _model(run: Run, agent: str) -> str:
    known = run.policy.agents.get(agent)
    if known is None:
        return ""
    model: object = getattr(known.options, "model", None)
    return model if isinstance(model, str) else known.kind


def _finish(passage: Passage) -> str:
    if isinstance(passage.error, GeneratorExit):
        return "cut"
    if passage.error is not None:
        # Where somebody interrupted a graph to ask people, the run is taken up again by another.
        return "left" if leaves_on_purpose(passage.error) else "error"
    return next((part.finish for part in reversed(passage.parts) if part.finish), "stop")


def _failed(error: BaseException | None, kind: str | None = None) -> dict[str, object]:
    """Say how something failed: its kind and the error's name, never its text."""
    if error is None or isinstance(error, GeneratorExit) or leaves_on_purpose(error):
        return {} if kind is None else {"failed": [kind, ""]}
    if kind is None and isinstance(error, Failure):
        kind = error.kind
    return {"failed": [kind, type(error).__name__]}


def _because(error: BaseException) -> dict[str, object]:
    """Say why a layer or a guarantee refused: its own words, not a provider's."""
    if isinstance(error, Failure) and error.__cause__ is None:
        return {"because": error.problem[:_LONGEST]}
    return {}


def _value(expression: Expression | None, facts: Facts) -> str | None:
    if expression is None:
        return None
    try:
        value = expression.evaluate(facts)
    except EvaluationError:
        return None
    return None if value is None or value == "" else str(value)
