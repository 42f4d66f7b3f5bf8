"""Keep shared state in PostgreSQL.

.. code-block:: yaml

    store: postgresql://conductor@127.0.0.1:5432/conductor
"""

from __future__ import annotations

from conductor_mw import ConductorError, RegisterStore, Store, hookimpl


@hookimpl
def conductor_stores(register: RegisterStore) -> None:
    """Offer stores in PostgreSQL."""
    register("postgresql", _opened)
    register("postgres", _opened)


def _opened(address: str) -> Store:
    try:
        from .store import PostgresStore
    except ImportError as error:
        raise ConductorError(
            f"a store in PostgreSQL needs the package {error.name}",
            mend="pip install 'conductor-mw[postgres]'",
        ) from error
    return PostgresStore.open(address)
