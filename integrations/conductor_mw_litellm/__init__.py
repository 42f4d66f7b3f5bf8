"""A routing policy where an app, a Router or a Proxy calls LiteLLM.

A name is loaded when it is first used: `import conductor_mw_litellm` loads no LiteLLM.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .groups import cooling, through
    from .installing import install, uninstall
    from .policies import register, unregister
    from .provider import ConductorProvider, handler
    from .proxy import proxy_callback
    from .strategy import ConductorStrategy

_HOMES: Final = {
    "ConductorProvider": "provider",
    "ConductorStrategy": "strategy",
    "cooling": "groups",
    "handler": "provider",
    "install": "installing",
    "proxy_callback": "proxy",
    "register": "policies",
    "through": "groups",
    "uninstall": "installing",
    "unregister": "policies",
}

__all__ = [
    "ConductorProvider",
    "ConductorStrategy",
    "cooling",
    "handler",
    "install",
    "proxy_callback",
    "register",
    "through",
    "uninstall",
    "unregister",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
