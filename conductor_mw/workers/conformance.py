"""Whether a worker keeps to the contract: one call for each thing that goes wrong in production."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from conductor_mw.errors import Failure

from .addresses import address_of
from .bench import NAME, Bench, Skipped, Subject
from .message import Message, call_message, written
from .reply import error_of
from .signature import TOLERANCE

Status = Literal["pass", "fail", "skipped"]

LARGE: Final = 2_000_000
"""Bytes of a body that is larger than any worker has to take."""

_UNAUTHORIZED: Final = (401, 403)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found.

    Attributes:
        check: its name.
        says: what it asks of a worker, in one sentence.
        status: `pass`, `fail` or `skipped`.
        detail: what was seen, or why it was skipped.
    """

    check: str
    says: str
    status: Status
    detail: str = ""


def examine(subject: Subject) -> Iterator[Verdict]:
    """Yield what each check found, in the order of `CHECKS`.

    Raises:
        ConductorError: there is nobody at this address.
    """
    address_of(subject.url)
    bench = Bench(subject)
    bench.reach()
    for check in CHECKS:
        yield check.verdict(bench)


def _answers(bench: Bench) -> str:
    try:
        bench.answered = bench.finished(bench.call)
    except Failure as failure:
        if failure.kind in ("invalid_request", "auth"):
            raise Failure(
                failure.kind, f"{failure.problem} (give an input that it takes with --input)"
            ) from None
        raise
    return f"output of {len(bench.answered.text):,} characters"


def _declares_json(bench: Bench) -> str:
    reply = bench.sent(bench.message(bench.fresh()))
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    return _expect(kind == "application/json", f"Content-Type: {kind or 'none'}")


def _repeats(bench: Bench) -> str:
    if bench.answered is None:
        raise Skipped("it did not answer")
    again = replace(bench.call, attempt=2, deadline=time.time() + bench.subject.seconds)
    same = bench.finished(again) == bench.answered
    return _expect(same, "the same body" if same else "another body for the same key")


def _wrong_signature(bench: Bench) -> str:
    key = bench.signed()
    call = bench.fresh()
    return _refused(
        bench, call_message(call, bench.subject.url, key + b"?", time.time()), *_UNAUTHORIZED
    )


def _no_signature(bench: Bench) -> str:
    bench.signed()
    return _refused(
        bench, call_message(bench.fresh(), bench.subject.url, None, time.time()), 401, 403
    )


def _changed_body(bench: Bench) -> str:
    bench.signed()
    call = bench.fresh()
    other = replace(call, attempt=7).body
    return _refused(bench, replace(bench.message(call), body=other), *_UNAUTHORIZED)


def _old_message(bench: Bench) -> str:
    key = bench.signed()
    then = time.time() - 2 * TOLERANCE
    return _refused(
        bench, call_message(bench.fresh(), bench.subject.url, key, then), *_UNAUTHORIZED
    )


def _no_json(bench: Bench) -> str:
    return _refused(bench, bench.altered(b'{"worker": '), 400, 422)


def _no_mapping(bench: Bench) -> str:
    return _refused(bench, bench.altered(["input"]), 400, 422)


def _no_input(bench: Bench) -> str:
    content = bench.content()
    del content["input"]
    return _refused(bench, bench.altered(content), 400, 422)


def _says_why(bench: Bench) -> str:
    reply = bench.sent(bench.altered(b'{"worker": '))
    return _expect(bool(said := error_of(reply)), said or "no `error.message`")


def _unknown_kind(bench: Bench) -> str:
    message = bench.message(bench.fresh())
    headers = {**message.headers, "Content-Type": "application/x-unknown"}
    return _refused(bench, replace(message, headers=headers), 400, 415)


def _unknown_key(bench: Bench) -> str:
    if bench.answered is None:
        raise Skipped("it did not answer")
    reply = bench.sent(bench.altered(bench.content(later_version={"anything": [1, None]})))
    return _expect(reply.status in (200, 202), f"answered {reply.status}")


def _large_body(bench: Bench) -> str:
    filled = bench.content(filling="x" * LARGE)
    try:
        status = bench.sent(bench.altered(filled)).status
    except Failure as failure:
        if failure.kind != "connection":
            raise
        seen = "closed the connection"  # before it had read everything: a way to refuse
    else:
        seen = f"answered {status}"
        if status >= 500:
            raise Failure("server_error", seen)
    if bench.answered is not None:
        bench.finished(bench.fresh())
    return f"{seen}, and answers on"


def _too_late(bench: Bench) -> str:
    content = bench.content(deadline=written(time.time() - 60))
    return _refused(bench, bench.altered(content), 408, 504)


def _refused(bench: Bench, message: Message, *usual: int) -> str:
    """Send what must be refused: with a 4xx, or with one of the statuses that say why."""
    status = bench.sent(message).status
    if status in _UNAUTHORIZED and status not in usual:
        raise Skipped(f"answered {status}; give the secret's variable with --secret-env")
    if 400 <= status < 500 or status in usual:
        return f"answered {status}"
    wanted = " or ".join(map(str, usual))
    raise Failure("invalid_output", f"answered {status} and not {wanted}")


def _expect(holds: bool, seen: str) -> str:
    if not holds:
        raise Failure("invalid_output", seen)
    return seen


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a worker must hold.

    Attributes:
        name: its name in reports.
        says: what it asks, in one sentence.
    """

    name: str
    says: str
    run: Callable[[Bench], str] = field(repr=False)

    def verdict(self, bench: Bench) -> Verdict:
        """Give what the check finds."""
        try:
            return Verdict(self.name, self.says, "pass", self.run(bench))
        except Skipped as reason:
            return Verdict(self.name, self.says, "skipped", str(reason))
        except Failure as failure:
            said = failure.problem.removeprefix(f"worker {NAME!r}").lstrip(": ")
            return Verdict(self.name, self.says, "fail", said)


CHECKS: Final[Sequence[Check]] = (
    Check("answer", "answer a call as the contract says", _answers),
    Check("content-type", "say that an answer is JSON", _declares_json),
    Check("replay", "give the same key the same body", _repeats),
    Check("wrong-signature", "refuse a signature by another key", _wrong_signature),
    Check("no-signature", "refuse a call that is not signed", _no_signature),
    Check("changed-body", "refuse a body that was not signed", _changed_body),
    Check("old-message", "refuse a call recorded long ago", _old_message),
    Check("no-json", "refuse a body that is not JSON", _no_json),
    Check("no-mapping", "refuse a body that is no mapping", _no_mapping),
    Check("no-input", "refuse a call without an input", _no_input),
    Check("error-text", "say why in `error.message`", _says_why),
    Check("unknown-type", "refuse an unknown Content-Type", _unknown_kind),
    Check("unknown-key", "ignore a key of a later version", _unknown_key),
    Check("large-body", "outlive a body of 2 MB", _large_body),
    Check("deadline", "refuse a call that comes too late", _too_late),
)
