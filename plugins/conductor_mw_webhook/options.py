"""What a policy may write below `webhook`, and the layer it makes."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from conductor_mw import ConductorError, Duration, Event, LayerSite, Setting

from .outbox import Figures, Outbox, Receiver
from .signing import key_of

_LOG: Final = logging.getLogger(__name__)
_FROM_ENVIRONMENT: Final = re.compile(r"^\$\{env:([A-Za-z_][A-Za-z0-9_]{0,127})\}$")
ALERTS: Final = ("budget.alert", "budget.exhausted", "breaker.opened", "quality.dropped")
EventName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?$")]


class HookOptions(BaseModel):
    """One address and the events that are posted to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(default=None, min_length=1, description="Where events are posted to.")
    events: list[EventName] = Field(
        default=list(ALERTS), min_length=1, max_length=100, description="Which events, by name."
    )
    secret: str | None = Field(
        default=None,
        pattern=_FROM_ENVIRONMENT.pattern,
        description="`${env:NAME}`, what messages are signed with; the secret never stands here.",
    )
    retry: int = Field(default=3, ge=0, le=20, description="How often a message is tried again.")
    timeout: Duration = Field(default=5.0, gt=0, le=60, description="How long one try may take.")

    @field_validator("secret", mode="before")
    @classmethod
    def _only_its_name(cls, value: Any) -> Any:
        # Before the pattern is looked at: that complaint would repeat the secret.
        if value is None or (isinstance(value, str) and _FROM_ENVIRONMENT.match(value)):
            return value
        raise ValueError("a secret must not stand in a policy; write ${env:NAME}")


class WebhookOptions(HookOptions):
    """Posts events to one address, or to several."""

    hooks: list[HookOptions] = Field(
        default=[], max_length=50, description="Several addresses, each with options of its own."
    )
    queue: int = Field(
        default=1_000,
        ge=1,
        le=100_000,
        description="How many messages may wait; further ones are dropped and counted.",
    )

    def prepare(self, site: LayerSite) -> WebhookOptions:
        """Check the addresses.

        Raises:
            PolicyError: there is none, one stands in two forms, or one is not allowed.
        """
        if (self.url is None) == (not self.hooks):
            site.refuse(
                "`url:` and `hooks:` exclude each other" if self.url else "there is no address",
                "url" if self.url else "hooks",
                mend="Write `url: https://...`, or `hooks:` with several.",
            )  # fmt: skip
        if self.url is not None:
            site.address(self.url, "url")
        for position, hook in enumerate(self.hooks):
            if hook.url is None:
                site.refuse("there is no address", "hooks", position, mend="Write `url:`.")
            else:
                site.address(hook.url, "hooks", position, "url")
        return self

    def build(self, setting: Setting) -> Webhook:
        """Give the layer; what waits outlives a reload of the policy.

        Raises:
            ConductorError: a secret is not in the environment.
        """
        layers = {use.name for use in setting.policy.layers}
        receivers: dict[str, list[Receiver]] = {}
        for hook in self.hooks or [self]:
            if hook.url is None:
                continue
            to = Receiver(hook.url, _key(hook.secret), hook.retry, hook.timeout)
            for name in dict.fromkeys(hook.events):
                receivers.setdefault(name, []).append(to)
                layer, dot, _ = name.partition(".")
                if dot and layer not in layers:
                    _LOG.warning("webhook: no layer %r is there to tell %r", layer, name)
        outbox = setting.shared(("webhook", "outbox"), lambda: Outbox(self.queue))
        outbox.most = self.queue
        return Webhook(receivers, outbox)


def _key(secret: str | None) -> bytes | None:
    found = _FROM_ENVIRONMENT.match(secret or "")
    if found is None:
        return None
    value = os.environ.get(found[1], "")
    if not value:
        raise ConductorError(
            f"the environment has no {found[1]}", mend="Set it to the secret of the webhook."
        )
    return key_of(value)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Hands events to the outbox.

    Attributes:
        receivers: who is sent an event, by its name.
        outbox: what waits.
    """

    observes: ClassVar[bool] = True
    """It changes no answer, so it also stands where the policy only observes."""

    receivers: Mapping[str, Sequence[Receiver]]
    outbox: Outbox

    @property
    def hears(self) -> frozenset[str]:
        """The events that somebody is sent."""
        return frozenset(self.receivers)

    @property
    def figures(self) -> Figures:
        """What became of messages so far."""
        return self.outbox.figures

    def told(self, event: Event) -> None:
        """Take an event in."""
        for to in self.receivers.get(event.name, ()):
            self.outbox.put(event, to)
