"""Layers below `plugins:` get option objects of their plugin's class, and an order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ConfigDict

from conductor_mw import RegisterLayer, hookimpl
from conductor_mw.errors import PluginError, PolicyError
from conductor_mw.plugins import Plugins
from conductor_mw.policy import Policy, json_schema, load_text

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = "agents: [{id: a, simulated: x}]\nrouting: {default: a}\n"


@dataclass(frozen=True)
class Bell:
    """Rings."""

    times: int
    tones: list[str] = field(default_factory=lambda: ["c"])

    def __post_init__(self) -> None:
        if self.times > 9:
            raise ValueError("nobody wants to hear that")


class Lock(BaseModel):
    """Locks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = "none"


@dataclass(frozen=True)
class Hidden:
    """Has a field whose type cannot be read."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Shop:
    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        register("bell", Bell, rank=70)
        register("lock", Lock, rank=10)
        register("hidden", Hidden, rank=10)


def shop() -> Plugins:
    plugins = Plugins.core()
    plugins.add(Shop(), "shop")
    return plugins


def compiled(text: str) -> Policy:
    return load_text(HEAD + text, plugins=shop(), env={})


def test_ranks_order_the_layers_and_the_file_does_not() -> None:
    one = compiled("plugins: {bell: {times: 2}, lock: {}}")
    two = compiled("plugins: {lock: {}, bell: {times: 2, tones: [c]}}")

    assert [(use.name, use.options) for use in one.layers] == [
        ("lock", Lock()),
        ("bell", Bell(2)),
    ]
    assert one.layers == two.layers
    assert one.fingerprint == two.fingerprint


def test_a_layer_without_options_may_be_written_bare() -> None:
    assert compiled("plugins: {lock: }").layers[0].options == Lock()


def test_an_order_goes_before_the_ranks() -> None:
    policy = compiled("plugins: {lock: {}, bell: {times: 1}}\norder: [bell, lock]")

    assert [use.name for use in policy.layers] == ["bell", "lock"]
    assert policy.fingerprint != compiled("plugins: {lock: {}, bell: {times: 1}}").fingerprint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "plugins: {bel: {times: 1}}",
            "3:11: plugins: no plugin 'bel'\n  did you mean 'bell'?",
        ),
        (
            "plugins: {bell: {tmes: 1}}",
            "3:18: plugins.bell: no key 'tmes'\n  did you mean 'times'?",
        ),
        ("plugins: {bell: {}}", "3:17: plugins.bell: the key 'times' is missing"),
        (
            "plugins: {bell: {times: '1'}}",
            "3:25: plugins.bell.times: must be a whole number, not '1'",
        ),
        (
            "plugins: {bell: {times: 10}}",
            "3:17: plugins.bell: nobody wants to hear that",
        ),
        ("plugins: {lock: yes}", "3:17: plugins.lock: must be a mapping, not 'yes'"),
        (
            "plugins: {lock: {}, bell: {times: 1}}\norder: [lock]",
            "4:8: order: missing: bell\n  name every plugin, outermost first",
        ),
        (
            "plugins: {lock: {}}\norder: [lock, lock, bell]",
            (
                "4:15: order.1: 'lock' stands here twice\n"
                "4:21: order.2: 'bell' is not below `plugins:`\n  known: lock"
            ),
        ),
    ],
)
def test_a_wrong_option_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        compiled(text)

    assert str(caught.value).replace("<policy>:", "") == said


def test_options_that_cannot_be_read_are_the_plugin_s_fault() -> None:
    with pytest.raises(PluginError) as caught:
        compiled("plugins: {hidden: {}}")

    assert str(caught.value) == (
        "the options Hidden cannot be read: name 'Callable' is not defined\n"
        "  Import the types of its fields outside `if TYPE_CHECKING:`."
    )


def test_the_schema_names_layers_and_their_options() -> None:
    class OnlyBell:
        @hookimpl
        def conductor_layers(self, register: RegisterLayer) -> None:
            register("bell", Bell, rank=70)

    plugins = Plugins.core()
    plugins.add(OnlyBell(), "bell")

    schema = json_schema(plugins)

    assert set(schema["properties"]["plugins"]["properties"]) == {"bell"}
    assert schema["$defs"]["Bell"]["properties"]["times"]["type"] == "integer"
