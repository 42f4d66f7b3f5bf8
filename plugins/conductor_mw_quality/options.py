"""What a policy may write below `quality:`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from conductor_mw import Duration

from .layer import Quality
from .purse import Period
from .windows import By

if TYPE_CHECKING:
    from conductor_mw import Agent, Flow, LayerSite, Scorer, Setting

Spec = Annotated[
    str | dict[str, object] | list[object],
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array"}]}),
]
Share = Annotated[float, Field(ge=0, le=1)]
MOST_FLOWS = 1_000


class QualityOptions(BaseModel):
    """What a policy may write below `quality:`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: Spec = Field(description="how an answer is scored, as for `score:` of an agent")
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.05, description="the share of answers that are scored"
    )
    by_run: bool = Field(
        default=False, description="take the share by the run's id and not by chance"
    )
    by: By = Field(default="agent", description="whose scores are watched: of an agent or a rule")
    dollars: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        default=None, description="what scoring may cost in a period, in all processes together"
    )
    every: Period = Field(default="day", description="the period, by UTC's calendar")
    window: Annotated[int, Field(ge=4, le=100_000)] = Field(
        default=200, description="how many of the newest scores are looked at"
    )
    at_least: Annotated[int, Field(ge=2, le=100_000)] = Field(
        default=20, description="how many scores there must be before anything is told"
    )
    alert_below: Share | None = Field(
        default=None, description="tell when the mean of the window is below this"
    )
    alert_drop: Share | None = Field(
        default=None, description="tell when its newer half is worse than the older by this"
    )
    timeout: Duration = Field(default=60.0, description="how long scoring one answer may take")

    def prepare(self, site: LayerSite) -> Prepared:
        """Give the options with their scorer compiled."""
        scorer = site.scorer(self.score, "score")
        for name in sorted(_asked([flow for _, flow in scorer.children])):
            agent = site.agents.get(name)
            if agent is not None and agent.kind == "human":
                site.refuse(
                    f"it would ask {name!r}, and people would score what nobody waits for",
                    "score",
                    mend="score with a model or a worker",
                )
            if agent is not None and self.dollars is not None and _unbounded(agent):
                site.refuse(
                    f"what a score by {name!r} can cost is unknown, and `dollars` limits it",
                    "dollars",
                    mend="write its `price:`, and `max_tokens` below its `parameters:`",
                )
        if self.at_least > self.window:
            site.refuse(f"the window holds only {self.window} scores", "at_least")
        return Prepared(self, scorer)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The options, and the compiled scorer."""

    options: QualityOptions
    scorer: Scorer

    def build(self, setting: Setting) -> Quality:
        """Give the layer."""
        return Quality(self, setting)


def _unbounded(agent: Agent) -> bool:
    price = agent.price
    if price is None:
        return True
    free = not price.input and not price.output
    bounded = agent.max_output_tokens is not None or any(
        name in agent.parameters for name in ("max_tokens", "max_completion_tokens")
    )
    return not free and not bounded


def _asked(flows: Sequence[Flow]) -> set[str]:
    """Give the ids of the agents that flows may ask."""
    agents: set[str] = set()
    waiting = list(flows)
    for _ in range(MOST_FLOWS):
        if not waiting:
            break
        flow = waiting.pop()
        canonical = flow.canonical
        if isinstance(canonical, list | tuple):
            words = cast("Sequence[object]", canonical)
            if len(words) == 2 and words[0] == "agent":
                agents.add(str(words[1]))
        waiting += [below for _, below in flow.children]
    return agents
