"""Build the layers that a policy names, once for each policy, outermost first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import PluginError

if TYPE_CHECKING:
    from .attempts import Attempted
    from .onion import Around
    from .run import Run
    from .setting import Setting


@dataclass(frozen=True, slots=True)
class Layers:
    """A policy's layers, as methods to call, outermost first.

    Attributes:
        around_request: around the whole request.
        around_attempt: around every attempt.
        most_calls: the most calls that the layers may make of one attempt.
    """

    around_request: Sequence[Around[Run]]
    around_attempt: Sequence[Around[Attempted]]
    most_calls: int = 1


def build_layers(setting: Setting) -> Layers:
    """Give the layers of a policy.

    Raises:
        PluginError: a layer has neither `around_request` nor `around_attempt`, or its
            `extra_calls` is no whole number from 0.
    """
    requests: list[Any] = []
    attempts: list[Any] = []
    most_calls = 1
    for use in setting.policy.layers:
        layer = _built(use.name, use.options, setting)
        around_request = getattr(layer, "around_request", None)
        around_attempt = getattr(layer, "around_attempt", None)
        if around_request is None and around_attempt is None:
            raise PluginError(
                f"layer {use.name!r} of plugin {use.owner!r} has neither around_request nor "
                "around_attempt",
                mend="Give its option class one of them, or `build(setting)` that gives one.",
            )
        if around_request is not None:
            requests.append(around_request)
        if around_attempt is not None:
            attempts.append(around_attempt)
            most_calls *= 1 + _extra_calls(use.name, layer)
    return Layers(tuple(requests), tuple(attempts), most_calls)


def _extra_calls(name: str, layer: object) -> int:
    extra: object = getattr(layer, "extra_calls", 0)
    if isinstance(extra, int) and not isinstance(extra, bool) and extra >= 0:
        return extra
    raise PluginError(
        f"extra_calls of layer {name!r} is {extra!r}",
        mend="Write how many calls the layer may add to an attempt, a whole number from 0.",
    )


def _built(name: str, options: Any, setting: Setting) -> object:
    build = getattr(options, "build", None)
    if build is None:
        return options
    try:
        return build(setting)
    except OSError as error:
        raise PluginError(f"layer {name!r} cannot be built: {error}") from error
