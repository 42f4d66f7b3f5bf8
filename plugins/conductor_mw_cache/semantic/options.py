"""What a policy may write below `cache.semantic`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw import LayerSite

DEFAULT: Final = "default"
"""Stands for `routing.default`, which has no rule."""


class SemanticOptions(BaseModel):
    """Which routes may be answered by an answer to a similar question, and how similar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    routes: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="The ids of the rules it works for; `default` for the default."
    )
    embedder: str = Field(
        default="local",
        min_length=1,
        description="`local` (MiniLM), `app` (an object of the app), or a LiteLLM embedding model.",
    )
    threshold: Annotated[float, Field(ge=0.5, le=1)] = Field(
        default=0.95, description="The least cosine of two questions."
    )
    mode: Literal["shadow", "serve"] = Field(
        default="shadow", description="`shadow` only tells what it would have answered."
    )
    most: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=10_000, description="The most questions that are remembered for each tenant."
    )

    def check(self, site: LayerSite) -> None:
        """Refuse routes that are not there."""
        for position, route in enumerate(self.routes):
            if route != DEFAULT and route not in site.rules:
                site.refuse(
                    f"no rule {route!r}",
                    "semantic",
                    "routes",
                    position,
                    mend=f"known: {', '.join((*site.rules, DEFAULT))}",
                )
