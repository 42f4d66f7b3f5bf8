"""What a policy may write below `guard:`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw import ConductorError, Setting, Signal, nearest

from .analyzers import Analysts, AnalyzerOptions, Bound
from .bounds import bound
from .finder import BUILT_IN, Finder, standard
from .kinds import Family, Kind, compiled
from .layer import Asking, Guard, Plan, Quiet
from .request_limits import Fits, RequestLimits, Schemas
from .signals import SHARED, guard_signals, usual

if TYPE_CHECKING:
    from conductor_mw import LayerSite

Kinds: TypeAlias = bool | tuple[str, ...]
Action: TypeAlias = Literal["refuse", "redact", "flag"]
_MOST_OWN = 1_000
"""Characters that a match of an own pattern may have: a stream waits for as many."""


class OwnPattern(BaseModel):
    """A pattern of the policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Annotated[str, Field(min_length=1, max_length=1_000)] = Field(
        description="a google-re2 pattern; no `*` and `+`: write how often at most"
    )
    kind: Family = Field(default="pii", description="pii, secrets or injection")


class For(BaseModel):
    """Which agents something is done for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agents_without: str = Field(description="those that do not have this label")


class OutputChecks(BaseModel):
    """What is looked for in answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pii: Kinds = Field(default=False, description="kinds of personal data, or true for the usual")
    secrets: Kinds = Field(default=False, description="kinds of secrets, or true for all")
    action: Action = Field(
        default="refuse",
        description="refuse the answer, redact what was found for good, or flag it in an event",
    )
    hold: Literal["window", "answer"] = Field(
        default="window",
        description="how much of a stream waits: what may still be a match, or the whole answer",
    )


