"""Which policy answers `conductor/<name>`: those that were registered, and those the process names.

A name is looked up and never opened: no request can make a file a policy.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any, Final

from conductor_mw import Conductor, ConductorError, nearest

from .failing import UnknownPolicyError
from .guard import check_agents
from .hosting import through_the_proxy

ONE: Final = "CONDUCTOR_POLICY"
"""The environment variable with the path of a policy file: it answers under its own name, and under
`main` where no other policy is called so."""
SEVERAL: Final = "CONDUCTOR_POLICIES"
"""The environment variable with several, as `main=conductor.yaml,batch=batch.yaml`."""
RELOAD: Final = "CONDUCTOR_RELOAD_EVERY"
"""The environment variable with how often such files are looked at for changes, in seconds."""
USUAL_RELOAD: Final = "5"
UNNAMED: Final = "main"
"""What a policy is called where nobody says anything else."""


class Policies:
    """Conductors by name; safe from many threads."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = os.environ if env is None else env
        self._known: dict[str, Conductor] = {}
        self._of_environment: Mapping[str, Conductor] = {}
        self._one: Conductor | None = None
        self._read: tuple[str, str] | None = None
        self._lock = threading.RLock()

    def register(self, name: str, policy: str | Path | Conductor, **options: Any) -> Conductor:
        """Let a policy answer under a name; whatever had it before answers no more.

        Args:
            name: what follows `conductor/`.
            policy: the path of its file, or a conductor that the app made.
            options: what else `Conductor` takes.

        Raises:
            PolicyError: the policy cannot be used as written.
            ConductorError: one of its agents is this policy.
        """
        made = policy if isinstance(policy, Conductor) else Conductor(policy, **options)
        check_agents(made.policy, name)
        with self._lock:
            self._known[name] = made
        return made

    def unregister(self, name: str) -> None:
        """Let nobody answer under a name; it may have been forgotten already."""
        with self._lock:
            self._known.pop(name, None)

    def of(self, name: str) -> Conductor:
        """Give the conductor of a name.

        Raises:
            UnknownPolicyError: there is no such policy.
            PolicyError: the policy that the environment names cannot be used as written.
        """
        found = self._known.get(name)
        if found is not None:
            return found
        with self._lock:
            self._read_environment()
            found = self._known.get(name) or self._of_environment.get(name)
            if found is None and name == UNNAMED:
                found = self._one
            if found is not None:
                return found
            known = {*self._known, *self._of_environment}
        raise UnknownPolicyError(
            f"no policy is called {name[:80]!r}",
            mend=nearest(name, known)
            if known
            else f"Register one: conductor_mw_litellm.register({UNNAMED!r}, 'conductor.yaml'), "
            f"or set {ONE}.",
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, sorted; those of the environment too."""
        with self._lock:
            self._read_environment()
            return tuple(sorted({*self._known, *self._of_environment}))

    @property
    def registered(self) -> tuple[str, ...]:
        """The names that were registered, sorted."""
        with self._lock:
            return tuple(sorted(self._known))

    def _read_environment(self) -> None:
        said = self._env.get(ONE, ""), self._env.get(SEVERAL, "")
        if said == self._read:
            return
        one, several = said
        found: dict[str, Conductor] = {}
        for pair in filter(None, (piece.strip() for piece in several.split(","))):
            name, equals, path = (piece.strip() for piece in pair.partition("="))
            if not (name and equals and path):
                raise ConductorError(
                    f"{SEVERAL} holds {pair[:80]!r}", mend="Write name=path, separated by commas."
                )
            if name in found:
                raise ConductorError(
                    f"{SEVERAL} names {name[:80]!r} twice", mend="Leave one of them out."
                )
            found[name] = self._loaded(path)
        alone: Conductor | None = None
        if one:
            alone = self._loaded(one)
            found.setdefault(alone.policy.name or UNNAMED, alone)
        self._of_environment, self._one, self._read = found, alone, said

    def _loaded(self, path: str) -> Conductor:
        written = self._env.get(RELOAD, "") or USUAL_RELOAD
        try:
            every = float(written)
        except ValueError:
            every = -1.0
        if not 0 <= every < inf:
            raise ConductorError(
                f"{RELOAD} is {written[:80]!r}", mend="Write seconds; 0 never looks again."
            )
        return Conductor(path, connect=through_the_proxy, reload_every=every or None)


POLICIES: Final = Policies()
"""The policies of this process."""

register = POLICIES.register
unregister = POLICIES.unregister
