"""The walls of the house: what must be documented, listed, tested and kept apart stays so."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

import conductor_mw
from conductor_mw.cli import main
from conductor_mw.hookspecs import HOOKS

ROOT = Path(__file__).parents[1]
LONGEST = 400
LONGER: Mapping[str, str] = {}
"""Files that may be longer, each with the reason; the list only shrinks."""

# Written in pieces, so that this file does not hold what it looks for.
ADDRESSES = re.compile(
    "|".join(
        (
            "/" + r"(?:work|root|home|Users)/\w",
            "/" + r"tmp/\w",
            "C:" + r"\\\\?Users",
            "file:" + "//",
            "index" + "-url",
            r"pypi\." + "org",
            r"files\." + "pythonhosted",
        )
    )
)
NAMES_AN_ADDRESS: Mapping[str, str] = {
    "tests/golden/decisions.jsonl": "holds what users write, tracebacks of their machines too",
    "CONTRIBUTING.md": "names the option that keeps addresses out of constraints.txt",
}


def files(root: Path = ROOT) -> Iterator[Path]:
    """Give every file that belongs to the project, also where git is not there to ask."""
    hidden = {".git", ".venv", "__pycache__", "site", "dist", "build"}
    git = shutil.which("git")
    if git and (root / ".git").exists():
        listing = subprocess.run(
            [git, "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
        )
        names = listing.stdout.split("\0")
        yield from (root / name for name in names if name and (root / name).is_file())
        return
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        dotted = {part for part in parts[:-1] if part.startswith(".")} - {".ci", ".github"}
        if path.is_file() and not dotted and not hidden.intersection(parts):
            yield path


def sources(*folders: str) -> list[Path]:
    """Give the Python files below some folders of the project."""
    return [path for name in folders for path in sorted((ROOT / name).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Plugins and integrations: folders, entry points, extras and imports tell the same story.


def unlisted(root: Path) -> list[str]:
    """Say where folders, entry points and extras of a tree disagree."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries: dict[str, str] = project.get("entry-points", {}).get("conductor_mw", {})
    extras: dict[str, Any] = project.get("optional-dependencies", {})
    found: list[str] = []
    plugins = packages(root / "plugins")
    integrations = packages(root / "integrations")
    modules = {module.partition(":")[0].partition(".")[0] for module in entries.values()}
    found += [f"plugins/{name} has no entry point" for name in sorted(plugins - modules)]
    found += [
        f"entry point {entry} names {module}, which is no folder"
        for entry, module in sorted(entries.items())
        if module.partition(":")[0].partition(".")[0] not in plugins | integrations
    ]
    found += [
        f"entry point {entry} should name conductor_mw_{entry}"
        for entry, module in sorted(entries.items())
        if module.partition(":")[0].partition(".")[0] != f"conductor_mw_{entry}"
    ]
    found += [
        f"{kind}/{name} has no README.md"
        for kind, names in (("plugins", plugins), ("integrations", integrations))
        for name in sorted(names)
        if not (root / kind / name / "README.md").exists()
    ]
    found += [
        f"integrations/{name} has no extra"
        for name in sorted(integrations)
        if name.removeprefix("conductor_mw_") not in extras
    ]
    return found


def packages(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("*/__init__.py")}


DOORS = frozenset(
    {
        "conductor_mw",
        "conductor_mw.cli.door",
    }
)


def trespasses(package: Path) -> list[str]:
    """Say where a plugin's package imports past the public door, or imports a sibling."""
    found: list[str] = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            found += [
                f"{path.name}:{node.lineno} imports {module}"
                for module in imported(node)
                if module.startswith("conductor_mw")
                and module.partition(".")[0] != package.name
                and not f"{module}.".startswith("conductor_mw.testing.")
                and module not in DOORS
            ]
    return found


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level == 0 and node.module:
        # `from conductor_mw import rules` reaches for a module as well as for a name.
        inside = [
            f"{node.module}.{alias.name}"
            for alias in node.names
            if (ROOT / node.module.replace(".", "/") / alias.name).with_suffix(".py").exists()
            or (ROOT / node.module.replace(".", "/") / alias.name / "__init__.py").exists()
        ]
        return inside or [node.module]
    return []


