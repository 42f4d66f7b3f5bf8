"""Plugins: found, named, refused when misspelt, and told about when they cannot load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distribution

import click
import pytest

from conductor_mw import (
    Attempted,
    Conductor,
    ConductorError,
    Event,
    Failure,
    Part,
    Parts,
    PluginError,
    Plugins,
    PolicyError,
    RegisterAgent,
    RegisterFlow,
    RegisterLayer,
    RegisterSignal,
    RegisterStore,
    Run,
    Setting,
    Signal,
    hookimpl,
)
from conductor_mw.rules.types import INT
from conductor_mw.signals import AgentState, Facts
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import ONE
from tests.plugin_kinds import Backwards, Echo


@dataclass(frozen=True, kw_only=True)
class Shout:
    """A layer whose options are its fields."""

    mark: str = "!"

    async def around_attempt(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> Parts:
        async for part in proceed(attempt):
            yield part
        yield Part(self.mark)


class Shouting:
    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        register("shout", Shout, rank=90)
        register("shout_more", Shout, rank=10)


def conductor(text: str, *plugins: object, **agents: object) -> Conductor:
    registry = Plugins.core()
    for number, plugin in enumerate(plugins):
        registry.add(plugin, f"plugin {number}")
    return Conductor.from_text(text, plugins=registry, agents=agents)


@pytest.mark.parametrize("way", WAYS)
def test_a_layers_options_come_from_the_policy(way: Way) -> None:
    c = conductor(ONE + "plugins: {shout: {mark: '?'}}", Shouting(), a=Scripted("hello"))

    assert ask(c, "x", way=way).text == "hello?"


def test_layers_lie_by_rank_whatever_the_order_of_keys() -> None:
    text = ONE + "plugins: {shout: {mark: inner}, shout_more: {mark: outer}}"
    c = conductor(text, Shouting(), a=Scripted("-"))

    assert c.call("x").text == "-innerouter"


def test_a_policy_may_order_its_layers() -> None:
    text = (
        ONE
        + "plugins: {shout: {mark: first}, shout_more: {mark: second}}\norder: [shout, shout_more]"
    )
    c = conductor(text, Shouting(), a=Scripted("-"))

    assert c.call("x").text == "-secondfirst"


def test_a_misspelt_layer_is_answered_with_the_nearest() -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(ONE + "plugins: {shuot: {}}", Shouting(), a=Scripted("x"))

    assert "did you mean 'shout'?" in str(caught.value)


def test_a_misspelt_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(ONE + "plugins: {shout: {mrak: x}}", Shouting(), a=Scripted("x"))

    assert "did you mean 'mark'?" in str(caught.value)


def test_a_misspelt_hook_is_refused() -> None:
    class Typo:
        @hookimpl
        def conductor_layer(self) -> None: ...

    with pytest.raises(PluginError) as caught:
        Plugins.core().add(Typo(), "typo")

    assert "unknown hook 'conductor_layer'" in str(caught.value)
    assert caught.value.mend == "did you mean 'conductor_layers'?"


def test_a_hook_with_a_wrong_argument_is_refused() -> None:
    class Wrong:
        @hookimpl
        def conductor_event(self, evnt: Event) -> None: ...

    with pytest.raises(PluginError, match="evnt"):
        Plugins.core().add(Wrong(), "wrong")


def test_a_name_that_is_taken_tells_both_owners() -> None:
    plugins = Plugins.core()
    plugins.add(Shouting(), "one")

    with pytest.raises(PluginError) as caught:
        plugins.add(Shouting(), "other")

    assert str(caught.value) == (
        "layer 'shout' is offered twice: by one and other\n  Uninstall one of them."
    )


def test_a_plugin_that_is_registered_already_is_refused() -> None:
    plugins, plugin = Plugins.core(), Shouting()
    plugins.add(plugin, "one")

    with pytest.raises(PluginError) as caught:
        plugins.add(plugin, "other")

    assert str(caught.value) == "plugin 'other' is registered already\n  Register it once."


def test_a_layer_that_does_nothing_is_refused() -> None:
    class Idle:
        @hookimpl
        def conductor_layers(self, register: RegisterLayer) -> None:
            register("idle", dataclass(type("Options", (), {})), rank=1)

    with pytest.raises(PluginError, match="has none of around_request"):
        conductor(ONE + "plugins: {idle: {}}", Idle(), a=Scripted("x"))


def only(entry: EntryPoint) -> Callable[..., list[EntryPoint]]:
    def entry_points(group: str) -> list[EntryPoint]:
        assert group == "conductor_mw"
        return [entry]

    return entry_points


def test_a_plugin_whose_library_is_missing_names_the_pip_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Entry(EntryPoint):
        def load(self) -> object:
            raise ModuleNotFoundError("No module named 'cachetools'", name="cachetools")

    entry = Entry("litellm", "conductor_mw_nowhere", "conductor_mw")
    vars(entry)["dist"] = distribution("conductor-mw")
    monkeypatch.setattr("conductor_mw.plugins.entry_points", only(entry))

    absent = Plugins.installed().absent["litellm"]

    assert (absent.problem, absent.mend) == (
        "needs 'cachetools'",
        "pip install 'conductor-mw[litellm]'",
    )


def test_a_plugin_that_is_broken_is_not_taken_for_a_missing_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Entry(EntryPoint):
        def load(self) -> object:
            raise SyntaxError("a bug of the plugin")

    entry = Entry("broken", "conductor_mw_nowhere", "conductor_mw")
    monkeypatch.setattr("conductor_mw.plugins.entry_points", only(entry))

    with pytest.raises(SyntaxError):
        Plugins.installed()


def test_a_signal_of_a_plugin_can_be_read_by_a_rule() -> None:
    class Words:
        @hookimpl
        def conductor_signals(self, register: RegisterSignal) -> None:
            def words(facts: Facts) -> object:
                return len(facts.request.text.split())

            register(Signal("words.count", INT, words))

    text = "agents: [{id: a}]\nrouting: {rules: [{condition: 'words.count > 2', target: a}]}\n"
    c = conductor(text, Words(), a=Scripted("x"))

    assert [c.decide(prompt).rule for prompt in ("one two", "one two three")] == [None, "#0"]


def test_a_flow_and_a_kind_of_agent_of_a_plugin_can_be_named() -> None:
    class Offers:
        @hookimpl
        def conductor_flows(self, register: RegisterFlow) -> None:
            register("backwards", Backwards)

        @hookimpl
        def conductor_agents(self, register: RegisterAgent) -> None:
            register("echo", Echo)

    text = "agents: [{id: a, echo: {times: 2}}]\nrouting: {default: {backwards: a}}\n"

    assert conductor(text, Offers()).call("abc").text == "cbacba"


def test_a_store_of_a_plugin_is_opened_once_and_given_to_layers() -> None:
    opened: list[str] = []

    @dataclass(frozen=True)
    class Counting:
        def build(self, setting: Setting) -> object:
            store = setting.store()

            async def around(run: Run, proceed: Callable[[Run], Parts]) -> Parts:
                total = store.add("calls", "all", 1, now=0.0)
                async for part in proceed(run):
                    yield part
                yield Part(f" #{total}")

            return type("Layer", (), {"around_request": staticmethod(around)})()

    class Shelf:
        @hookimpl
        def conductor_stores(self, register: RegisterStore) -> None:
            def open_shelf(address: str) -> MemoryStore:
                opened.append(address)
                return MemoryStore()

            register("shelf", open_shelf)

        @hookimpl
        def conductor_layers(self, register: RegisterLayer) -> None:
            register("counting", Counting, rank=1)

    c = conductor(ONE + "plugins: {counting: {}}\nstore: shelf:top", Shelf(), a=Scripted("x"))

    assert [c.call("hello").text for _ in range(2)] == ["x #1", "x #2"]
    assert opened == ["shelf:top"]


def test_a_plugin_may_add_a_command() -> None:
    class Greets:
        @hookimpl
        def conductor_commands(self, group: click.Group) -> None:
            group.command("hello")(lambda: None)

    plugins, group = Plugins.core(), click.Group("conductor-mw")
    plugins.add(Greets(), "greets")

    plugins.add_commands(group)

    assert list(group.commands) == ["hello"]


def test_an_observer_that_fails_is_not_silent() -> None:
    class Broken:
        @hookimpl
        def conductor_event(self, event: Event) -> None:
            raise OSError(f"cannot write {event.name}")

    with pytest.raises(OSError, match="cannot write run_started"):
        conductor(ONE, Broken(), a=Scripted("x")).call("hello")


def test_live_signals_read_what_a_layer_tells() -> None:
    @dataclass(frozen=True)
    class Watching:
        def build(self, setting: Setting) -> object:
            setting.board.watch_agents(lambda agent: AgentState(open=agent == "a"))

            async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
                if setting.board.agent(attempt.agent.id).open:
                    raise Failure("circuit_open")
                async for part in proceed(attempt):
                    yield part

            return type("Layer", (), {"around_attempt": staticmethod(around)})()

    class Watch:
        @hookimpl
        def conductor_layers(self, register: RegisterLayer) -> None:
            register("watching", Watching, rank=50)

    text = """
agents: [{id: a}, {id: b}]
routing: {rules: [{condition: agents.a.open, target: b}], default: a}
plugins: {watching: {}}
"""
    c = conductor(text, Watch(), a=Scripted("a"), b=Scripted("b"))

    answer = c.call("hello")

    assert (answer.text, answer.decision.signals) == ("b", {"agents.a.open": True})


def test_a_conductor_says_how_plugins_are_passed() -> None:
    with pytest.raises(ConductorError) as caught:
        Conductor.from_text(ONE, plugins=[object()])

    assert str(caught.value) == (
        "plugins: must be a Plugins, not list\n"
        "  write plugins = Plugins.installed(), then plugins.add(plugin, name) for each"
    )


def test_a_text_where_a_file_is_expected_is_told_as_such() -> None:
    with pytest.raises(ConductorError) as caught:
        Conductor(ONE)

    assert str(caught.value) == (
        "the path of a policy's file was expected, not its text\n"
        "  for a text write Conductor.from_text(...) or load_text(...)"
    )
