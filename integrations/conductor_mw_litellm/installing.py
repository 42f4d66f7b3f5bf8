"""Give an app a policy whose call sites may not change: `install()`, and `uninstall()`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from conductor_mw import Conductor, ConductorError

from .gate import PROVIDER
from .guard import check_agents
from .loading import litellm
from .policies import POLICIES

_LISTS: Final = ("provider_list", "_custom_providers")
"""Where LiteLLM notes a custom provider at the first call that follows, and leaves it."""


@dataclass(slots=True)
class _Installed:
    """What `install` changed, so that `uninstall` leaves no trace.

    Attributes:
        name: the policy's name.
        provider: what answers for it.
        entry: what was put into LiteLLM's `custom_provider_map`.
        aliases: the names that were given to the policy.
        noted: in which of LiteLLM's lists the provider stood before the first of them.
    """

    name: str
    provider: Any
    entry: dict[str, Any]
    aliases: tuple[str, ...]
    noted: tuple[str, ...]


_LOCK: Final = threading.Lock()
_INSTALLED: Final[list[_Installed]] = []


def install(
    policy: str | Path | Conductor,
    *,
    aliases: Mapping[str, str] | None = None,
    name: str = "main",
    **options: Any,
) -> Conductor:
    """Let LiteLLM answer `conductor/<name>` with a policy, and the app's own model names as well.

    `completion` and `acompletion` follow an alias, streamed or not, however they were imported, and
    so do `text_completion`, `batch_completion` and a Router's deployment of that model.
    `responses`, `aresponses` and `anthropic.messages` do not: let these name `conductor/<name>`.

    What a call says about its provider (`api_key`, `api_base`, `extra_headers`) is not used where
    a policy answers: the policy says where its agents are reached, and with which keys.

    Args:
        policy: the path of the policy file, or a conductor that the app made.
        aliases: model names that the app uses already, each with the policy's name.
        name: what the policy is called.
        options: what else `Conductor` takes.

    Returns:
        The conductor that answers.

    Raises:
        PolicyError: the policy cannot be used as written.
        ConductorError: the name is taken, or an alias cannot be one.

    Example:
        ```python
        install("conductor.yaml", aliases={"gpt-4o": "main"})
        litellm.completion("gpt-4o", messages)  # the policy decides who answers
        uninstall()
        ```
    """
    from .provider import ConductorProvider

    host: Any = litellm()
    given = tuple(aliases or ())
    with _LOCK:
        if name in POLICIES.registered:
            raise ConductorError(
                f"a policy is called {name!r} already",
                mend=f"Call uninstall({name!r}) or unregister({name!r}) first, or write name=...",
            )
        for alias, target in (aliases or {}).items():
            _check_alias(host, alias, target, name)
        made = policy if isinstance(policy, Conductor) else Conductor(policy, **options)
        check_agents(made.policy, name, given)
        POLICIES.register(name, made)
        provider = ConductorProvider()
        entry = {"provider": PROVIDER, "custom_handler": provider}
        noted = (
            _INSTALLED[0].noted
            if _INSTALLED
            else tuple(one for one in _LISTS if PROVIDER in getattr(host, one))
        )
        _INSTALLED.append(_Installed(name, provider, entry, given, noted))
        host.custom_provider_map.append(entry)
        if host.model_alias_map is None:
            host.model_alias_map = {}
        _aliases(host).update(dict.fromkeys(given, f"{PROVIDER}/{name}"))
    return made


def uninstall(name: str | None = None) -> None:
    """Take back what `install` changed.

    Args:
        name: of the policy; every one where left out.
    """
    host = litellm()
    with _LOCK:
        for one in [one for one in reversed(_INSTALLED) if name in (None, one.name)]:
            _INSTALLED.remove(one)
            for alias in one.aliases:
                if _aliases(host).get(alias) == f"{PROVIDER}/{one.name}":
                    del host.model_alias_map[alias]
            host.custom_provider_map[:] = [
                entry for entry in host.custom_provider_map if entry is not one.entry
            ]
            one.provider.close()
            POLICIES.unregister(one.name)
            _forget_provider(host, one.noted)


def _aliases(host: Any) -> dict[str, str]:
    found: dict[str, str] | None = host.model_alias_map
    return {} if found is None else found


def _check_alias(host: Any, alias: str, target: str, name: str) -> None:
    if target != name:
        raise ConductorError(
            f"the alias {alias!r} names {target!r}, and the policy is called {name!r}",
            mend=f"Write aliases={{{alias!r}: {name!r}}}, or name={target!r}.",
        )
    led = _aliases(host).get(alias)
    if led is not None:
        raise ConductorError(
            f"`litellm.model_alias_map` leads {alias!r} to {led!r} already",
            mend="Choose another alias, or take that one out first.",
        )
    try:
        host.get_llm_provider(alias)
    except host.exceptions.BadRequestError:
        raise ConductorError(
            f"LiteLLM knows no provider of the alias {alias!r}, and its async calls look for one "
            f"before they follow an alias",
            mend=f"Write a model's name that LiteLLM knows, or one with its provider: "
            f"'openai/{alias}'.",
        ) from None


def _forget_provider(host: Any, noted: tuple[str, ...]) -> None:
    if any(entry["provider"] == PROVIDER for entry in host.custom_provider_map):
        return
    for one in _LISTS:
        found: list[Any] = getattr(host, one)
        if one not in noted and PROVIDER in found:
            found.remove(PROVIDER)