def test_folders_entry_points_and_extras_agree() -> None:
    assert unlisted(ROOT) == []


def test_a_tree_that_disagrees_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "plugins" / "conductor_mw_cache").mkdir(parents=True)
    (tmp_path / "plugins" / "conductor_mw_cache" / "__init__.py").touch()
    (tmp_path / "integrations" / "conductor_mw_django").mkdir(parents=True)
    (tmp_path / "integrations" / "conductor_mw_django" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(
        "[project.entry-points.conductor_mw]\nbudget = 'conductor_mw_money'\n"
    )

    assert unlisted(tmp_path) == [
        "plugins/conductor_mw_cache has no entry point",
        "entry point budget names conductor_mw_money, which is no folder",
        "entry point budget should name conductor_mw_budget",
        "plugins/conductor_mw_cache has no README.md",
        "integrations/conductor_mw_django has no README.md",
        "integrations/conductor_mw_django has no extra",
    ]


def test_plugins_and_integrations_use_the_public_door_only() -> None:
    found = [
        f"{package.parent.name}: {trespass}"
        for folder in ("plugins", "integrations", "examples/third_party")
        for init in sorted((ROOT / folder).glob("*/__init__.py"))
        for package in (init.parent,)
        for trespass in trespasses(package)
    ]

    assert found == []


def test_a_plugin_that_climbs_the_wall_is_noticed(tmp_path: Path) -> None:
    package = tmp_path / "conductor_mw_thief"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from conductor_mw import Failure\n"
        "from conductor_mw.testing.conformance import LayerConformance\n"
        "from conductor_mw_thief.loot import bag\n"
        "import conductor_mw.rules.lexer\n"
        "from conductor_mw import onion\n"
        "from conductor_mw_budget import Budget\n"
    )

    assert trespasses(package) == [
        "__init__.py:4 imports conductor_mw.rules.lexer",
        "__init__.py:5 imports conductor_mw.onion",
        "__init__.py:6 imports conductor_mw_budget",
    ]


# The public door.


def test_the_public_door_names_every_public_name_and_only_real_ones() -> None:
    door = ast.parse((ROOT / "conductor_mw" / "__init__.py").read_text(encoding="utf-8"))
    named = {
        alias.asname or alias.name
        for node in ast.walk(door)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }

    assert set(conductor_mw.__all__) == named == set(vars(conductor_mw)["_HOME_OF"])
    assert list(conductor_mw.__all__) == sorted(conductor_mw.__all__, key=_kind_and_name)
    assert [name for name in conductor_mw.__all__ if not hasattr(conductor_mw, name)] == []


