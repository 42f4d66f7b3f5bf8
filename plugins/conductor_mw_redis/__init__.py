"""Keep shared state in Redis.

.. code-block:: yaml

    store: redis://127.0.0.1:6379/0
"""

from __future__ import annotations

from conductor_mw import ConductorError, RegisterStore, Store, hookimpl


@hookimpl
def conductor_stores(register: RegisterStore) -> None:
    """Offer stores in Redis, with and without TLS."""
    register("redis", _opened)
    register("rediss", _opened)


def _opened(address: str) -> Store:
    try:
        from .store import RedisStore
    except ImportError as error:
        raise ConductorError(
            f"a store in Redis needs the package {error.name}",
            mend="pip install 'conductor-mw[redis]'",
        ) from error
    return RedisStore.open(address)
