"""What makes a compiled policy ready to run: plugins, the app's objects, clock, chance, stores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from .audience import Audience
from .connect import adapted, connect_agents
from .drivers import Background, Host
from .errors import ConductorError, nearest
from .gates import keeping
from .layers import build_layers
from .observe import APP, observed_policy, observing
from .rollout import Versions
from .runtime import Runtime
from .setting import Setting, Shared

if TYPE_CHECKING:
    from random import Random

    from .clock import Clock
    from .commitment import Commitments
    from .connect import Connect
    from .gates import Approvals
    from .live import Board
    from .plugins import Plugins
    from .policy import Policy
    from .stores.base import Store

_DEFAULT_STORE: Final = "memory://"


@dataclass(slots=True, kw_only=True)
class Equipment:
    """Everything beside the policy that a conductor works with; it outlives every reload.

    Attributes:
        plugins: the registries.
        bound: the app's objects, by agent id.
        app: the app's own model, for a policy that only observes; None where there is none.
        simulate: whether unbound agents are simulated.
        clock: what time it is.
        dice: where chance comes from.
        commitments: make what records hold instead of the user's text.
        approvals: the app's own way to ask people, or None.
        connect: the app's own way to reach an agent that nothing is bound to, or None.
        background: the work that nobody waits for.
        shared: what layers keep over a reload of the policy.
    """

    plugins: Plugins
    bound: Mapping[str, object]
    app: object
    simulate: bool
    clock: Clock
    dice: Random
    commitments: Commitments
    approvals: Approvals | None
    connect: Connect | None = None
    background: Background = field(default_factory=Background)
    shared: Shared = field(default_factory=Shared)
    _stores: dict[str, Store] = field(default_factory=dict[str, "Store"])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def runtime(self, policy: Policy, board: Board) -> Runtime:
        """Give a policy ready to run.

        Args:
            policy: the compiled policy.
            board: the board of the policy before; calls in flight are counted on.

        Raises:
            ConductorError: an object is bound to an unknown agent, or cannot answer for one.
        """
        rollout = policy.rollout
        self._check_bound(policy)
        if rollout is None:
            return self._one(policy, board)
        versions = Versions(rollout, self.dice)
        current = self._one(policy, board, versions.watching(versions.current))
        versions.runtime = self._one(rollout.policy, current.board, versions.watching(versions.new))
        return replace(current, versions=versions)

    def close(self) -> None:
        """Close what layers keep, and then the stores."""
        self.shared.close()
        with self._lock:
            while self._stores:
                self._stores.popitem()[1].close()

    def _check_bound(self, policy: Policy) -> None:
        known = {*policy.agents, *(policy.rollout.policy.agents if policy.rollout else ())}
        for name in self.bound:
            if name not in known:
                raise ConductorError(
                    f"an object is bound to {name!r}, which is no agent of the policy",
                    where=policy.name,
                    mend=nearest(name, known),
                )

    def _one(self, policy: Policy, board: Board, *outermost: Callable[..., Any]) -> Runtime:
        board = board.successor()
        audience = Audience(self.clock, self.plugins.observers())
        setting = Setting(
            policy,
            self.clock,
            board,
            lambda address=None, /: self._store(address or policy.store),
            self.approvals,
            self.shared,
            audience.tell,
            self.commitments,
            self.dice,
            self.bound,
        )
        speakers = connect_agents(
            setting, self.plugins, self.bound, self.connect, simulate=self.simulate
        )
        layers = build_layers(setting)
        audience.admit(layers.hearers)
        kept = keeping(self.approvals, policy)
        runtime = Runtime(
            policy,
            Host(policy.agents, speakers, self.clock, self.dice, self.background),
            board,
            replace(
                layers,
                requests=layers.requests.inside(*outermost),
                attempts=layers.attempts.inside(*kept),
            ),
            audience,
            self.commitments,
            leaves=bool(kept),
        )
        if policy.mode != "observe" or self.app is None:
            return runtime
        seen = observed_policy(policy)
        standing = layers.observing()
        speaking = {**speakers, APP: adapted(seen.agents[APP], self.plugins, self.app)}
        host = replace(runtime.host, agents=seen.agents, speakers=speaking)
        observed = replace(
            runtime,
            policy=seen,
            host=host,
            # A budget must not refuse the app's own call, nor a cache answer it; records stay.
            layers=replace(standing, requests=standing.requests.inside(*outermost)),
            innermost=observing(policy),
        )
        return replace(runtime, observed=observed)

    def _store(self, address: str | None) -> Store:
        address = address or _DEFAULT_STORE
        with self._lock:
            if address not in self._stores:
                scheme = address.partition(":")[0]
                factory = self.plugins.stores.get(scheme)
                if factory is None:
                    mend = self.plugins.stores.nearest(scheme)
                    raise ConductorError(f"no store for {address!r}", mend=mend)
                self._stores[address] = factory(address)
            return self._stores[address]
