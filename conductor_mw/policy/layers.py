"""Compile the layers below `plugins:`: their option objects, and their order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from conductor_mw.agents.base import Agent
from conductor_mw.errors import PluginError, PolicyError
from conductor_mw.plugins import LayerOffer
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.layer_site import OptionsSite
from conductor_mw.policy.own import check_named, own_of_agents, own_of_rules
from conductor_mw.policy.policy import LayerUse
from conductor_mw.policy.site import REQUEST_ONLY, Flows, Told
from conductor_mw.policy.validation import shown, validate
from conductor_mw.signals import Signal
from conductor_mw.signals.paid import Paid


@dataclasses.dataclass(frozen=True, slots=True)
class Around:
    """What layers may know of the policy that names them."""

    agents: Mapping[str, Agent]
    signals: Mapping[str, Signal]
    rules: Sequence[str]
    paid: Mapping[str, Paid]
    environment: str


def read_layers(draft: Draft) -> None:
    """Read the options of every layer into the draft, before anything else is compiled."""
    for name, value in draft.file.plugins.items():
        offer = draft.plugins.layers.get(name)
        if offer is None:
            _unknown(draft, name)
            continue
        options = _options(draft, offer, {} if value is None else value)
        if options is not None:
            draft.layers[name] = LayerUse(name, options, offer.rank, offer.owner, options)


def compile_layers(draft: Draft, flows: Flows, around: Around) -> tuple[LayerUse, ...]:
    """Give the layers, outermost first; findings go to the draft."""
    check_named(draft)
    uses = {name: _prepared(draft, use, flows, around) for name, use in draft.layers.items()}
    return _ordered(draft, uses)


def _prepared(draft: Draft, use: LayerUse, flows: Flows, around: Around) -> LayerUse:
    use = dataclasses.replace(
        use,
        own_of_agents=own_of_agents(draft, use.name),
        own_of_rules=own_of_rules(draft, use.name),
    )
    prepare: Callable[[OptionsSite], object] | None = getattr(use.options, "prepare", None)
    if prepare is None or draft.findings.enough:
        return use
    site = OptionsSite(
        flows,
        ("plugins", use.name),
        REQUEST_ONLY,
        around.agents,
        around.signals,
        around.rules,
        use.own_of_agents,
        use.own_of_rules,
        around.paid,
        around.environment,
    )
    try:
        return dataclasses.replace(use, prepared=prepare(site))
    except Told:
        return use
    except PolicyError as error:
        for one in error.findings:
            draft.findings.add(one.place, one.code, one.problem, one.mend, one.severity)
        return use


def check_store(draft: Draft) -> None:
    """Find out whether anything installed can open the store that the policy names."""
    address = draft.file.store
    scheme = (address or "memory:").partition(":")[0]
    if scheme not in draft.plugins.stores.names:
        mend = Nearest(scheme, draft.plugins.stores.names)
        draft.find(("store",), "unknown-name", f"no kind of store {shown(scheme)}", mend)
    if scheme == "memory":
        _check_people(draft)


def _check_people(draft: Draft) -> None:
    for position, entry in enumerate(draft.file.agents):
        if "human" in (entry.model_extra or {}) and entry.id not in draft.bound:
            draft.find(
                ("agents", position, "human"),
                "gates-in-memory",
                "what these people are asked is kept in memory, where only this process sees it",
                "add `store: sqlite:conductor.db`, or ask in the app: Conductor(..., approvals=)",
                key=True,
                severity="warning",
            )


def _unknown(draft: Draft, name: str) -> None:
    absent = draft.plugins.absent.get(name)
    if absent is not None:
        problem, mend = f"the plugin {name!r} {absent.problem}", absent.mend
        draft.find(("plugins", name), "missing-plugin", problem, mend, key=True)
        return
    near = Nearest(name, draft.plugins.layers.names)
    draft.find(("plugins", name), "unknown-plugin", f"no plugin {shown(name)}", near, key=True)


def _options(draft: Draft, offer: LayerOffer, value: object) -> Any:
    at = ("plugins", offer.name)
    if not isinstance(value, dict):
        draft.find(at, "wrong-type", f"must be a mapping, not {shown(value)}")
        return None
    stated = cast("dict[str, object]", value)
    found = validate(options_model(offer.options), stated, draft.positions, draft.findings, at)
    if found is None or isinstance(found, offer.options):
        return found
    given: dict[str, Any] = {name: getattr(found, name) for name in found.model_fields_set}
    try:
        return offer.options(**given)
    except ValueError as error:
        draft.find(at, "wrong-value", str(error))
        return None


def options_model(options: type[Any]) -> type[BaseModel]:
    """Give the pydantic model of an option class: the class itself, or one made of a dataclass.

    Raises:
        PluginError: its fields cannot be read.
    """
    if issubclass(options, BaseModel):
        return options
    asked: Any = options
    return _model_of_dataclass(asked)


@cache
def _model_of_dataclass(options: Hashable) -> type[BaseModel]:
    assert isinstance(options, type)  # noqa: S101 - hashable is what a cache asks for
    try:
        hints = get_type_hints(options, include_extras=True)
    except NameError as error:
        raise PluginError(
            f"the options {options.__qualname__} cannot be read: {error}",
            mend="Import the types of its fields outside `if TYPE_CHECKING:`.",
        ) from error
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        if not field.init or callable(field.default):
            continue  # a default that can be called is an injected clock or dice, not an option
        default: Any = ...
        if field.default is not dataclasses.MISSING:
            default = field.default
        elif field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        fields[field.name] = (hints[field.name], default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return create_model(options.__name__, __config__=config, __doc__=options.__doc__, **fields)


def _ordered(draft: Draft, uses: dict[str, LayerUse]) -> tuple[LayerUse, ...]:
    order = draft.file.order
    if not order:
        return tuple(sorted(uses.values(), key=lambda use: (use.rank, use.name)))
    good = True
    for position, name in enumerate(order):
        if name not in draft.file.plugins:
            mend = Nearest(name, draft.file.plugins)
            draft.find(
                ("order", position), "unknown-name", f"{shown(name)} is not below `plugins:`", mend
            )
            good = False
        elif name in order[:position]:
            draft.find(("order", position), "duplicate-id", f"{shown(name)} stands here twice")
            good = False
    missing = [name for name in draft.file.plugins if name not in order]
    if missing:
        names = ", ".join(sorted(missing))
        draft.find(
            ("order",), "incomplete", f"missing: {names}", "name every plugin, outermost first"
        )
        good = False
    if not good or len(uses) < len(order):
        return ()
    return tuple(dataclasses.replace(uses[name], rank=rank) for rank, name in enumerate(order))
