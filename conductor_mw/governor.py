"""The policy at work: loads it, takes new versions of its files, and begins runs under it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from . import policy as policies
from .attended import attended
from .decide import ForcedDecision
from .errors import ConductorError, nearest
from .gates import visit_of
from .live import Board
from .reload import Watch
from .run import Run
from .signals import Facts
from .trajectory import kept_decision

if TYPE_CHECKING:
    from .decide import Decision
    from .direct import Direct
    from .equipment import Equipment
    from .policy import Policy
    from .request import Request
    from .runtime import Runtime
    from .trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class Loading:
    """What every load of the policy's files needs.

    Attributes:
        env: where `env:` and `CONDUCTOR_ENV` are read; the process's environment without it.
        environment: which of the policy's environments holds.
        functions: the Python functions that the policy's signals name.
    """

    env: Mapping[str, str] | None
    environment: str | None
    functions: Mapping[str, Callable[..., object]]


class Governor:
    """Holds the newest good version of a policy.

    Attributes:
        equipment: everything beside the policy; it outlives every reload.
        direct: the way past the rules.
        runtime: the version at work.
        watch: when to look at the files again.
    """

    def __init__(
        self,
        policy: str | Path | Policy,
        equipment: Equipment,
        direct: Direct,
        loading: Loading,
        reload_every: float | None,
    ) -> None:
        self.equipment = equipment
        self.direct = direct
        self._loading = loading
        self._lock = threading.Lock()
        self._path = None if isinstance(policy, policies.Policy) else Path(policy)
        self.runtime = self._prepared(
            policy if isinstance(policy, policies.Policy) else self._load(Path(policy)),
            Board(equipment.clock.monotonic),
        )
        self.watch = Watch(reload_every, self.runtime.policy.sources, equipment.clock)

    def begin(
        self,
        request: Request,
        deadline: float | None,
        target: str | None,
        trajectory: Trajectory | None = None,
    ) -> Run:
        """Give the run of a request; see `Conductor.begin`."""
        straight = target is None
        target = target or self.direct.target(request)
        runtime, facts = self.chosen(request, target)
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
        decision: Decision | None = None
        if target is not None:
            decision = ForcedDecision(policy, facts, target, runtime.commitments, straight=straight)
        elif trajectory is not None and runtime.innermost is None:
            decision = kept_decision(policy, facts, runtime.commitments, trajectory)
        run = Run(
            runtime,
            request,
            facts,
            started,
            deadline=None if shortest is None else started.monotonic + shortest,
            decision=decision,
        )
        visit = visit_of(self.equipment.approvals) if runtime.leaves else None
        if visit is not None:  # after it has an id of its own, which a gate's id begins with
            host = replace(runtime.host, dice=Random(visit.seed(request)))
            run.runtime = replace(runtime, host=host)
        return run

    def attend(self, request: Request, agent: str | None, model: str) -> Run:
        """Give the run of a call that the app makes itself; see `Conductor.attend`."""
        runtime, facts = self.chosen(request, agent)
        runtime = attended(runtime, agent, model)
        return Run(runtime, request, facts, runtime.host.clock.now())

    def chosen(self, request: Request, target: str | None) -> tuple[Runtime, Facts]:
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

    def reload(self) -> bool:
        """Load the files again; see `Conductor.reload`."""
        if self._path is None:
            raise ConductorError(
                "this policy was not loaded from a file", mend="Make a new Conductor instead."
            )
        with self._lock:
            fresh = self._load(self._path)
            self.watch.sources = fresh.sources
            self.watch.error = None
            if fresh.fingerprint == self.runtime.policy.fingerprint:
                return False
            self.runtime = self._prepared(fresh, self.runtime.board)
        self.runtime.audience.tell("policy_loaded", fingerprint=fresh.fingerprint)
        return True

    def feedback(
        self, answer_id: str, score: float | None, label: str, by: str, comment: str
    ) -> None:
        """Tell what somebody found of an answer; see `Conductor.feedback`."""
        if score is not None and not 0 <= score <= 1:
            raise ConductorError(
                f"a score is a number from 0 to 1, not {score}", mend="divide stars by their most"
            )
        audience = self.runtime.audience
        if not audience.hears("feedback"):
            raise ConductorError(
                "no layer of this policy keeps feedback",
                where=self.runtime.policy.name,
                mend="write `plugins: {audit: {}}`",
            )
        audience.tell("feedback", run=answer_id, score=score, label=label, by=by, comment=comment)

    def layer(self, name: str) -> object:
        """Give the layer at work under a name; see `Conductor.layer`."""
        named = self.runtime.layers.named
        if name not in named:
            raise ConductorError(
                f"the policy names no layer {name!r}",
                where=self.runtime.policy.name,
                mend=nearest(name, named),
            )
        return named[name]

    def close(self) -> None:
        """Let layers flush, and close what they keep and the stores."""
        versions = self.runtime.versions
        try:
            self.runtime.layers.close()
            if versions is not None and versions.runtime is not None:
                versions.runtime.layers.close()
        finally:
            self.equipment.close()

    def refused(self) -> ConductorError | None:
        """Give why the newest version of the files is not at work; see `Conductor.reload_error`."""
        self._current()
        return self.watch.error

    def _current(self) -> Runtime:
        if self.watch.due():
            try:
                self.reload()
            except ConductorError as error:
                self.watch.error = error
                self.runtime.audience.tell(
                    "policy_refused", problem=error.problem, where=error.where
                )
        return self.runtime

    def _load(self, path: Path) -> Policy:
        return policies.load(
            path,
            plugins=self.equipment.plugins,
            env=self._loading.env,
            environment=self._loading.environment,
            app_signals=self._loading.functions,
            bound=tuple(self.equipment.bound),
        )

    def _prepared(self, policy: Policy, board: Board) -> Runtime:
        self.direct.check(policy)
        return self.equipment.runtime(policy, board)


def _facts(runtime: Runtime, request: Request) -> Facts:
    policy = runtime.policy
    now = runtime.host.clock.now()
    return Facts(request, policy.signals, now, runtime.board, policy.live_signals)
