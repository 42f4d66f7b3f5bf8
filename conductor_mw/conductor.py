"""The object an app holds: a policy that decides, and runs what it decided."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from . import drivers
from . import plugins as plugin_registry
from . import policy as policies
from .answer import Answer, AsyncPartStream, PartStream, answer_of
from .attended import Attended
from .chance import Chance
from .clock import Clock, SystemClock
from .commitment import Commitments
from .decide import Decision, ForcedDecision, decide
from .direct import Direct
from .equipment import Equipment
from .errors import ConductorError
from .governor import Governor, Loading
from .prompt import Prompt, request_of
from .request import Request
from .run import Run
from .signals.paid import given

if TYPE_CHECKING:
    from .agents.base import Agent
    from .gates import Approvals
    from .plugins import Plugins
    from .policy import Policy
    from .trajectory import Trajectory


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
        connect: Callable[[Agent], object | None] | None = None,
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
            connect: asked at the first call of an agent that is not in `agents`, in whatever thread
                that is: gives such an object for it, or None for the usual way. An agent with
                `replicas:` is asked for once for each, with that replica's options.
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
        clock = clock or SystemClock()
        equipment = Equipment(
            plugins=plugin_registry.chosen(plugins),
            bound=dict(agents or {}),
            app=app,
            simulate=simulate,
            clock=clock,
            dice=Chance() if seed is None else Random(seed),
            commitments=Commitments(commitment_key),
            approvals=approvals,
            connect=connect,
        )
        self._governor = Governor(
            policy,
            equipment,
            Direct.of(direct, direct_key, os.environ if env is None else env),
            Loading(env, environment, dict(signals or {})),
            reload_every,
        )

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
        return self._governor.runtime.policy

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
        direct = self._governor.direct.target(request)
        runtime, facts = self._governor.chosen(request, direct)
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
        trajectory: Trajectory | None = None,
        **parameters: object,
    ) -> Answer:
        """Give the answer to a request.

        Args:
            prompt: a text, or OpenAI-style messages.
            metadata: what the app knows about the request, for example tenant and tier.
            tools: OpenAI-style tool definitions that the request offers.
            deadline: seconds until the whole run must be over.
            target: asks this agent or flow whatever the rules say; guarantees hold all the same.
            trajectory: the `trajectory` of the answer before, where this call goes on with it, as
                an agent's does that has called tools; its agent is kept, see `routing: decide`.
            parameters: further parameters of the call, for example `temperature`.

        Raises:
            Exception: the original exception of the agent that was asked first, where no agent
                answered; `attempts_of(error)` tells every attempt.
            Failure: a guarantee, a layer or a simulated agent refused.
        """
        run = self._begin(
            prompt, metadata, tools, parameters, deadline=deadline, target=target,
            trajectory=trajectory, stream=False,
        )  # fmt: skip
        return answer_of(run, list(drivers.stream(run.runtime.host, run.parts())))

    async def acall(
        self,
        prompt: Prompt,
        *,
        metadata: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        deadline: float | None = None,
        target: str | None = None,
        trajectory: Trajectory | None = None,
        **parameters: object,
    ) -> Answer:
        """Give the answer to a request, on the running event loop. Arguments as for `call`."""
        run = self._begin(
            prompt, metadata, tools, parameters, deadline=deadline, target=target,
            trajectory=trajectory, stream=False,
        )  # fmt: skip
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
        trajectory: Trajectory | None = None,
        **parameters: object,
    ) -> PartStream:
        """Give the answer part by part. Arguments and errors as for `call`."""
        run = self._begin(
            prompt, metadata, tools, parameters, deadline=deadline, target=target,
            trajectory=trajectory, stream=True,
        )  # fmt: skip
        return PartStream(run, drivers.stream(run.runtime.host, run.parts()))

    def astream(
        self,
        prompt: Prompt,
        *,
        metadata: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        deadline: float | None = None,
        target: str | None = None,
        trajectory: Trajectory | None = None,
        **parameters: object,
    ) -> AsyncPartStream:
        """Give the answer part by part, on the running event loop. Arguments as for `call`."""
        run = self._begin(
            prompt, metadata, tools, parameters, deadline=deadline, target=target,
            trajectory=trajectory, stream=True,
        )  # fmt: skip
        return AsyncPartStream(run, drivers.astream(run.runtime.host, run.parts()))

    def attend(
        self, request: Request, *, agent: str | None, model: str = "", patient: bool = True
    ) -> Attended:
        """Look at a call that the app is about to make itself, or refuse it.

        Every layer that does not answer begins; they end with the call. Nothing is routed.

        Args:
            request: the host's payload with the host's lens.
            agent: the agent that stands for what the app asks; None where no agent does, so that
                every guarantee forbids it and no budget counts it.
            model: what is asked, for the records, where no agent stands for it.
            patient: whether layers may wait, for room for example; who calls from an event loop's
                own thread says no.

        Returns:
            The call while it is under way: say how it ended with `end`, `fail` or `cut`.

        Raises:
            Failure: the call must not be made.
            ConductorError: nobody can tell whether it may be made.
        """
        call = Attended(self._governor.attend(request, agent, model), patient=patient)
        call.begin()
        return call

    def feedback(
        self,
        answer_id: str,
        *,
        score: float | None = None,
        label: str = "",
        by: str = "",
        comment: str = "",
    ) -> None:
        """Record what somebody found of an answer; learning and reports read it later.

        Args:
            answer_id: `answer.id`.
            score: from 0 to 1.
            label: a word, for example `resolved`.
            by: who found so.
            comment: for people.

        Raises:
            ConductorError: the score is out of bounds, or no layer of the policy keeps feedback.
        """
        self._governor.feedback(answer_id, score, label, by, comment)

    def layer(self, name: str) -> object:
        """Give the layer at work under a name below `plugins:`, for example `breaker`.

        Raises:
            ConductorError: the policy names no such layer.
        """
        return self._governor.layer(name)

    def reload(self) -> bool:
        """Load the policy's files again; gives whether the policy changed.

        Runs that have begun end under the policy they began with.

        Raises:
            PolicyError: the new version cannot be used; the old one stays at work.
            ConductorError: the file cannot be read; the old version stays at work.
        """
        return self._governor.reload()

    def drain(self, seconds: float | None = None) -> bool:
        """Wait until no shadow is under way; gives False if `seconds` passed first.

        An async caller awaits `asyncio.to_thread(conductor.drain)`.
        """
        return self._governor.equipment.background.wait(seconds)

    def close(self) -> None:
        """Let layers flush, and close the stores; runs that still go on may fail."""
        self._governor.close()

    @property
    def reload_error(self) -> ConductorError | None:
        """Why the newest version of the files is not at work, or None.

        Where the conductor looks at the files itself, asking lets it look when it is time to.
        """
        return self._governor.refused()

    def begin(
        self,
        request: Request,
        *,
        deadline: float | None = None,
        target: str | None = None,
        trajectory: Trajectory | None = None,
    ) -> Run:
        """Give the run of a request, for an integration that drives it itself.

        Args:
            request: the host's payload with the host's lens.
            deadline: seconds until the whole run must be over.
            target: asks this agent or flow whatever the rules say; guarantees hold all the same.
            trajectory: as for `call`.
        """
        return self._governor.begin(request, deadline, target, trajectory)

    def _begin(
        self,
        prompt: Prompt,
        metadata: Mapping[str, object] | None,
        tools: Sequence[Mapping[str, Any]] | None,
        parameters: Mapping[str, object],
        *,
        deadline: float | None,
        target: str | None,
        trajectory: Trajectory | None,
        stream: bool,
    ) -> Run:
        request = request_of(prompt, metadata, tools, parameters, stream=stream)
        return self.begin(request, deadline=deadline, target=target, trajectory=trajectory)
