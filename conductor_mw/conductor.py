"""The object an app holds: a policy that decides, and runs what it decided."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

from . import drivers
from . import plugins as plugin_registry
from . import policy as policies
from .answer import Answer, AsyncPartStream, PartStream, answer_of
from .clock import Clock, SystemClock
from .commitment import Commitments
from .decide import Decision, ForcedDecision, decide
from .direct import Direct
from .equipment import Equipment
from .errors import ConductorError
from .events import Event, EventName
from .live import Board
from .prompt import Prompt, request_of
from .reload import Watch
from .request import Request
from .run import Run, Runtime
from .signals import Facts
from .signals.paid import given

if TYPE_CHECKING:
    from .gates import Approvals
    from .plugins import Plugins
    from .policy import Policy


class Conductor:
    """A routing policy at work. Safe from many threads and tasks at once.

    Example:
        >>> c = Conductor.from_text('''
        ... agents:
        ...   - {id: small, simulated: {answer: "Sure."}}
        ...   - {id: large, simulated: {answer: "Let me think."}}
        ... routing:
        ...   rules:
        ...     - {condition: "input.tokens < 64", target: small}
        ...   default: large
        ... ''')
        >>> c.decide("When do you open?").target
        'small'
        >>> c.call("When do you open?").text
        'Sure.'
    """

    def __init__(
        self,
        policy: str | Path | Policy,
        *,
        agents: Mapping[str, object] | None = None,
        signals: Mapping[str, Callable[..., object]] | None = None,
        environment: str | None = None,
        env: Mapping[str, str] | None = None,
        plugins: Plugins | None = None,
        simulate: bool = False,
        reload_every: float | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
        commitment_key: bytes | None = None,
        approvals: Approvals | None = None,
        app: object = None,
        direct: str | None = None,
        direct_key: str | None = None,
    ) -> None:
        """Load a policy and connect its agents.

        Args:
            policy: the path of the policy file, or a compiled policy.
            agents: objects of the app that answer for agents, by agent id.
            signals: Python functions that the policy's signals name, by name.
            environment: which of the policy's environments holds; `CONDUCTOR_ENV` by default.
            env: where the policy's `env:` and `CONDUCTOR_ENV` are read; the process's environment
                by default. Providers' keys are read from the process's environment at every call.
            plugins: the plugins to use; those installed by default.
            simulate: answer for every unbound agent without calling a model.
            reload_every: look at the policy's files this often, in seconds, and take a new version
                when it is good. An app that gives nothing calls `reload()` itself.
            clock: what time it is; the computer's clock by default.
            seed: makes chance repeatable.
            commitment_key: a secret; with it decisions and events carry an HMAC of the user's text
                beside its length, without it the length only.
            approvals: asks people in the app's own way; the queue of the policy's store otherwise.
            app: the app's own model, which answers where the policy only observes: a callable, as
                for `agents`.
            direct: sends everything to this agent, whatever the rules say; the environment's
                `CONDUCTOR_DIRECT` does so where this is left out. Guarantees hold all the same.
            direct_key: a key of a request's metadata that may name such an agent for that request.
                No request can do so without this: metadata may come from outside.

        Raises:
            PolicyError: the policy cannot be used as written.
            ConductorError: the file cannot be read, or an object cannot answer for an agent.
        """
        self._functions = dict(signals or {})
        self._environment = environment
        self._env = env
        clock = clock or SystemClock()
        self._equipment = Equipment(
            plugins=plugin_registry.chosen(plugins),
            bound=dict(agents or {}),
            app=app,
            simulate=simulate,
            clock=clock,
            # The system's chance is another one in every process, also after a fork.
            dice=SystemRandom() if seed is None else Random(seed),
            commitments=Commitments(commitment_key),
            approvals=approvals,
        )
        self._direct = Direct.of(direct, direct_key, os.environ if env is None else env)
        self._lock = threading.Lock()
        self._path = None if isinstance(policy, policies.Policy) else Path(policy)
        self._runtime = self._prepared(
            policy if isinstance(policy, policies.Policy) else self._load(Path(policy)),
            Board(clock.monotonic),
        )
        self._watch = Watch(reload_every, self._runtime.policy.sources, clock)

    @classmethod
    def from_text(cls, text: str, *, file: str = "<policy>", **options: Any) -> Conductor:
        """Load a policy from YAML text.

        Args:
            text: the policy.
            file: how errors call the text.
            options: as for `Conductor`.
        """
        registry = plugin_registry.chosen(options.get("plugins"))
        policy = policies.load_text(
            text,
            file=file,
            plugins=registry,
            env=options.get("env"),
            environment=options.get("environment"),
            app_signals=options.get("signals") or {},
            bound=tuple(options.get("agents") or ()),
        )
        return cls(policy, **options)

    @property
    def policy(self) -> Policy:
        """The policy that decides now."""
        return self._runtime.policy

    def decide(
        self,
        prompt: Prompt,
        *,
        metadata: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        known: Mapping[str, object] | None = None,
        **parameters: object,
    ) -> Decision:
        """Give where a request would go, without sending anything.

        Args:
            prompt: a text, or OpenAI-style messages.
            metadata: what the app knows about the request, for example tenant and tier.
            tools: OpenAI-style tool definitions that the request offers.
            known: values of paid signals, by name: here nobody is asked for them.
            parameters: further parameters of the call, for example `temperature`.

        Raises:
            RequestError: the prompt cannot be read, or `known` holds what cannot be.
            EvaluationError: a condition could not be evaluated, or reads a paid signal that is not
                in `known`.
        """
        request = request_of(prompt, metadata, tools, parameters, stream=False)
        direct = self._direct.target(request)
        runtime, facts = self._chosen(request, direct)
        facts.update(given(runtime.policy.paid, known or {}))
        if direct is not None:
            return ForcedDecision(runtime.policy, facts, direct, runtime.commitments, straight=True)
        return decide(runtime.policy, facts, runtime.commitments)

    def call(
        self,
        prompt: Prompt,
        *,
        metadata: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        deadline: float | None = None,
        target: str | None = None,
        **parameters: object,
    ) -> Answer:
        """Give the answer to a request.

        Args:
            prompt: a text, or OpenAI-style messages.
            metadata: what the app knows about the request, for example tenant and tier.
            tools: OpenAI-style tool definitions that the request offers.
            deadline: seconds until the whole run must be over.
            target: asks this agent or flow whatever the rules say; guarantees hold all the same.
            parameters: further parameters of the call, for example `temperature`.

        Raises:
            Exception: the original exception of the agent that was asked first, where no agent
                answered; `attempts_of(error)` tells every attempt.
            Failure: a guarantee, a layer or a simulated agent refused.
        """
        run = self._begin(
            prompt, metadata, tools, parameters, deadline=deadline, target=target, stream=False
        )
        return answer_of(run, list(drivers.stream(run.runtime.host, run.parts())))

    async def acall(
        self,
        prompt: Prompt,
        *,
        metadata: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        deadline: float | None = None,
        target: str | None = None,
        **parameters: object,
    ) -> Answer:
        """Give the answer to a request, on the running event loop. Arguments as for `call`."""
        run = self._begin(
            prompt, metadata, tools, parameters, deadline=deadline, target=target, stream=False
        )
        parts = drivers.astream(run.runtime.host, run.parts())
        return answer_of(run, [part async for part in parts])

    def stream(
        self,
        prompt: Prompt,
        *,
        metadata: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        deadline: float | None = None,
        target: str | None = None,
        **parameters: object,
    ) -> PartStream:
        """Give the answer part by part. Arguments and errors as for `call`."""
        run = self._begin(
            prompt, metadata, tools, parameters, deadline=deadline, target=target, stream=True
        )
        return PartStream(run, drivers.stream(run.runtime.host, run.parts()))

    def astream(
        self,
        prompt: Prompt,
        *,
        metadata: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        deadline: float | None = None,
        target: str | None = None,
        **parameters: object,
    ) -> AsyncPartStream:
        """Give the answer part by part, on the running event loop. Arguments as for `call`."""
        run = self._begin(
            prompt, metadata, tools, parameters, deadline=deadline, target=target, stream=True
        )
        return AsyncPartStream(run, drivers.astream(run.runtime.host, run.parts()))

    def reload(self) -> bool:
        """Load the policy's files again; gives whether the policy changed.

        Runs that have begun end under the policy they began with.

        Raises:
            PolicyError: the new version cannot be used; the old one stays at work.
            ConductorError: the file cannot be read; the old version stays at work.
        """
        if self._path is None:
            raise ConductorError(
                "this policy was not loaded from a file", mend="Make a new Conductor instead."
            )
        with self._lock:
            fresh = self._load(self._path)
            self._watch.sources = fresh.sources
            self._watch.error = None
            if fresh.fingerprint == self._runtime.policy.fingerprint:
                return False
            self._runtime = self._prepared(fresh, self._runtime.board)
        self._tell("policy_loaded", fingerprint=fresh.fingerprint)
        return True

    def drain(self, seconds: float | None = None) -> bool:
        """Wait until no shadow is under way; gives False if `seconds` passed first.

        An async caller awaits `asyncio.to_thread(conductor.drain)`.
        """
        return self._equipment.background.wait(seconds)

    def close(self) -> None:
        """Close the stores of shared state; runs that still go on may fail."""
        self._equipment.close()

    @property
    def reload_error(self) -> ConductorError | None:
        """Why the newest version of the files is not at work, or None."""
        return self._watch.error

    def begin(
        self, request: Request, *, deadline: float | None = None, target: str | None = None
    ) -> Run:
        """Give the run of a request, for an integration that drives it itself.

        Args:
            request: the host's payload with the host's lens.
            deadline: seconds until the whole run must be over.
            target: asks this agent or flow whatever the rules say; guarantees hold all the same.
        """
        straight = target is None
        target = target or self._direct.target(request)
        runtime, facts = self._chosen(request, target)
        if target is None and runtime.policy.mode == "observe":
            if runtime.observed is None:
                raise ConductorError(
                    "this policy only observes: it decides, and the app's own model answers",
                    where=runtime.policy.name,
                    mend="Pass that model as Conductor(..., app=model), or write `mode: enforce`.",
                )
            runtime = runtime.observed
        policy = runtime.policy
        started = runtime.host.clock.now()
        limits = [deadline]
        if runtime.innermost is None:
            limits += [policy.deadline, policy.guarantees.at_most.seconds]
        shortest = min((limit for limit in limits if limit is not None), default=None)
        return Run(
            runtime,
            request,
            facts,
            started,
            deadline=None if shortest is None else started.monotonic + shortest,
            decision=None
            if target is None
            else ForcedDecision(policy, facts, target, runtime.commitments, straight=straight),
        )

    def _begin(
        self,
        prompt: Prompt,
        metadata: Mapping[str, object] | None,
        tools: Sequence[Mapping[str, Any]] | None,
        parameters: Mapping[str, object],
        *,
        deadline: float | None,
        target: str | None,
        stream: bool,
    ) -> Run:
        request = request_of(prompt, metadata, tools, parameters, stream=stream)
        return self.begin(request, deadline=deadline, target=target)

    def _chosen(self, request: Request, target: str | None) -> tuple[Runtime, Facts]:
        """Give the version of the policy that answers a request, and the request's facts."""
        runtime = self._current()
        facts = _facts(runtime, request)
        new = None if runtime.versions is None else runtime.versions.taking(facts)
        if new is None:
            return runtime, facts
        # A new version that lacks what is named must not close the way out.
        if target is not None and target not in (*new.policy.agents, *new.policy.flows):
            return runtime, facts
        return new, _facts(new, request)

    def _current(self) -> Runtime:
        if self._watch.due():
            try:
                self.reload()
            except ConductorError as error:
                self._watch.error = error
                self._tell("policy_refused", problem=error.problem, where=error.where)
        return self._runtime

    def _load(self, path: Path) -> Policy:
        return policies.load(
            path,
            plugins=self._equipment.plugins,
            env=self._env,
            environment=self._environment,
            app_signals=self._functions,
            bound=tuple(self._equipment.bound),
        )

    def _prepared(self, policy: Policy, board: Board) -> Runtime:
        self._direct.check(policy)
        return self._equipment.runtime(policy, board)

    def _tell(self, name: EventName, **data: object) -> None:
        now = self._equipment.clock.now()
        event = Event(name=name, monotonic=now.monotonic, utc=now.utc, data=data)
        for observer in self._runtime.observers:
            observer(event)


def _facts(runtime: Runtime, request: Request) -> Facts:
    policy = runtime.policy
    now = runtime.host.clock.now()
    return Facts(request, policy.signals, now, runtime.board, policy.live_signals)
