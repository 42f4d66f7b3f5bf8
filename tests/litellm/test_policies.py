"""A name is looked up among registered policies and those of the environment, never opened."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from conductor_mw_litellm.failing import UnknownPolicyError
from conductor_mw_litellm.policies import Policies

from conductor_mw import Conductor, ConductorError, PolicyError

POLICY = "agents: [{{id: {0}, simulated: {0}}}]\nrouting: {{default: {0}}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(POLICY.format(name))
    (tmp_path / "named.yaml").write_text("workflow: {name: shop}\n" + POLICY.format("named"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(policies: Policies, name: str) -> str:
    return policies.of(name).call("Hello").text


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({}, ()),
        ({"CONDUCTOR_POLICY": "one.yaml"}, ("one",)),
        ({"CONDUCTOR_POLICY": "named.yaml"}, ("shop",)),
        ({"CONDUCTOR_POLICIES": "a=one.yaml, b = two.yaml,"}, ("a", "b")),
        ({"CONDUCTOR_POLICY": "one.yaml", "CONDUCTOR_POLICIES": "b=two.yaml"}, ("b", "one")),
    ],
)
def test_the_environment_names_policies(env: dict[str, str], names: tuple[str, ...]) -> None:
    assert Policies(env).names == names


@pytest.mark.usefixtures("folder")
def test_a_named_file_answers_under_its_name() -> None:
    policies = Policies({"CONDUCTOR_POLICIES": "a=one.yaml,b=two.yaml"})

    assert [said(policies, name) for name in ("a", "b")] == ["one", "two"]
    with pytest.raises(UnknownPolicyError):
        policies.of("main")


@pytest.mark.usefixtures("folder")
def test_the_one_policy_of_the_environment_is_main_unless_another_is() -> None:
    alone = Policies({"CONDUCTOR_POLICY": "named.yaml"})
    beside = Policies({"CONDUCTOR_POLICY": "named.yaml", "CONDUCTOR_POLICIES": "main=two.yaml"})

    assert [said(alone, name) for name in ("shop", "main")] == ["named", "named"]
    assert [said(beside, name) for name in ("shop", "main")] == ["named", "two"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("several", "problem"),
    [
        ("one.yaml", "Write name=path"),
        ("=one.yaml", "Write name=path"),
        ("a=", "Write name=path"),
        ("a=one.yaml,a=two.yaml", "names 'a' twice"),
        ("a=missing.yaml", "missing.yaml"),
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(several: str, problem: str) -> None:
    with pytest.raises(ConductorError, match=problem):
        Policies({"CONDUCTOR_POLICIES": several}).of("a")


def test_a_broken_file_of_the_environment_names_its_place(folder: Path) -> None:
    (folder / "bad.yaml").write_text("agents: 3\n")
    policies = Policies({"CONDUCTOR_POLICY": "bad.yaml"})

    for _ in range(2):  # the second request is told the same
        with pytest.raises(PolicyError, match=r"bad\.yaml"):
            policies.of("main")
    (folder / "bad.yaml").write_text(POLICY.format("mended"))
    assert said(policies, "main") == "mended"


@pytest.mark.usefixtures("folder")
def test_what_is_registered_goes_before_the_environment_and_uncovers_it_again() -> None:
    policies = Policies({"CONDUCTOR_POLICY": "one.yaml"})
    policies.register("main", "two.yaml")
    assert said(policies, "main") == "two"
    assert policies.registered == ("main",)

    policies.unregister("main")
    policies.unregister("main")

    assert said(policies, "main") == "one"


@pytest.mark.usefixtures("folder")
def test_an_environment_that_changes_is_read_again() -> None:
    env = {"CONDUCTOR_POLICY": "one.yaml"}
    policies = Policies(env)
    assert said(policies, "main") == "one"

    env["CONDUCTOR_POLICY"] = "named.yaml"

    assert policies.names == ("shop",)
    with pytest.raises(UnknownPolicyError):
        policies.of("one")


def test_a_registered_file_is_reloaded(folder: Path) -> None:
    policies = Policies({})
    made = policies.register("main", folder / "one.yaml")
    assert said(policies, "main") == "one"

    (folder / "one.yaml").write_text(POLICY.format("new"))
    assert made.reload()

    assert said(policies, "main") == "new"


HOSTILE = ["one.yaml", "./one.yaml", "../one.yaml", "/etc/passwd", "", "\0", "ü" * 10_000, "a\n"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_never_becomes_a_file(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = Policies({})
    policies.register("main", folder / "one.yaml")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UnknownPolicyError) as caught:
        policies.of(name)

    assert len(str(caught.value)) < 500


def test_a_name_that_is_nearly_right_is_told() -> None:
    policies = Policies({})
    policies.register("main", Conductor.from_text(POLICY.format("one")))
    with pytest.raises(UnknownPolicyError, match="did you mean 'main'"):
        policies.of("mian")


@pytest.mark.usefixtures("folder")
def test_many_threads_load_a_file_once() -> None:
    policies = Policies({"CONDUCTOR_POLICY": "one.yaml"})
    found: list[Conductor] = []
    threads = [
        threading.Thread(target=lambda: found.append(policies.of("main"))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(one) for one in found}) == 1
    assert len(found) == 20
