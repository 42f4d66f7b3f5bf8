"""`worker:` an agent that is an HTTP service in any language."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from pydantic import Field, field_validator

from conductor_mw.effects import Attempt, Io, Now, Sleep
from conductor_mw.errors import ConductorError, Failure
from conductor_mw.json_schema import Schema, compile_schema
from conductor_mw.money import FREE
from conductor_mw.parts import Part, Usage
from conductor_mw.workers.addresses import Address, followed, listed
from conductor_mw.workers.message import Call, Message, call_message, input_of, poll_message
from conductor_mw.workers.reply import Done, Meaning, Reply, read_reply
from conductor_mw.workers.signature import key_of

from .base import Agent, AgentOptions, Speaker

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.setting import Setting

INSTALL: Final = "pip install 'conductor-mw[worker]'"

_FROM_ENVIRONMENT: Final = re.compile(r"^\$\{env:[A-Za-z_][A-Za-z0-9_]{0,127}\}$")

PATIENCE: Final = 60.0
"""Seconds that a worker may take where neither the agent nor the request has a limit."""

INPUT: Final = "input"
"""The term with which a step or a scorer says the worker's input itself."""

_LARGE: Final = 50_000
"""Bytes from which an answer is read in a thread, so that an event loop does not wait for it."""


class WorkerOptions(AgentOptions):
    """An HTTP service that takes a POST and answers JSON."""

    free: ClassVar[bool] = True

    url: str = Field(min_length=1, description="Where it is; also the short form.")
    secret: str | None = Field(
        default=None,
        pattern=_FROM_ENVIRONMENT.pattern,
        description="`${env:NAME}`, what calls are signed with; the secret never stands here.",
    )
    input: dict[str, Any] | None = Field(
        default=None, description="The JSON Schema that an input fits, or it is not sent."
    )
    output: dict[str, Any] | None = Field(
        default=None, description="The JSON Schema that an output fits, or it is `invalid_output`."
    )
    passed: list[str] = Field(
        default=[], alias="pass", max_length=100, description="The metadata that it may read."
    )
    limit: int = Field(
        default=1_000_000, ge=1, le=100_000_000, description="The most bytes of an answer."
    )

    @field_validator("secret", mode="before")
    @classmethod
    def _only_its_name(cls, value: Any) -> Any:
        # Before the pattern is looked at: that complaint would repeat the secret.
        if isinstance(value, str) and _FROM_ENVIRONMENT.match(value):
            return value
        raise ValueError("a secret must not stand in a policy; write ${env:NAME}")

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """`worker: https://...` is the usual form."""
        return {"url": value} if isinstance(value, str) else value

    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        """Give a speaker that calls the worker.

        Raises:
            ConductorError: the HTTP library is not installed.
        """
        if find_spec("httpcore") is None:
            raise ConductorError(
                f"agent {agent.id!r} is a worker, and httpcore is not installed", mend=INSTALL
            )
        return Worker(
            agent,
            self,
            None if self.input is None else compile_schema(self.input),
            None if self.output is None else compile_schema(self.output),
            frozenset(map(listed, setting.policy.addresses)),
        )


@dataclass(frozen=True, slots=True)
class Worker:
    """Speaks for a worker: one call, and questions how it stands where it takes longer."""

    agent: Agent
    options: WorkerOptions
    takes: Schema | None
    gives: Schema | None
    addresses: Collection[Address]

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give the worker's output as one part."""
        secret = self._secret()
        began = await Now()
        until = began.monotonic + PATIENCE if attempt.deadline is None else attempt.deadline
        call = Call(
            worker=self.agent.id,
            run=attempt.run,
            step=attempt.path,
            attempt=attempt.number,
            deadline=began.utc + until - began.monotonic,
            input=self._input(attempt),
        )
        url = self.options.url
        message = call_message(call, url, secret, began.utc)
        while True:
            meaning = await self._ask(message, until)
            if isinstance(meaning, Done):
                break
            url = self._followed(url, meaning.location, asked=message.method == "GET")
            if meaning.wait >= until - (await Now()).monotonic:
                raise self._failure("timeout", "is still at it, and the time is over before it is")
            await Sleep(meaning.wait)
            message = poll_message(call, url, secret, (await Now()).utc)
        yield Part(meaning.text, usage=self._usage(meaning.usage), finish="stop")

    async def _ask(self, message: Message, until: float) -> Meaning:
        # Here, and not above: httpcore is for those who have workers.
        from conductor_mw.workers.wire import exchange  # noqa: PLC0415

        seconds = until - (await Now()).monotonic
        if seconds <= 0:
            raise self._failure("timeout", "has no time left")
        limit = self.options.limit
        reply = await exchange(message, self.agent.id, seconds=seconds, limit=limit)
        utc = (await Now()).utc
        if len(reply.body) < _LARGE:
            return self._read(reply, utc)
        read: Io[Meaning] = Io(lambda: self._read(reply, utc))
        return await read

    def _read(self, reply: Reply, utc: float) -> Meaning:
        return read_reply(reply, self.agent.id, self.gives, utc)

    def _input(self, attempt: Attempt) -> Mapping[str, Any]:
        request, said = attempt.request, attempt.terms.get(INPUT)
        found = (
            dict(cast("Mapping[str, Any]", said))
            if isinstance(said, Mapping)
            else input_of(request, self.options.passed)
        )
        parameters = self._parameters(request)
        if parameters:
            found.setdefault("parameters", parameters)
        problems = () if self.takes is None else self.takes.problems(found)
        if problems:
            told = "; ".join(problems)
            raise self._failure("invalid_request", f"was not asked, its input does not fit: {told}")
        return found

    def _parameters(self, request: Request) -> dict[str, object]:
        # What the policy sets, as this try has it; what the app sets beside it is not the worker's.
        given = request.parameters
        names = frozenset(self.agent.parameters).union(*self.agent.retry.parameters)
        return {name: given[name] for name in sorted(names) if name in given}

    def _followed(self, url: str, location: str, *, asked: bool) -> str:
        if not location and not asked:
            raise self._failure("invalid_output", "answered 202 and names no place to ask later")
        try:
            return followed(self.addresses, url, location) if location else url
        except ConductorError as error:
            raise self._failure("invalid_output", f"answered 202: {error.problem}") from None

    def _secret(self) -> bytes | None:
        written = self.options.secret
        if written is None:
            return None
        name = written.removeprefix("${env:").removesuffix("}")
        try:
            return key_of(os.environ.get(name, ""))
        except ConductorError as error:
            problem = f"needs the environment variable {name}: {error.problem}"
            raise self._failure("auth", problem) from None

    def _usage(self, told: Usage | None) -> Usage | None:
        # What costs nothing need not be told; what costs something and is not told stays unknown.
        return Usage() if told is None and self.agent.price == FREE else told

    def _failure(self, kind: Any, problem: str) -> Failure:
        return Failure(kind, f"worker {self.agent.id!r} {problem}", agent=self.agent.id)
