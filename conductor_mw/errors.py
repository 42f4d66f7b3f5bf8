"""Every error conductor raises on purpose.

* ConductorError ............. base class; says *place, problem, mend* and keeps all three
  * PolicyError .............. the policy cannot be used as written; `.findings` holds every reason
  * ConditionError ........... a condition is refused at load; `.offset` points into its text
  * EvaluationError .......... a condition failed while a request was being decided
  * PluginError .............. a plugin could not load, or answered in the wrong shape
  * ColourError .............. a plugin awaited real async I/O while a sync caller waited
  * StoreError ............... shared state cannot be reached now, or not in time
  * RequestError ............. what the caller passed cannot be read as a request
  * Failure .................. an attempt did not answer; `.kind` is one of `FAILURE_KINDS`
  * Unwind ................... leaves a run without being a failure of any agent
    * Suspend ................ the run waits for something outside and will be taken up again
    * Unasked ................ a condition read a paid signal for which nobody was asked yet
    * Fenced ................. another process owns this run now

A flow routes on `Failure` and on nothing else. Whatever is not a `Failure` passes through every
flow and layer as it was raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, get_args

FailureKind = Literal[
    "timeout",
    "connection",
    "rate_limit",
    "server_error",
    "auth",
    "invalid_request",
    "context_overflow",
    "refusal",
    "invalid_output",
    "low_confidence",
    "scorer_failed",
    "incapable",
    "policy_violation",
    "budget",
    "limited",
    "circuit_open",
    "rejected",
]
_SHOWN: Final = 20
"""Known names that a mend lists; a step has 19 keys."""
FAILURE_KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a text a person can open.

    >>> str(Place("conductor.yaml", 7, 12))
    'conductor.yaml:7:12'
    >>> str(Place("conductor.yaml"))
    'conductor.yaml'
    """

    file: str = "<policy>"
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column or 1}"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong with a policy: where, what, and what to write instead.

    Attributes:
        place: file, line and column; editors and CI annotations jump there.
        code: a stable name such as `unknown-key`, for filters and suppressions.
        problem: one sentence, begins with the path inside the document (`routing.rules.0`).
        mend: one sentence that says what to write instead; may be empty.
        severity: an `error` stops the policy from loading, a `warning` does not.
    """

    place: Place
    code: str
    problem: str
    mend: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        text = f"{self.place}: {self.problem}"
        return f"{text}\n  {self.mend}" if self.mend else text


class ConductorError(Exception):
    """Base class, so that an app can catch us and nothing else.

    Attributes:
        where: the place a reader can jump to, or an empty string.
        problem: what is wrong, in one sentence.
        mend: what to do about it, in one sentence.
    """

    def __init__(self, problem: str, *, where: object = "", mend: str = "") -> None:
        place = f"{where}: " if str(where) else ""
        super().__init__(f"{place}{problem}" + (f"\n  {mend}" if mend else ""))
        self.where = str(where)
        self.problem = problem
        self.mend = mend

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process pools; Python would make them again from their text alone.
        return _made_again, (type(self), self.args), self.__dict__


def _made_again(sort: type[ConductorError], args: tuple[object, ...]) -> ConductorError:
    return sort.__new__(sort, *args)


class PolicyError(ConductorError):
    """The policy cannot be used as written.

    Attributes:
        findings: every reason found in one reading, in the order of the text.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        super().__init__(first.problem, where=first.place, mend=first.mend)
        self.findings = tuple(findings)
        self.args = ("\n".join(str(finding) for finding in findings),)


class ConditionError(ConductorError):
    """A condition is refused before anything runs.

    Attributes:
        text: the whole condition.
        offset: the character at which the problem begins, from 0.
    """

    def __init__(self, problem: str, *, text: str, offset: int = 0, mend: str = "") -> None:
        super().__init__(problem, mend=mend)
        self.text = text
        self.offset = offset


class EvaluationError(ConductorError):
    """A condition could not be evaluated for this request, for example `1 / 0 > 2`."""


class PluginError(ConductorError):
    """A plugin could not load, or answered in the wrong shape."""


class ColourError(ConductorError):
    """A plugin awaited a real async operation while a sync caller was waiting."""


class RequestError(ConductorError):
    """What the caller passed cannot be read as a request."""


class Failure(ConductorError):
    """An attempt did not answer; flows may send the request elsewhere because of its kind.

    Attributes:
        kind: one of `FAILURE_KINDS`.
        agent: the id of the agent that was asked, or an empty string.
        retry_after: seconds the provider asked to wait, or None.
    """

    def __init__(
        self,
        kind: FailureKind,
        problem: str = "",
        *,
        agent: str = "",
        where: object = "",
        mend: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(problem or kind.replace("_", " "), where=where, mend=mend)
        self.kind: FailureKind = kind
        self.agent = agent
        self.retry_after = retry_after


class StoreError(ConductorError):
    """A store cannot be reached, or not in time; whether it made the change is unknown."""


class Unwind(ConductorError):
    """Leaves a run without being a failure of any agent; nothing catches it on the way out."""


class Suspend(Unwind):
    """The run waits for something outside and will be taken up again."""


class Unasked(Unwind):
    """A condition read a paid signal for which nobody was asked yet; the run asks, and goes on.

    Attributes:
        signal: its name.
    """

    def __init__(self, signal: str) -> None:
        super().__init__(f"nobody was asked for the signal {signal!r}")
        self.signal = signal


class Fenced(Unwind):
    """Another process owns this run now; this one must stop touching it."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant.

    >>> nearest("cahce", ["budget", "cache"])
    "did you mean 'cache'?"
    >>> nearest("zzz", ["budget", "cache"])
    'known: budget, cache'
    """
    # Names come from hostile text: a huge one would make the comparison itself the attack.
    names = sorted(known)
    close = get_close_matches(name[:80], names[:2000], n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(names[:_SHOWN]) or "(none)"
    return f"known: {shown}{', ...' if len(names) > _SHOWN else ''}"
