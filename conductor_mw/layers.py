"""Build the layers that a policy names, once for each policy, outermost first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from .brackets import Bracket
from .errors import PluginError
from .onion import Around, Layering

if TYPE_CHECKING:
    from .attempts import Attempted
    from .events import Event
    from .run import Run
    from .setting import Setting

S = TypeVar("S")
_NO_REQUESTS: Layering[Run] = Layering()
_NO_ATTEMPTS: Layering[Attempted] = Layering()


@dataclass(frozen=True, slots=True)
class Layers:
    """A policy's layers, ready to be entered.

    Attributes:
        named: the layers' objects, by the key below `plugins:`.
        requests: what lies around the whole request.
        attempts: what lies around every attempt.
        hearers: who is told of an event, by its name.
        most_calls: the most calls that the layers may make of one attempt.
        side_calls: the most calls that they may make beside the answer of one request.
    """

    named: Mapping[str, object] = field(default_factory=dict[str, object])
    requests: Layering[Run] = _NO_REQUESTS
    attempts: Layering[Attempted] = _NO_ATTEMPTS
    hearers: Mapping[str, Sequence[Callable[[Event], None]]] = field(
        default_factory=dict[str, "Sequence[Callable[[Event], None]]"]
    )
    most_calls: int = 1
    side_calls: int = 0

    def observing(self) -> Layers:
        """Give the layers that also stand where the policy only observes."""
        return layered({name: one for name, one in self.named.items() if _observes(one)})

    def attending(self) -> Layers:
        """Give the layers that also stand around a call that the app makes itself."""
        return layered({name: one for name, one in self.named.items() if not _answers(one)})

    def close(self) -> None:
        """Let every layer flush and let go, outermost first; raise the first error at the end."""
        first: Exception | None = None
        for layer in self.named.values():
            close = getattr(layer, "close", None)
            if close is not None:
                try:
                    close()
                except Exception as error:  # noqa: BLE001 - raised below, after the others closed
                    first = first or error
        if first is not None:
            raise first


def build_layers(setting: Setting) -> Layers:
    """Give the layers of a policy.

    Raises:
        PluginError: a layer does nothing, half of a pair is missing, or its `extra_calls` or
            `side_calls` is no whole number from 0.
    """
    named: dict[str, object] = {}
    for use in setting.policy.layers:
        layer = named[use.name] = _built(use.name, use.prepared, setting)
        if not any(getattr(layer, name, None) is not None for name in _DOES):
            raise PluginError(
                f"layer {use.name!r} of plugin {use.owner!r} has none of {', '.join(_DOES)}",
                mend="Give its option class one of them, or `build(setting)` that gives one.",
            )
    return layered(named)


def layered(named: Mapping[str, Any]) -> Layers:
    """Give layers, outermost first, ready to be entered.

    Raises:
        PluginError: as for `build_layers`.
    """
    requests: list[Around[Run] | Bracket[Run]] = []
    attempts: list[Around[Attempted] | Bracket[Attempted]] = []
    hearers: dict[str, tuple[Callable[[Event], None], ...]] = {}
    most_calls, side_calls = 1, 0
    for name, layer in named.items():
        requests += _Halves[Any](name, layer, "request").found
        attempts += _Halves[Any](name, layer, "attempt").found
        most_calls *= 1 + _whole(name, layer, "extra_calls")
        side_calls += _whole(name, layer, "side_calls")
        for event in sorted(getattr(layer, "hears", ())):
            hearers[event] = (*hearers.get(event, ()), layer.told)
    return Layers(
        named,
        Layering["Run"].of(requests).closed,
        Layering["Attempted"].of(attempts),
        hearers,
        most_calls,
        side_calls,
    )


_DOES = ("around_request", "around_attempt", "begin_request", "begin_attempt", "hears")


class _Halves(Generic[S]):
    """What a layer does around one sort of subject: a generator, a bracket, or both."""

    def __init__(self, name: str, layer: object, sort: str) -> None:
        self.found: list[Around[S] | Bracket[S]] = []
        begin, end = (getattr(layer, f"{half}_{sort}", None) for half in ("begin", "end"))
        if (begin is None) != (end is None):
            raise PluginError(
                f"layer {name!r} has one of begin_{sort} and end_{sort}",
                mend="Give it both: what begins must end.",
            )
        if begin is not None and end is not None:
            self.found.append(Bracket(begin, end))
        around = getattr(layer, f"around_{sort}", None)
        if around is not None:
            self.found.append(cast("Around[S]", around))


def _observes(layer: object) -> bool:
    return getattr(layer, "observes", False) is True


def _answers(layer: object) -> bool:
    return getattr(layer, "answers", False) is True


def _whole(name: str, layer: object, attribute: str) -> int:
    extra: object = getattr(layer, attribute, 0)
    if isinstance(extra, int) and not isinstance(extra, bool) and extra >= 0:
        return extra
    calls = "an attempt" if attribute == "extra_calls" else "a request"
    raise PluginError(
        f"{attribute} of layer {name!r} is {extra!r}",
        mend=f"Write how many calls the layer may add to {calls}, a whole number from 0.",
    )


def _built(name: str, options: Any, setting: Setting) -> object:
    build = getattr(options, "build", None)
    if build is None:
        return options
    try:
        return build(setting)
    except OSError as error:
        raise PluginError(f"layer {name!r} cannot be built: {error}") from error
