"""The layer: refuses requests, redacts what is sent, restores and looks through what comes back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from conductor_mw import Attempted, Failure, Part, Parts, Run, ToolCall

from .analyzers import Analysts, Analyzer
from .finder import Finder, Finding
from .kinds import Family
from .redaction import Redaction, Restorer, Vault
from .request_limits import Fits, RequestLimits, fit
from .signals import SHARED
from .window import Window

_CALLED: Final[Mapping[Family, str]] = {
    "pii": "personal data",
    "secrets": "secrets",
    "injection": "signs of an injection",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a guard does.

    Attributes:
        finder: finds what there is.
        refuse: whether a request that holds something of a family is refused.
        redact: the kinds that become placeholders.
        unless: agents with this label get the original; None: nobody does.
        output: the kinds that are looked for in answers.
        action: what happens to them.
        hold: whether a whole answer is looked through before any of it is shown.
        limits: what a request may be.
        metadata: the schema of a request's metadata.
        text: the schema of its last message.
    """

    finder: Finder
    refuse: Mapping[Family, bool]
    redact: frozenset[str] = frozenset()
    unless: str | None = None
    output: frozenset[str] = frozenset()
    action: Literal["refuse", "redact", "flag"] = "refuse"
    hold: bool = False
    limits: RequestLimits | None = None
    metadata: Fits | None = None
    text: Fits | None = None

    def layer(self) -> Guard | Quiet:
        """Give the layer; one that looks at no answer costs nothing while parts stream by."""
        if self.redact or self.output:
            return Attending(self)
        looks = self.limits or self.metadata or self.text or any(self.refuse.values())
        return Guard(self) if looks else Quiet()


_NOTHING: Final = Part()


class Quiet:
    """A guard that only gives signals: it stands in nobody's way, and costs nothing."""

    hears: frozenset[str] = frozenset()


