"""LangChain's own tests of a cache, over every store that answers can lie in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conductor_mw_langchain import ConductorCache
from langchain_core.caches import BaseCache
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from conductor_mw import Conductor

POLICY = """
agents: [{{id: a, simulated: Sure.}}]
routing: {{default: a}}
plugins: {{cache: {{ttl: 1h, scope: shared, store: "{store}"}}}}
"""


@pytest.fixture
def kept(store_address: str) -> Iterator[ConductorCache]:
    store = "memory" if store_address == "memory://" else store_address
    c = Conductor.from_text(POLICY.format(store=store))
    yield ConductorCache(c)
    c.close()


class TestSync(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, kept: ConductorCache) -> BaseCache:
        return kept


class TestAsync(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self, kept: ConductorCache) -> BaseCache:
        return kept
