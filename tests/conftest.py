"""How many examples hypothesis tries, and servers that tests share.

That no test leaves this machine stands in pyproject.toml.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.services import postgres_address, redis_address, shared_store, store_address

__all__ = ["postgres_address", "redis_address", "shared_store", "store_address"]

# Coverage, CI machines and a second core at work make examples slow without making them wrong.
_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("short", _UNHURRIED, max_examples=50)
settings.register_profile("ci", _UNHURRIED, max_examples=50, derandomize=True)
settings.register_profile("long", _UNHURRIED, max_examples=5_000)
_LONG = os.environ.get("CONDUCTOR_LONG") == "1"
settings.load_profile("long" if _LONG else "ci" if os.environ.get("CI") else "short")
