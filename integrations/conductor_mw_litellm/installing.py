"""Give an app a policy whose call sites may not change: `install()`, and `uninstall()`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from conductor_mw import Conductor, ConductorError

from .gate import PROVIDER, close_gate, open_gate
from .loading import litellm
from .policies import POLICIES


@dataclass(slots=True)
class _Installed:
    """What `install` changed, so that `uninstall` leaves no trace.

    Attributes:
        name: the policy's name.
        entry: what was put into LiteLLM's `custom_provider_map`.
        aliases: the names that were given to the policy.
        before: what LiteLLM knew of these names before; None where it knew nothing.
    """

    name: str
    entry: dict[str, Any]
    aliases: Mapping[str, str]
    before: Mapping[str, str | None]


_LOCK: Final = threading.Lock()
_INSTALLED: Final[list[_Installed]] = []


def install(
    policy: str | Path | Conductor,
    *,
    aliases: Mapping[str, str] | None = None,
    name: str = "main",
    **options: Any,
) -> Conductor:
    """Let LiteLLM answer `conductor/<name>` with a policy, and other names as well.

    Args:
        policy: the path of the policy file, or a conductor that the app made.
        aliases: model names that the app uses already, each with an agent or a flow of the policy,
            or with the policy's own name, which lets its rules decide.
        name: what the policy is called.
        options: what else `Conductor` takes.

    Raises:
        PolicyError: the policy cannot be used as written.
        ConductorError: it is installed already, or an alias cannot be one.

    Example:
        ```python
        install("conductor.yaml", aliases={"gpt-4o": "main"})
        litellm.completion("gpt-4o", messages)  # the policy decides who answers
        uninstall()
        ```
    """
    from .provider import handler

    host = litellm()
    open_gate()
    with _LOCK:
        if any(one.name == name for one in _INSTALLED):
            raise ConductorError(
                f"a policy {name!r} is installed already", mend="Call uninstall() first."
            )
        given = dict(aliases or {})
        for alias, target in given.items():
            if target != name:
                raise ConductorError(
                    f"the alias {alias!r} names {target!r}, and the policy is called {name!r}",
                    mend=f"Write aliases={{{alias!r}: {name!r}}}, or name=... as the aliases do.",
                )
        made = POLICIES.register(name, policy, **options)
        entry = {"provider": PROVIDER, "custom_handler": handler}
        host.custom_provider_map.append(entry)
        known: dict[str, str] = host.model_alias_map or {}
        before = {alias: known.get(alias) for alias in given}
        host.model_alias_map = {**known, **dict.fromkeys(given, f"{PROVIDER}/{name}")}
        _INSTALLED.append(_Installed(name, entry, given, before))
    return made


def uninstall(name: str | None = None) -> None:
    """Take back what `install` changed.

    Args:
        name: of the policy; every one where left out.
    """
    host = litellm()
    with _LOCK:
        for one in [one for one in _INSTALLED if name in (None, one.name)]:
            _INSTALLED.remove(one)
            POLICIES.unregister(one.name)
            host.custom_provider_map[:] = [
                entry for entry in host.custom_provider_map if entry is not one.entry
            ]
            known = dict(host.model_alias_map or {})
            for alias, was in one.before.items():
                if was is None:
                    known.pop(alias, None)
                else:
                    known[alias] = was
            host.model_alias_map = known
        if not any(entry["provider"] == PROVIDER for entry in host.custom_provider_map):
            close_gate()