def _kind_and_name(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


LOOKS = """
import socket, sys
def refused(*_, **__): raise AssertionError("importing opens a socket")
socket.socket.__init__ = refused
import conductor_mw
if sys.argv[1:]: conductor_mw.Conductor
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("used", [[], ["used"]], ids=["imported", "used"])
def test_importing_the_core_loads_no_framework_and_opens_no_socket(
    used: list[str], tmp_path: Path
) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOKS, *used],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    loaded = set(result.stdout.split())
    unwanted = {"langchain", "langchain_core", "langgraph", "litellm", "openai", "httpx"}
    assert loaded & (unwanted | {"rich", "tiktoken", "requests", "pytest", "numpy"}) == set()
    assert "conductor_mw" in loaded


# Hooks.


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_tells_when_what_errors_and_an_example(name: str) -> None:
    doc = inspect.getdoc(HOOKS[name]) or ""

    assert re.match(r"[A-Z][^\n]*\.\n\nArgs:\n", doc)
    sections = re.findall(
        r"^(Args|Called|Return|Errors|Example[^:\n]*)(?::|::)?$", doc, re.MULTILINE
    )
    assert [section.split()[0] for section in sections] == [
        "Args",
        "Called",
        "Return",
        "Errors",
        "Example",
    ]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_documented_with_its_signature(name: str) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    signature = inspect.signature(HOOKS[name])

    _, heading, rest = page.partition(f"### `{name}{signature}`".replace("'", ""))
    assert heading, f"docs/plugins.md has no heading ### `{name}{signature}`"
    section = rest.partition("\n### ")[0]
    for part in ("**Called:**", "**Return:**", "**Errors:**", f"def {name}("):
        assert part in section


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_used_by_a_test(name: str) -> None:
    tests = [path for path in sources("tests", "examples") if path != Path(__file__)]

    assert any(name in path.read_text(encoding="utf-8") for path in tests)


# The command line.


def commands(
    group: click.Group = main, path: str = "conductor-mw"
) -> Iterator[tuple[str, click.Command]]:
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


@pytest.mark.parametrize(
    ("name", "command"), [pytest.param(*found, id=found[0]) for found in commands()]
)
def test_the_help_of_a_command_ends_in_examples_of_it(name: str, command: click.Command) -> None:
    with click.Context(command, info_name=name) as context:
        text = command.get_help(context)

    _, _, block = text.partition("\nExamples:\n")
    examples = [line.strip() for line in block.strip().splitlines()]
    assert examples
    assert all(example.startswith(name) for example in examples)


# Documents.


def pages_in(nav: str) -> list[str]:
    return re.findall(r"[\w/-]+\.md\b", nav)


def test_every_page_stands_in_the_navigation_once() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    docs = ROOT / "docs"

    written = [path.relative_to(docs).as_posix() for path in docs.rglob("*.md")]

    assert sorted(pages_in(navigation)) == sorted(written)


def test_the_index_of_decisions_lists_every_decision() -> None:
    folder = ROOT / "docs" / "decisions"

    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "index.md").read_text())

    assert listed == sorted(path.name for path in folder.glob("0*.md"))


# Files.


@pytest.mark.parametrize("path", sources("conductor_mw", "plugins", "integrations"), ids=name_of)
def test_a_file_fits_in_a_few_screens(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())

    allowed = name_of(path) in LONGER
    assert (lines > LONGEST) == allowed, f"{lines} lines; listed as longer: {allowed}"


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sources("conductor_mw", "plugins", "integrations", "tests", "benchmarks")
        if path.stat().st_size
    ],
    ids=name_of,
)
def test_a_file_opens_with_one_sentence(path: Path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""

    first = doc.partition("\n\n")[0].replace("\n", " ")
    if path.name == "__init__.py" and not doc:
        assert len(path.read_text(encoding="utf-8").split()) == 0
    assert first, "no docstring"
    assert re.search(r"[.?!:`]$", first), first


def reasonless(text: str) -> list[str]:
    """Give the lines that silence a checker without a reason beside them or right above."""
    silences = re.compile(r"#\s*(?:noqa|type:\s*ignore|pyright:\s*ignore)\b(.*)")
    codes = re.compile(r"^(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w\-, ]+\])")
    found: list[str] = []
    above = ""
    for line in text.splitlines():
        before, above = above, line.strip()
        match = silences.search(line)
        if match is None or '"' in line[match.start() :]:
            continue
        rest = codes.sub("", match.group(1)).strip(" -#")
        explained = rest or before.startswith("# ")
        if not codes.match(match.group(1)) or not explained:
            found.append(line.strip())
    return found


def test_every_silenced_check_carries_its_code_and_reason() -> None:
    found = [
        f"{name_of(path)}: {line}"
        for path in sources("conductor_mw", "plugins", "integrations", "examples", ".ci")
        for line in reasonless(path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_a_silence_without_a_reason_is_noticed() -> None:
    bare, coded, full = (
        "import a  # no" + "qa",
        "import a  # no" + "qa: F401",
        "import a  # no" + "qa: F401 - the door",
    )
    above = "# The door.\n" + coded

    assert reasonless(above) == []
    assert reasonless(f"{bare}\n{coded}\n{full}") == [bare, coded]


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found: list[str] = []
    for path in files():
        if path == Path(__file__) or name_of(path) in NAMES_AN_ADDRESS:
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{name_of(path)}: {match.group()}" for match in ADDRESSES.finditer(text)]

    assert found == []
