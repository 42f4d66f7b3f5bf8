"""What agents and rules write under the name of a layer, for example `cache: {ttl: 60s}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from conductor_mw.policy.validation import shown, validate

if TYPE_CHECKING:
    from conductor_mw.plugins import Plugins
    from conductor_mw.policy.draft import Draft
    from conductor_mw.policy.tree import Loc


def own_names(plugins: Plugins) -> frozenset[str]:
    """Give the names of the layers under which agents and rules may write something."""
    return frozenset(name for name, offer in plugins.layers.items() if offer.own is not None)


def own_of_agents(draft: Draft, layer: str) -> Mapping[str, BaseModel]:
    """Give what agents write under a layer's name, by id; findings go to the draft."""
    entries = enumerate(draft.file.agents)
    return dict(_read(draft, layer, ((one.id, ("agents", at), one) for at, one in entries)))


def own_of_rules(draft: Draft, layer: str) -> Mapping[str, BaseModel]:
    """Give what rules write under a layer's name, by id; findings go to the draft."""
    rules = enumerate(draft.file.routing.rules if draft.file.routing else ())
    places = ((one.id or f"#{at}", ("routing", "rules", at), one) for at, one in rules)
    return dict(_read(draft, layer, places))


def check_named(draft: Draft) -> None:
    """Find what is written for layers that the policy does not name below `plugins:`."""
    entries: list[tuple[tuple[str | int, ...], BaseModel]] = [
        (("agents", at), entry) for at, entry in enumerate(draft.file.agents)
    ]
    if draft.file.routing is not None:
        rules = enumerate(draft.file.routing.rules)
        entries += [(("routing", "rules", at), entry) for at, entry in rules]
    own = own_names(draft.plugins) - draft.file.plugins.keys()
    for at, entry in entries:
        for key in sorted(own.intersection(entry.model_extra or ())):
            draft.find(
                (*at, key),
                "unused-layer",
                f"there is no {key!r} below `plugins:`, so nothing reads this",
                f"write `plugins: {{{key}: {{}}}}`",
                key=True,
            )


def _read(
    draft: Draft, layer: str, entries: Iterator[tuple[str, Loc, BaseModel]]
) -> Iterator[tuple[str, BaseModel]]:
    offer = draft.plugins.layers.get(layer)
    model = None if offer is None else offer.own
    if model is None:
        return
    from_value: Any = getattr(model, "from_value", None)
    for name, at, entry in entries:
        extra = entry.model_extra or {}
        if layer not in extra:
            continue
        value: object = extra[layer] if from_value is None else from_value(extra[layer])
        where = (*at, layer)
        if not isinstance(value, dict):
            draft.find(where, "wrong-type", f"must be a mapping, not {shown(value)}")
            continue
        given = cast("dict[str, object]", value)
        found = validate(model, given, draft.positions, draft.findings, where)
        if found is not None:
            yield name, found
