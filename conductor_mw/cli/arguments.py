"""Arguments and options that several commands share, and how their values are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click

from conductor_mw.errors import ConductorError

F = TypeVar("F", bound=Callable[..., Any])

LARGEST_FILE: Final = 20_000_000
"""Bytes of a messages or tools file; what is larger was hardly meant."""

policy_file = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))


def format_option(*formats: str) -> Callable[[F], F]:
    """Give `--format`, the first one as its default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print.",
    )


metadata_option = click.option(
    "--metadata",
    "-m",
    "metadata",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the app knows about the request; KEY:=JSON gives a value that is no text.",
)

out_option = click.option(
    "-o",
    "--out",
    "out",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write to this file instead.",
)


def read_metadata(pairs: Sequence[str], option: str = "--metadata") -> dict[str, object]:
    """Give the metadata of `KEY=VALUE` and `KEY:=JSON` pairs.

    Raises:
        ConductorError: a pair is neither; the message shows what to write.

    >>> read_metadata(["tier=pro", "seats:=3"])
    {'tier': 'pro', 'seats': 3}
    """
    found: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        typed = key.endswith(":")
        key = key.removesuffix(":")
        if not equals or not key:
            raise ConductorError(
                f"{option} {pair[:80]!r} has no key and value",
                mend="write KEY=VALUE, for example tier=pro, or KEY:=JSON, for example seats:=3",
            )
        found[key] = _json(value, f"{option} {key[:80]}") if typed else value
    return found


def read_json_list(path: Path | None, what: str) -> list[dict[str, Any]] | None:
    """Give the list of mappings in a JSON file, or None where there is no file.

    Raises:
        ConductorError: the file cannot be read, or holds something else.
    """
    if path is None:
        return None
    found = _json(read_text(path), str(path))
    if isinstance(found, dict) and isinstance(found.get(what), list):  # pyright: ignore[reportUnknownMemberType] - JSON from a person's file
        found = cast("dict[str, Any]", found)[what]
    if not isinstance(found, list) or not all(
        isinstance(one, dict) for one in cast("list[object]", found)
    ):
        example = '; for example [{"role": "user", "content": "Hello"}]'
        raise ConductorError(
            f"must be a list of {what} in OpenAI's form",
            where=path,
            mend=f"write a JSON list{example if what == 'messages' else ''}",
        )
    return cast("list[dict[str, Any]]", found)


def read_text(path: Path) -> str:
    """Give the text of a file.

    Raises:
        ConductorError: it cannot be read, is too large, or is no UTF-8.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConductorError(
                f"the file is larger than {LARGEST_FILE // 1_000_000} MB", where=path
            )
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConductorError("the file is not UTF-8 text", where=path) from error
    except (OSError, ValueError) as error:
        raise unreadable(error, path, "read") from error


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        ConductorError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        raise unreadable(error, path, "written") from error


def unreadable(error: Exception, path: Path, done: str) -> ConductorError:
    """Give the error of a file that the system refuses."""
    reason = getattr(error, "strerror", None) or str(error)
    return ConductorError(f"the file cannot be {done}: {reason}", where=path, mend="check the path")


def _json(text: str, where: str) -> object:
    try:
        found: object = json.loads(text)
    except RecursionError as error:
        raise ConductorError("the JSON is nested too deeply", where=where) from error
    except ValueError as error:
        raise ConductorError(f"this is no JSON: {error}", where=where) from error
    return found