class Guard:
    """Refuses requests before anything is sent."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def begin_request(self, run: Run) -> None:
        """Hold a request to its limits, and refuse what it must not hold.

        Raises:
            Failure: it passes a limit (`invalid_request`, or as the policy says), or holds
                something that is refused (`policy_violation`). It tells kinds, never texts.
        """
        plan = self.plan
        if plan.limits is not None:
            plan.limits.hold(run)
        fit(run, plan.metadata, plan.text)
        if not any(plan.refuse.values()) or not run.facts[SHARED]:
            return
        for family, refused in plan.refuse.items():
            if refused and (found := run.facts[f"input.{family}"]):
                names = ", ".join(cast("list[str]", found))
                raise Failure("policy_violation", f"the request holds {_CALLED[family]}: {names}")

    def end_request(self, run: Run, token: object) -> None:
        """Let go of the request."""


class Attending(Guard):
    """Also stands around every attempt: redacts, restores and looks through answers."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._vaults: dict[str, Vault] = {}

    def begin_request(self, run: Run) -> None:
        """Hold and refuse as `Guard` does, and remember the run's placeholders."""
        super().begin_request(run)
        if self.plan.redact:
            self._vaults[run.id] = Vault()

    def end_request(self, run: Run, token: object) -> None:
        """Forget the run's placeholders."""
        del token
        self._vaults.pop(run.id, None)

    async def around_attempt(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        """Redact the request, restore the answer, and look through it.

        Raises:
            Failure: of the kind `policy_violation`, where the answer is refused.
        """
        redaction = await self._redacted(attempt)
        counts: dict[str, int] = {}
        if redaction is not None and redaction.values:
            counts = redaction.counts
            attempt_data = {"agent": attempt.agent.id, "kinds": dict(sorted(counts.items()))}
            await attempt.run.tell("guard.redacted", attempt.path, attempt.number, **attempt_data)
        values = redaction.values if redaction is not None else {}
        if not values and not self.plan.output:
            async for part in proceed(attempt):
                yield part
            return
        passage = Passage(self.plan, values, attempt.agent.id)
        try:
            async for part in proceed(attempt):
                for shown in passage.feed(part):
                    yield shown
            for shown in passage.end():
                yield shown
        finally:
            if passage.found:
                await attempt.run.tell(
                    "guard.found",
                    attempt.path,
                    attempt.number,
                    agent=attempt.agent.id,
                    kinds=dict(sorted(passage.found.items())),
                    action=self.plan.action,
                )

    async def _redacted(self, attempt: Attempted) -> Redaction | None:
        plan = self.plan
        if not plan.redact or (plan.unless is not None and plan.unless in attempt.agent.labels):
            return None
        # What is asked after the run has ended, a shadow say, has placeholders of its own.
        vault = self._vaults.get(attempt.run.id) or Vault()
        redaction = Redaction(plan.finder, plan.redact, vault)
        request = attempt.request
        request.lens.redacted(request.native, redaction.look)
        await self._spot(redaction, attempt.run)
        native = request.lens.redacted(request.native, redaction.mask)
        if redaction.values:
            attempt.request = request.with_native(native)
        return redaction

    async def _spot(self, redaction: Redaction, run: Run) -> None:
        """Let analyzers look at the texts of an attempt; here there are none."""


class Asking(Attending):
    """Also asks analyzers, before anything is decided, and about every text that is redacted."""

    def __init__(self, plan: Plan, analysts: Analysts) -> None:
        super().__init__(plan)
        self._analysts = analysts
        self._found: dict[str, Mapping[str, Sequence[Finding]]] = {}

    def bind(self, name: str, analyzer: Analyzer) -> None:
        """Use an object of the app as the analyzer of this name, also after a reload."""
        self._analysts.bound.bind(name, analyzer)

    def begin_request(self, run: Run) -> Any:
        """Ask the analyzers, add what they find to `input.pii`, then do as `Attending` does."""
        return self._begin(run)

    async def _begin(self, run: Run) -> None:
        facts = run.facts
        found = await self._analysts.ask(run.request.lens.pieces(run.request.native))
        names = {one.kind.name for spotted in found.values() for one in spotted}
        if names:
            known = cast("list[str]", facts["input.pii"])
            sensitive = cast("list[str]", facts[SHARED])
            facts["input.pii"] = sorted({*known, *names})
            facts[SHARED] = sorted({*sensitive, *(f"pii.{name}" for name in names)})
        super().begin_request(run)
        self._found[run.id] = found  # last: where the request is refused, nothing ends it

    def end_request(self, run: Run, token: object) -> None:
        """Forget what was found, and the run's placeholders."""
        super().end_request(run, token)
        self._found.pop(run.id, None)

    async def _spot(self, redaction: Redaction, run: Run) -> None:
        known = self._found.get(run.id, {})
        redaction.spotted.update(known)
        unknown = [text for text in redaction.texts if text not in known]
        redaction.spotted.update(await self._analysts.ask(unknown))


class Passage:
    """One answer on its way out: text, reasoning and every tool call are texts of their own.

    Attributes:
        found: how often each kind was found.
    """

    def __init__(self, plan: Plan, values: Mapping[str, str], agent: str) -> None:
        self._plan = plan
        self._values = values
        self._agent = agent
        self._texts: dict[str | int, tuple[Window | None, Restorer | None]] = {}
        self._ended = False
        self.found: dict[str, int] = {}

    def feed(self, part: Part) -> list[Part]:
        """Give the parts that can be shown after a further one."""
        if self._plan.output and self._plan.action != "flag" and _says_more(part.native):
            part = replace(part, native=None)
            if part == _NOTHING:
                return []
        if not (part.text or part.reasoning or part.tool_calls or part.finish):
            return [part]
        last = bool(part.finish)
        self._ended = self._ended or last
        text = self._pass("text", part.text, last=last)
        reasoning = self._pass("reasoning", part.reasoning, last=last)
        calls = tuple(
            replace(call, arguments=self._pass(call.index, call.arguments, last=False))
            for call in part.tool_calls
        )
        if last:
            calls = (*calls, *self._rest())
        if text == part.text and reasoning == part.reasoning and calls == part.tool_calls:
            return [part]
        changed = replace(
            part, text=text, reasoning=reasoning, tool_calls=calls, native=None, logprobs=()
        )
        nothing = not (changed.speaks or changed.finish or changed.usage or changed.origin)
        return [] if nothing else [changed]

    def end(self) -> list[Part]:
        """Give what is left where the answer ended without saying so."""
        text = self._pass("text", "", last=True)
        reasoning = self._pass("reasoning", "", last=True)
        rest = Part(text, reasoning, tuple(self._rest()))
        return [rest] if rest.speaks else []

    def _rest(self) -> list[ToolCall]:
        rests = [
            (index, self._pass(index, "", last=True))
            for index in list(self._texts)
            if isinstance(index, int)
        ]
        return [ToolCall(index, arguments=rest) for index, rest in rests if rest]

    def _pass(self, which: str | int, text: str, *, last: bool) -> str:
        if which not in self._texts:
            if not text:
                return ""
            self._texts[which] = self._opened(inside_json=isinstance(which, int))
        window, restorer = self._texts[which]
        if last:
            del self._texts[which]
        if window is not None:
            text = window.feed(text, last=last)
        return text if restorer is None else restorer.feed(text, last=last)

    def _opened(self, *, inside_json: bool) -> tuple[Window | None, Restorer | None]:
        plan = self._plan
        window = None
        if plan.output:
            window = Window(plan.finder, plan.output, self._saw, hold=plan.hold)
        restorer = None
        if self._values:
            restorer = Restorer(self._values, _in_json if inside_json else None)
        return window, restorer

    def _saw(self, finding: Finding, text: str) -> str:
        name = finding.kind.name
        self.found[name] = self.found.get(name, 0) + 1
        if self._plan.action == "refuse":
            raise Failure(
                "policy_violation",
                f"the answer of agent {self._agent!r} holds {name}",
                agent=self._agent,
            )
        return f"[{name.upper()}]" if self._plan.action == "redact" else text


def _says_more(native: object) -> bool:
    """Whether an answer holds other choices than the first, which is the one that was read."""
    found = _field(native, "choices")
    if not isinstance(found, list | tuple):
        return False
    choices = cast("Sequence[object]", found)
    return len(choices) > 1 or any(_field(one, "index") for one in choices)


def _field(value: object, name: str) -> object:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).get(name)
    return getattr(value, name, None)


def _in_json(value: str) -> str:
    """Write a value as it stands inside a text of JSON."""
    return json.dumps(value, ensure_ascii=False)[1:-1]
