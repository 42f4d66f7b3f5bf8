"""The example of a stranger's plugin installs, loads and passes its tests, the host unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "third_party"

LOADS = """
import json
from conductor_mw import Conductor
from conductor_mw.testing import Scripted, VirtualClock
from conductor_mw.plugins import installed

found = next(plugin for plugin in installed().listing() if plugin.name == "quiet_hours")
at_eleven_in_the_evening = VirtualClock(utc=1_767_654_000.0)
conductor = Conductor.from_text(
    '''
    agents: [{id: big}, {id: small}]
    routing:
      rules: [{id: weekend, condition: clock.weekend, target: small}]
      default: {fallback: [big, small], on: [limited]}
    plugins: {quiet_hours: {agents: [big]}}
    ''',
    agents={"big": Scripted("big"), "small": Scripted("small")},
    clock=at_eleven_in_the_evening,
)
answer = conductor.call("hello")
print(json.dumps([found.distribution, found.version, sorted(found.offers), answer.text]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package, as its author wrote it, into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", str(folder), str(EXAMPLE)],
        check=True,
        capture_output=True,
        # pip's own chatter about versions would reach for a network.
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    return folder


def _python(site: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # The plugin's test extra is pytest alone, so the host's other pytest plugins stay out.
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


def test_an_installed_plugin_is_found_and_used_with_no_change_to_the_host(
    site: Path, tmp_path: Path
) -> None:
    result = _python(site, "-c", LOADS, cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [
        "conductor-mw-quiet-hours",
        "0.1.0",
        ["layer quiet_hours", "signal clock.weekend"],
        "small",
    ]


def test_without_the_package_the_policy_is_refused(tmp_path: Path) -> None:
    result = _python(tmp_path, "-c", LOADS.replace("found = next", "found = iter"), cwd=tmp_path)

    assert result.returncode == 1
    assert "no plugin 'quiet_hours'" in result.stderr


def test_the_plugin_passes_its_own_tests(site: Path, tmp_path: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "-c", str(EXAMPLE / "pyproject.toml")]

    result = _python(site, "-m", "pytest", *options, str(EXAMPLE / "tests"), cwd=tmp_path)

    assert result.returncode == 0, result.stdout
    assert "failed" not in result.stdout


def test_the_package_says_that_it_is_typed(site: Path) -> None:
    assert (site / "conductor_mw_quiet_hours" / "py.typed").exists()
