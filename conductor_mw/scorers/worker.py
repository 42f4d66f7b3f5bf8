"""`worker: https://...`: a service in any language scores the answer, without an agent's entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from conductor_mw.agents.worker import WorkerOptions

from .asked import Asked
from .base import ScorerOptions

if TYPE_CHECKING:
    from conductor_mw.flows.base import Site

    from .base import Scorer


class WorkerScoreOptions(ScorerOptions):
    """A worker gives the score.

    It is an agent like any other, without labels: a guarantee about labels forbids it. One that
    needs labels, a timeout or retries is declared below `agents:` and named with `use:`.
    """

    worker: str | WorkerOptions = Field(
        description="Its address, or `url`, `secret` ... as for an agent."
    )
    scale: float = Field(default=1.0, gt=0, le=1e6, description="The score that counts as 1.")

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        given: object = self.worker
        if isinstance(self.worker, WorkerOptions):
            given = self.worker.model_dump(by_alias=True, exclude_unset=True)
        return Asked("worker", site.worker(given, "worker"), self.scale)
