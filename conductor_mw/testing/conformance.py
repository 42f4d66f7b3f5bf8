"""What every layer must hold: subclass it in your tests and pytest runs the whole suite."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from conductor_mw.conductor import Conductor
from conductor_mw.plugins import Plugins

from .scripted import Scripted, VirtualClock
from .ways import STREAMS, WAYS, Way, ask, read_one


class LayerConformance:
    """The conformance suite for layers.

    Example:
        class TestQuietHours(LayerConformance):
            plugin = conductor_mw_quiet_hours
            layer = "quiet_hours"
            options = {"after": 22}

    Attributes:
        plugin: the module or object with the hook implementations, or None if it is installed.
        layer: the name below `plugins:`.
        options: what a policy writes below that name. They must let an ordinary request through.
    """

    plugin: ClassVar[object] = None
    layer: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    def conductor(self, agent: object) -> Conductor:
        """Give a conductor with this layer around one agent."""
        if self.plugin is None:
            plugins = Plugins.installed()
        else:
            plugins = Plugins.core()
            plugins.add(self.plugin, f"{self.layer} under test")
        text = json.dumps(
            {
                "agents": [{"id": "agent"}],
                "routing": {"default": "agent"},
                "plugins": {self.layer: self.options},
            }
        )
        return Conductor.from_text(
            text, agents={"agent": agent}, plugins=plugins, clock=VirtualClock(), seed=1
        )

    @pytest.mark.parametrize("way", WAYS)
    def test_an_answer_passes_unchanged(self, way: Way) -> None:
        """What the agent says is what the caller gets, in all four ways."""
        conductor = self.conductor(Scripted("one ", "two ", "three"))

        answer = ask(conductor, "hello", way=way)

        assert answer.text == "one two three"
        assert answer.usage.output_tokens == 5

    @pytest.mark.parametrize("way", WAYS)
    def test_an_error_passes_unchanged(self, way: Way) -> None:
        """A fault of the agent reaches the caller as it was raised."""
        fault = LookupError("the agent's own fault")
        conductor = self.conductor(Scripted(fault))

        with pytest.raises(LookupError) as caught:
            ask(conductor, "hello", way=way)

        assert caught.value is fault

    @pytest.mark.parametrize("way", STREAMS)
    def test_a_caller_may_stop_early(self, way: Way) -> None:
        """A caller that reads one part only leaves nothing open."""
        agent = Scripted("one ", "two ", "three")
        conductor = self.conductor(agent)

        part = read_one(conductor, "hello", way=way)

        assert part.text == "one "
        assert agent.closed == 1

    @pytest.mark.parametrize("way", WAYS)
    def test_calls_share_nothing(self, way: Way) -> None:
        """A second call gets its own answer, also right after one that failed."""
        conductor = self.conductor(Scripted(LookupError("once"), takes=[["second"], ["third"]]))

        with pytest.raises(LookupError):
            ask(conductor, "first question", way=way)
        texts = [ask(conductor, f"question {n}", way=way).text for n in range(2)]

        assert texts == ["second", "third"]

    @pytest.mark.parametrize("way", STREAMS)
    def test_parts_arrive_one_by_one(self, way: Way) -> None:
        """A layer does not hold a stream back until it is complete."""
        conductor = self.conductor(Scripted("one ", RuntimeError("after the first part")))

        part = read_one(conductor, "hello", way=way)

        assert part.text == "one "
