"""How talks with the provider are kept in cassettes: which request is which, and no secrets.

Tests replay by default: nothing is sent, the provider does not run, a request that no cassette
holds is a failure, and so is a recorded answer that nobody asks for. After a change of requests or
answers record them again, on loopback, with no key and no network:

    python -m pytest tests/langchain/test_standard_*.py --record-mode=rewrite
    python -m pytest tests/litellm/test_cassettes_*.py --record-mode=rewrite

Recording twice gives the same bytes: answers follow from questions, and what is random is numbered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
import yaml
from pytest_recording.plugin import get_default_cassette_name

FOLDER: Final = Path(__file__).parents[2] / "cassettes"
NOWHERE: Final = "http://provider.invalid"
"""Where children send their requests while a cassette answers, and what cassettes say."""
_KEPT: Final = {"content-type", "retry-after"}
_RANDOM: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESS: Final = re.compile(r"http://[^/]+")


class Cassette(Protocol):
    """What the guard needs of vcrpy's cassette, which has no types."""

    requests: list[Any]
    play_counts: Mapping[int, int]
    can_play_response_for: Callable[[Any], bool]


def config() -> dict[str, Any]:
    """Give the configuration of every cassette."""
    return {
        "match_on": ["method", "path", "raw_body"],
        "before_record_request": _request,
        "before_record_response": _response,
    }


class Readable:
    """Writes a cassette so that people can read and compare it."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        # Threads of a batch finish in any order.
        told = sorted(cassette["interactions"], key=lambda one: str(one["request"]["body"]))
        return yaml.dump(
            {**cassette, "interactions": told}, Dumper=_Dumper, allow_unicode=True, width=1_000
        )

    @staticmethod
    def deserialize(text: str) -> Any:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


@contextmanager
def played(cassette: Cassette) -> Generator[None]:
    """Fail unless exactly what was recorded is asked for.

    An SDK may turn the error of a request that was never recorded into one of its own, and a
    fallback would then hide it; so it is noted here.
    """
    missing: list[str] = []
    known = cassette.can_play_response_for

    def can_play(request: Any) -> bool:
        found = known(request)
        if not found:
            missing.append(_asked(_request(request)))
        return found

    cassette.can_play_response_for = can_play
    yield
    spare = [
        _asked(one) for at, one in enumerate(cassette.requests) if not cassette.play_counts.get(at)
    ]
    faults = [f"asked and not recorded: {one}" for one in missing]
    faults += [f"recorded and not asked: {one}" for one in spare]
    if faults:
        pytest.fail("\n".join([*faults, "mend: --record-mode=rewrite"]), pytrace=False)


def left_over(module: pytest.Module, folder: Path) -> list[str]:
    """Name the files of a module's cassettes that belong to none of its tests."""
    known = {
        get_default_cassette_name(test.cls, test.name) + ".yaml"
        for test in _tests(module)
        if test.get_closest_marker("vcr")
    }
    return sorted(path.name for path in folder.glob("*") if path.name not in known)


def _tests(collector: Any) -> Iterator[pytest.Function]:
    for node in collector.collect():
        if isinstance(node, pytest.Function):
            yield node
        else:
            yield from _tests(node)


def _request(request: Any) -> Any:
    """Keep method, path and what is asked; no address, no key, no header that may hold one."""
    request.uri = _ADDRESS.sub(NOWHERE, request.uri)
    request.headers = {}
    text = json.dumps(json.loads(request.body), ensure_ascii=False, sort_keys=True)
    request.body = _numbered(text).encode()
    return request


def _response(response: dict[str, Any]) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in response["headers"].items()}
    return {**response, "headers": {name: headers[name] for name in _KEPT & headers.keys()}}


def _numbered(text: str) -> str:
    """Give random identifiers their number, by their first appearance."""
    found = dict.fromkeys(_RANDOM.findall(text))
    numbers = {one: f"random-{number}" for number, one in enumerate(found, 1)}
    return _RANDOM.sub(lambda match: numbers[match[0]], text)


def _asked(request: Any) -> str:
    return f"{request.method} {request.path} {request.body.decode()[:500]}"


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as a block."""


def _text(dumper: Any, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Dumper.add_representer(str, _text)
