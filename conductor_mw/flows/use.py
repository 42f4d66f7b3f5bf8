"""`use: x`: a target with a prompt, parameters, limits and gates of the step's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from conductor_mw.agents.base import Agent
from conductor_mw.agents.human import HumanOptions
from conductor_mw.durations import Duration

from .again import Tries, compile_again
from .base import Flow, FlowOptions, Site, Target
from .dressed import Dress, Dressed, Timed
from .gives import sole_agent
from .output import compile_output
from .quality import compile_gate
from .shadow import compile_shadow

PERSON: Final = "human"


class UseOptions(FlowOptions):
    """A target, and what this step changes of it."""

    use: Target = Field(description="An agent or a flow.")
    prompt: str | None = Field(
        default=None,
        description="A template; it takes the conversation's place as its one user message.",
    )
    system: str | None = Field(
        default=None, description="A template; a system prompt put in front of what is asked."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="Set on the request, for example temperature."
    )
    timeout: Duration | None = Field(
        default=None, description="How long the step may take; for a person, the gate's deadline."
    )
    retry: Tries | None = Field(default=None, description="How often the whole step is repeated.")
    accept: str | None = Field(
        default=None,
        description="A condition over `answer.*`; an answer below it is the failure "
        "`low_confidence`.",
    )
    score: Any = Field(default=None, description="How the answer is scored: one scorer or several.")
    output: dict[str, Any] | None = Field(
        default=None, description="A JSON Schema that the answer must meet."
    )
    shadow: Any = Field(
        default=None, description="Who gets the same request afterwards, unseen, to be compared."
    )
    show: str | None = Field(default=None, description="A template; what a person is shown.")
    choices: list[Literal["approve", "reject", "edit"]] | None = Field(
        default=None, min_length=1, description="What a person may do."
    )
    on_timeout: Literal["reject", "approve", "fail"] | None = Field(
        default=None, description="What it means that nobody decided in time."
    )
    quorum: int | None = Field(default=None, ge=1, le=100, description="How many must approve.")

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        return self.compiled(site)

    def compiled(self, site: Site, *where: str | int) -> Flow:
        """Compile the target with everything this step puts around it, inside out.

        Args:
            site: the place of the flow.
            where: where this mapping stands below it.
        """
        flow = site.step(self.use, *where, "use")
        agent = sole_agent(flow)
        self._refuse_misplaced(site, agent, where)
        person = agent is not None and agent.kind == PERSON
        dress = self._dress(site, where, person=person)
        if agent is not None and isinstance(agent.options, HumanOptions):
            _check_terms(agent.options, dress.terms or {}, site, where)
        if not dress.empty:
            flow = Dressed(flow, dress)
        if self.timeout is not None and not person:
            flow = Timed(flow, self.timeout)
        if self.output is not None:
            flow = compile_output(flow, site, self.output, *where)
        if self.score is not None or self.accept is not None:
            flow = compile_gate(flow, site, self.score, self.accept, *where)
        flow = compile_again(flow, self.retry)
        if self.shadow is None:
            return flow
        return compile_shadow(flow, site, self.shadow, *where, "shadow")

    def _dress(self, site: Site, where: tuple[str | int, ...], *, person: bool) -> Dress:
        texts = {
            key: None if text is None else site.template(text, *where, key)
            for key, text in (("prompt", self.prompt), ("system", self.system), ("show", self.show))
        }
        terms: dict[str, object] = {
            "choices": None if self.choices is None else list(self.choices),
            "on_timeout": self.on_timeout,
            "quorum": self.quorum,
            # A person's deadline means what `on_timeout` says, so it must not end the call.
            "timeout": self.timeout if person else None,
        }
        stated = {key: value for key, value in terms.items() if value is not None}
        return Dress(**texts, parameters=self.parameters, terms=stated)

    def _refuse_misplaced(
        self, site: Site, agent: Agent | None, where: tuple[str | int, ...]
    ) -> None:
        # An environment may put a simulated agent or the app's own object in a person's place.
        if agent is not None and agent.kind not in ("model", "worker"):
            return
        for key in ("show", "choices", "on_timeout", "quorum"):
            if getattr(self, key) is not None:
                site.refuse(
                    f"{key!r} is for a step that a person decides",
                    *where,
                    key,
                    mend="use an agent with `human:` here, or leave it out",
                )


def _check_terms(
    people: HumanOptions, terms: Mapping[str, object], site: Site, where: tuple[str | int, ...]
) -> None:
    try:
        people.on_terms(terms)
    except ValueError as error:
        site.refuse(str(error), *where)
