"""`conductor-mw serve` says what is wrong before anything starts: place, problem, mend, exit 1."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conductor_mw_litellm import serving

from conductor_mw.cli import main
from tests.litellm.serve_command import needs_the_proxy

pytestmark = needs_the_proxy

POLICY = """\
agents: [{id: small, simulated: Hello}]
routing: {default: small}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serving, "serve", _never)
    Path("conductor.yaml").write_text(POLICY)


def _never(*_: object) -> None:
    raise AssertionError("a server was started")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["serve", *arguments, "--port", "0"], prog_name="conductor-mw")


def refused(result: Result) -> str:
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert "starting" not in result.stderr
    return result.stderr


def test_a_policy_that_is_not_there() -> None:
    assert refused(invoke("absent.yaml")) == (
        "absent.yaml: the file cannot be read: No such file or directory\n"
        "  check its path and permissions\n"
    )


def test_a_policy_that_does_not_compile() -> None:
    Path("conductor.yaml").write_text(POLICY.replace("default: small", "default: smal"))

    said = refused(invoke("conductor.yaml"))

    assert said.startswith("conductor.yaml:2:")
    assert "did you mean 'small'?" in said


def test_a_policy_that_the_check_refuses() -> None:
    Path("conductor.yaml").write_text(
        POLICY.replace("default:", "rules: [{condition: 'false', target: small}], default:")
    )

    assert "can never match" in refused(invoke("conductor.yaml"))


def test_a_policy_that_only_observes() -> None:
    Path("conductor.yaml").write_text(POLICY + "mode: observe\n")

    assert "only observes" in refused(invoke("conductor.yaml"))


def test_an_address_that_somebody_else_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", "conductor.yaml", "--port", str(port)])

    assert refused(result) == (
        f"127.0.0.1:{port}: the server cannot have this address: Address already in use\n"
        "  Give another port, or 0 for any that is free: --port 0\n"
    )


@pytest.mark.parametrize("host", ["no host", "a" * 300, "\udc80", ""])
def test_a_host_that_is_none(host: str) -> None:
    said = refused(invoke("conductor.yaml", "--host", host))

    assert said.startswith("there is no address")
    assert "--host 127.0.0.1" in said


@pytest.mark.parametrize("name", ["front desk", "desk*", "a/b", "\x1b[31m", "x" * 101, "-x"])
def test_a_name_that_no_model_can_have(name: str) -> None:
    said = refused(invoke("conductor.yaml", f"--name={name}"))

    assert "cannot be a model's name" in said
    assert "Give another: --name " in said
    assert "\x1b" not in said


@pytest.mark.parametrize("option", ["--reload-every", "--grace"])
def test_a_time_that_is_none(option: str) -> None:
    said = refused(invoke("conductor.yaml", option, "soon"))

    assert said.startswith(f"{option}: 'soon' is not a length of time; write for example")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "litellm.yaml: this is no YAML"),
        ("[]", "litellm.yaml: a configuration of LiteLLM is a mapping"),
        ("model_list: {}", "litellm.yaml: `model_list` must be a list"),
        ("litellm_settings: []", "litellm.yaml: `litellm_settings` must be a mapping"),
        ("general_settings: x", "litellm.yaml: `general_settings` must be a mapping"),
        ("model_list: [{model_name: conductor}]", "litellm.yaml: `model_list` names the model"),
        ("\x00", "litellm.yaml: this is no YAML"),
    ],
)
def test_a_configuration_that_is_none(text: str, problem: str) -> None:
    Path("litellm.yaml").write_text(text)

    assert refused(invoke("conductor.yaml", "--config", "litellm.yaml")).startswith(problem)


def test_a_configuration_that_is_not_there() -> None:
    said = refused(invoke("conductor.yaml", "--config", "absent.yaml"))

    assert said.startswith("absent.yaml: the file cannot be read")


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "NEEDED", ("litellm", "absent_package"))

    assert refused(invoke("conductor.yaml")) == (
        "the LiteLLM proxy needs absent_package, which is not installed\n"
        "  pip install 'conductor-mw[litellm-proxy]'\n"
    )
