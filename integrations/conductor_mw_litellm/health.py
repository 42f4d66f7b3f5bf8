"""Let the health of a proxy that was started by `litellm --config` tell of its policies."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from conductor_mw import Conductor

from .policies import Policies
from .readiness import Readiness

_SERVER: Final = "litellm.proxy.proxy_server"


class Known(Mapping[str, Conductor]):
    """The policies of the process by name, those that are registered later too."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def __getitem__(self, name: str) -> Conductor:
        return self._policies.of(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies.names)

    def __len__(self) -> int:
        return len(self._policies.names)


def tell_health(policies: Policies) -> None:
    """Let `/health/readiness` say how the policies do; where this process is no proxy, do nothing.

    Raises:
        ConductorError: a policy that the environment names cannot be used, so that the proxy does
            not start with it.
    """
    app: Any = getattr(sys.modules.get(_SERVER), "app", None)
    if app is None:
        return
    known = Known(policies)
    len(known)
    if app.middleware_stack is None:
        app.add_middleware(Readiness, policies=known)
    else:  # it has begun to start: callbacks are loaded while it does
        app.middleware_stack = Readiness(app.middleware_stack, known)