class GuardOptions(BaseModel):
    """What is looked for in requests and answers, and what happens then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pii: Kinds = Field(default=True, description="kinds of personal data, or true for the usual")
    secrets: Kinds = Field(default=True, description="kinds of secrets, or true for all")
    injection: Kinds = Field(default=True, description="signs of injections, or true for all")
    patterns: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], OwnPattern] = Field(
        default_factory=dict[str, OwnPattern], description="patterns of your own, by name"
    )
    on_pii: Literal["allow", "refuse", "redact"] = Field(
        default="allow", description="what happens where a request holds personal data"
    )
    on_secrets: Literal["allow", "refuse", "redact"] = Field(
        default="allow", description="what happens where a request holds a secret"
    )
    on_injection: Literal["allow", "refuse"] = Field(
        default="allow", description="what happens where a request shows signs of an injection"
    )
    redact: Kinds = Field(
        default=False,
        description="kinds that become placeholders before a call and return in the answer; "
        "true for those of `pii`",
    )
    redact_for: For | None = Field(
        default=None, description="redact only for these agents; for all where left out"
    )
    output: OutputChecks | None = Field(default=None, description="what is looked for in answers")
    limits: RequestLimits | None = Field(default=None, description="what a request may be")

    schemas: Schemas | None = Field(
        default=None, alias="schema", description="JSON Schemas that a request must fit"
    )
    analyzers: Mapping[str, AnalyzerOptions] = Field(
        default_factory=dict[str, AnalyzerOptions],
        description="presidio, or the app's own, for names and places; by a name of your choice",
    )

    def signals(self) -> Iterable[Signal]:
        """Give the signals over what this policy looks for."""
        try:
            chosen = self._chosen
        except ConductorError:
            return ()  # `prepare` says what is wrong, at its place
        return guard_signals(lambda: self.finder, chosen)

    @property
    def narrowed(self) -> frozenset[str]:
        """The signals that tell less than they do in a policy that does not name the layer."""
        try:
            given = self._chosen
        except ConductorError:
            return frozenset()  # `prepare` says what is wrong, at its place
        # Of two patterns that match the same characters the own one counts.
        hiding = any(one.kind != "injection" for one in self.patterns.values())
        found = {
            f"input.{family}"
            for family, chosen in given.items()
            if (hiding and family != "injection") or not usual(family) <= chosen
        }
        return frozenset({*found, SHARED} if found else ())

    @cached_property
    def finder(self) -> Finder:
        """What finds the built-in kinds and the policy's own."""
        if not self.patterns:
            return standard()
        own = [Kind(name, one.kind, one.match) for name, one in self.patterns.items()]
        return Finder((*own, *BUILT_IN))

    @property
    def _given(self) -> Mapping[Family, Kinds]:
        return {"pii": self.pii, "secrets": self.secrets, "injection": self.injection}

    @property
    def _chosen(self) -> Mapping[Family, frozenset[str]]:
        return {family: self._names(family, given) for family, given in self._given.items()}

    def _names(self, family: Family, given: Kinds) -> frozenset[str]:
        own = frozenset(name for name, one in self.patterns.items() if one.kind == family)
        if isinstance(given, bool):
            return usual(family) | own if given else own
        known = {kind.name for kind in BUILT_IN if kind.family == family} | own
        for name in given:
            if name not in known:
                raise ConductorError(
                    f"no kind of {family} is called {name!r}",
                    mend=nearest(name, known),
                )
        return frozenset(given) | own

    def prepare(self, site: LayerSite) -> Prepared:
        """Compile every pattern, and refuse what cannot be looked for."""
        for name, own in self.patterns.items():
            self._check_own(site, name, own)
        for name, analyzer in self.analyzers.items():
            try:
                analyzer.check()
            except ConductorError as error:
                site.refuse(error.problem, "analyzers", name, mend=error.mend)
        chosen: dict[Family, frozenset[str]] = {}
        for family, given in self._given.items():
            chosen[family] = self._told(site, family, given, family)
        try:
            finder = self.finder
        except ConductorError as error:
            site.refuse(error.problem, mend=error.mend)
        return Prepared(
            Plan(
                finder,
                refuse={
                    "pii": self.on_pii == "refuse",
                    "secrets": self.on_secrets == "refuse",
                    "injection": self.on_injection == "refuse",
                },
                redact=self._redacted(site, chosen),
                unless=None if self.redact_for is None else self.redact_for.agents_without,
                output=self._looked_for(site),
                action="refuse" if self.output is None else self.output.action,
                hold=self.output is not None and self.output.hold == "answer",
                limits=self.limits,
                metadata=self._schema(site, "metadata"),
                text=self._schema(site, "text"),
            ),
            self.analyzers,
        )

    def _schema(self, site: LayerSite, which: Literal["metadata", "text"]) -> Fits | None:
        schema = None if self.schemas is None else getattr(self.schemas, which)
        return None if schema is None else site.schema(schema, "schema", which)

    def _check_own(self, site: LayerSite, name: str, own: OwnPattern) -> None:
        try:
            compiled(own.match)
            longest = bound(own.match).longest
        except ConductorError as error:
            site.refuse(error.problem, "patterns", name, "match", mend=error.mend)
        if not 0 < longest <= _MOST_OWN:
            site.refuse(
                f"a match may have {longest:,} characters; from 1 to {_MOST_OWN:,} are possible",
                "patterns",
                name,
                "match",
            )
        if name in {kind.name for kind in BUILT_IN}:
            site.refuse(f"{name!r} is a built-in kind", "patterns", name, mend="rename it")

    def _told(self, site: LayerSite, family: Family, given: Kinds, *where: str) -> frozenset[str]:
        try:
            return self._names(family, given)
        except ConductorError as error:
            site.refuse(error.problem, *where, mend=error.mend)

    @property
    def _spotted(self) -> frozenset[str]:
        return frozenset(name for one in self.analyzers.values() for name in one.names.values())

    def _redacted(self, site: LayerSite, chosen: Mapping[Family, frozenset[str]]) -> frozenset[str]:
        names: set[str] = set()
        if self.on_pii == "redact" or self.redact is True:
            names |= chosen["pii"] | self._spotted
        if self.on_secrets == "redact":
            names |= chosen["secrets"]
        if not isinstance(self.redact, bool):
            known = {
                *(kind.name for kind in BUILT_IN if kind.family != "injection"),
                *(name for name, own in self.patterns.items() if own.kind != "injection"),
                *self._spotted,
            }
            for name in self.redact:
                if name not in known:
                    problem = f"no kind is called {name!r}"
                    site.refuse(problem, "redact", mend=nearest(name, known))
            names.update(self.redact)
        if self.redact_for is not None and not names:
            site.refuse("nothing is redacted", "redact_for", mend="write `redact: true` too")
        return frozenset(names)

    def _looked_for(self, site: LayerSite) -> frozenset[str]:
        if self.output is None:
            return frozenset()
        names = frozenset[str]()
        looked_for: Mapping[Family, Kinds] = {
            "pii": self.output.pii, "secrets": self.output.secrets
        }  # fmt: skip
        for family, given in looked_for.items():
            if given is not False:
                names |= self._told(site, family, given, "output", family)
        if not names:
            site.refuse("looks for nothing", "output", mend="write `pii:` or `secrets:` below it")
        return names


class Prepared:
    """The guard of a policy, checked and ready to be built."""

    def __init__(self, plan: Plan, analyzers: Mapping[str, AnalyzerOptions]) -> None:
        self.plan = plan
        self.analyzers = analyzers

    def build(self, setting: Setting) -> Guard | Quiet:
        """Give the layer."""
        if not self.analyzers:
            return self.plan.layer()
        bound = setting.shared(("guard", "analyzers"), Bound)
        return Asking(self.plan, Analysts(self.analyzers, bound))
