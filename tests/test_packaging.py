"""What is shipped is what is meant: contents, extras and pins."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]


def wanted() -> list[Requirement]:
    """Give every requirement of the project: its own, of all extras and of all groups."""
    project = PYPROJECT["project"]
    lists = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PYPROJECT["dependency-groups"].values(),
    ]
    found = [Requirement(text) for texts in lists for text in texts]
    return [requirement for requirement in found if requirement.name != "conductor-mw"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel of a copy and give the names of the files in it."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("conductor_mw", "plugins", "integrations"):
        if (ROOT / name).exists():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (built,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_module_and_says_that_it_is_typed(wheel: set[str]) -> None:
    modules = {
        path.relative_to(folder).as_posix()
        for folder in (ROOT, ROOT / "plugins", ROOT / "integrations")
        for path in folder.glob("conductor_mw*/**/*.py")
    }

    assert modules <= wheel
    assert "conductor_mw/py.typed" in wheel


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    stray = {
        name
        for name in wheel
        if not re.match(r"conductor_mw[a-z_]*/|conductor_mw-[\d.]+\.dist-info/", name)
    }

    assert stray == set()


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_every_requirement_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    pins = [
        pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(requirement.name)
    ]

    assert pins, "constraints.txt has no pin"
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert requirement.specifier.contains(specifier.version, prereleases=True)


def test_a_pin_names_no_address_and_no_extra() -> None:
    assert [str(pin) for pin in PINS if pin.url or pin.extras] == []
    assert len({(pin.name, str(pin.marker)) for pin in PINS}) == len(PINS)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("oldest-langchain.txt", "langchain-core"),
        ("oldest-langchain.txt", "langchain"),
        ("oldest-langchain.txt", "langgraph"),
        ("oldest-litellm.txt", "litellm"),
    ],
)
def test_the_oldest_host_that_is_tested_is_the_oldest_that_is_allowed(file: str, name: str) -> None:
    allowed = {
        specifier.version
        for requirement in wanted()
        for specifier in requirement.specifier
        if (requirement.name, specifier.operator) == (name, ">=")
    }
    lines = (ROOT / ".ci" / file).read_text(encoding="utf-8").splitlines()
    (tested,) = (line.removeprefix(f"{name}==") for line in lines if line.startswith(f"{name}=="))

    assert allowed == {tested.removesuffix(".0")}


def test_versions_known_to_be_bad_are_excluded_wherever_litellm_is_wanted() -> None:
    wanted_litellm = [requirement for requirement in wanted() if requirement.name == "litellm"]

    assert wanted_litellm
    for requirement in wanted_litellm:
        for bad in ("1.82.7", "1.82.8", "1.107.0"):
            assert not requirement.specifier.contains(bad)


def test_cassettes_are_read_by_the_same_version_everywhere() -> None:
    wanted_vcr = [requirement for requirement in wanted() if requirement.name == "vcrpy"]

    assert [str(requirement.specifier) for requirement in wanted_vcr] == ["<9,>=8.5"]


def test_all_holds_every_extra_but_a_whole_server_and_those_of_our_own_work() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    (everything,) = extras["all"]

    assert Requirement(everything).extras == set(extras) - {"all", "test", "litellm-proxy"}


def test_the_core_asks_for_nothing_heavy() -> None:
    core = {Requirement(text).name for text in PYPROJECT["project"]["dependencies"]}

    assert core == {"click", "pluggy", "pydantic", "pyyaml"}


def test_the_installed_version_is_the_one_declared() -> None:
    assert distribution("conductor-mw").version == PYPROJECT["project"]["version"]
