"""`valid_json` and `json_schema: {...}`: 1 for an answer that is JSON of the right form, else 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from conductor_mw.flows.output import fault_of

from .base import Score, ScorerOptions
from .free import Free

if TYPE_CHECKING:
    from conductor_mw.flows.base import Site
    from conductor_mw.flows.reply import Reply
    from conductor_mw.json_schema import Schema

    from .base import Scorer


class ValidJsonOptions(ScorerOptions):
    """Scores whether an answer is JSON; one Markdown fence around it is allowed."""

    valid_json: Literal[True] = Field(description="`true`.")

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        return _meets("valid_json", site.schema({}, "valid_json"))


class JsonSchemaOptions(ScorerOptions):
    """Scores whether an answer is JSON that meets a schema."""

    json_schema: dict[str, Any] = Field(description="A JSON Schema of draft 2020-12 or draft 7.")

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        return _meets("json_schema", site.schema(self.json_schema, "json_schema"))


def _meets(label: str, schema: Schema) -> Scorer:
    def look(reply: Reply) -> Score:
        fault = fault_of(reply, schema)
        return Score(0.0 if fault else 1.0, fault and f"it {fault}")

    return Free(label, dict(schema.source), look)
