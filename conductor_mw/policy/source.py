"""Read YAML text into plain data that knows its places, and refuse what a policy cannot hold."""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from conductor_mw.errors import Place
from conductor_mw.policy.findings import SHOWN, Findings
from conductor_mw.policy.scalars import plain
from conductor_mw.policy.tree import Series, Sources, Table, mark

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_VALUES: Final = 300_000
MAX_ENTRIES: Final = 10_000
"""Entries of one list or mapping; the longest that a policy needs is its list of rules."""
MAX_DEPTH: Final = 64
TEXT_UNIT: Final = 64
"""So many characters of text weigh as much as one value where aliases are counted."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# YAML 1.1 takes the last three for line breaks and YAML 1.2 does not: refusing them avoids both.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff\x85\u2028\u2029]"
)
_IN_TEXT: Final = re.compile("[\x00\ud800-\udfff]")
_BEGIN: Final = "write one with 'conductor-mw init'"


class Refused(Exception):
    """Reading cannot go on; the findings say why."""


def read(text: str | bytes, file: str, sources: Sources, findings: Findings) -> Table | None:
    """Give the root of one document, or None where it could not be read.

    Args:
        text: the YAML text, as UTF-8 if it is bytes.
        file: the name that findings show.
        sources: takes in the text, so that marks can be turned into places.
        findings: takes in what is wrong.
    """
    try:
        decoded = _decoded(text, file, findings)
        return Composer(decoded, sources.add(file, decoded), sources, findings).document()
    except Refused:
        return None


def _decoded(text: str | bytes, file: str, findings: Findings) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        problem = f"the file has more than {MAX_BYTES} bytes"
        findings.add(Place(file), "too-large", problem, "split the policy into several")
        raise Refused
    whole = _from_utf8(text, file, findings) if isinstance(text, bytes) else text
    whole = whole.removeprefix("\ufeff")
    found = _UNPRINTABLE.search(whole)
    if found:
        line = whole.count("\n", 0, found.start()) + 1
        column = found.start() - whole.rfind("\n", 0, found.start())
        code = ord(found[0])
        escape = f'inside double quotes write "\\u{code:04x}"'
        mend = "remove it" if _IN_TEXT.match(found[0]) else escape
        problem = f"the character U+{code:04X} cannot stand in a policy"
        findings.add(Place(file, line, column), "unprintable", problem, mend)
        raise Refused
    return whole


def _from_utf8(text: bytes, file: str, findings: Findings) -> str:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        before = text[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        problem = f"byte 0x{text[error.start]:02x} is not UTF-8"
        findings.add(Place(file, line, column), "not-utf-8", problem, "save the file as UTF-8")
        raise Refused from error
    return decoded


class Composer:
    """Builds the tree from parser events, without recursion: the file chooses how deep it nests."""

    def __init__(self, text: str, number: int, sources: Sources, findings: Findings) -> None:
        self.loader = _LOADER(text)
        self.text = text
        self.number = number
        self.sources = sources
        self.findings = findings
        self.count = 0
        self.anchors: dict[str, tuple[object, int]] = {}
        # The containers that are open, innermost last, with the anchor each has and, for a table,
        # the key that waits for its value.
        self.open: list[Table | Series] = []
        self.names: list[str | None] = []
        self.keys: list[tuple[str, int] | None] = []

    def document(self) -> Table:
        """Give the root of the only document."""
        try:
            return self._document()
        except yaml.YAMLError as error:
            self._broken(error)
        finally:
            self.loader.dispose()

    def _document(self) -> Table:
        next_event = self.loader.get_event
        next_event()  # the stream begins
        event = next_event()
        if not isinstance(event, DocumentStartEvent):
            self._refuse(event, "empty", "the policy is empty", _BEGIN)
        if event.tags:
            self._refuse(event, "tag", "a %TAG directive cannot stand in a policy", "remove it")
        if event.version and tuple(event.version) != (1, 2):
            self._refuse(event, "version", "a policy is read as YAML 1.2", "remove the %YAML line")
        root = self._root(next_event)
        next_event()  # the document ends
        after = next_event()
        if isinstance(after, DocumentStartEvent):
            mend = "keep one document in a file; remove the line '---'"
            self._refuse(after, "several-documents", "a second document begins here", mend)
        if root is None:
            self._refuse(event, "empty", "the policy is empty", _BEGIN)
        if not isinstance(root, Table):
            problem = "a policy is a mapping of keys such as 'agents:' and 'routing:'"
            self._refuse(event, "not-a-mapping", problem, _BEGIN)
        return root

    def _root(self, next_event: Any) -> object:
        """Read one value with everything below it."""
        while True:
            event = next_event()
            sort: object = event.__class__
            start = event.start_mark
            where = mark(self.number, start.line, start.column)
            value: object
            if sort is ScalarEvent:
                if self.open and self.keys[-1] is None and type(self.open[-1]) is Table:
                    self._key(event, where)
                    continue
                value = self._scalar(event, where)
            elif sort is MappingStartEvent or sort is SequenceStartEvent:
                value = Table(where) if sort is MappingStartEvent else Series(where)
                self._enter(event, value, where)
                continue
            elif sort is AliasEvent:
                value = self._alias(event, where)
            else:
                value = self._leave(event)
            if not self.open:
                return value

    def _key(self, event: Any, where: int) -> None:
        text: str = event.value
        if event.tag is not None:
            self._tag(event, where)
        if not event.style and text == "<<":
            mend = "write the keys out, or put what is shared into a file and include it"
            self._refuse(event, "merge-key", "the merge key '<<' belongs to YAML 1.1", mend)
        if _IN_TEXT.search(text):
            self._find(where, "unprintable", "this text has a character that no text can hold", "")
        if not text:
            self._refuse(event, "key", "a key is missing before ':'", "write the key")
        self._weigh(event, 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = (text, 1)
        self.keys[-1] = (text, where)

    def _scalar(self, event: Any, where: int) -> object:
        text: str = event.value
        value: object = text
        if event.tag is not None:
            self._tag(event, where)
        elif event.implicit[0]:
            try:
                value = plain(text)
            except ValueError as error:
                self._find(where, "number", str(error), "quote it if it is text")
        elif _IN_TEXT.search(text):
            self._find(where, "unprintable", "this text has a character that no text can hold", "")
        size = 1 + len(text) // TEXT_UNIT
        self._weigh(event, size)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, size)
        if self.open:
            self._put(value, where, size)
        return value

    def _enter(self, event: Any, container: Table | Series, where: int) -> None:
        if event.tag is not None:
            self._tag(event, where)
        if self.open:
            if self.keys[-1] is None and type(self.open[-1]) is Table:
                self._refuse(event, "key", "a key must be one word or one quoted text", "")
            self._put(container, where, 0)  # its size is known when it ends
        self._weigh(event, 1)
        self.open.append(container)
        self.names.append(event.anchor)
        self.keys.append(None)
        if len(self.open) > MAX_DEPTH:
            problem = f"this is nested deeper than {MAX_DEPTH} levels"
            self._refuse(event, "too-deep", problem, "a policy needs no more than ten")

    def _leave(self, event: Any) -> object:
        assert isinstance(event, MappingEndEvent | SequenceEndEvent)  # noqa: S101 - nothing else is left
        done = self.open.pop()
        self.keys.pop()
        name = self.names.pop()
        if name is not None:
            self.anchors[name] = (done, done.size)
        if self.open:
            self.open[-1].size += done.size
        return done

    def _alias(self, event: Any, where: int) -> object:
        name: str = event.anchor
        if name in self.names:
            problem = f"the alias *{name[:40]} stands inside the value that it repeats"
            self._refuse(event, "alias", problem, "write the value out")
        if name not in self.anchors:
            mend = f"put &{name[:40]} before the value to repeat"
            self._refuse(event, "alias", f"the alias *{name[:40]} has no anchor above it", mend)
        if self.open and self.keys[-1] is None and type(self.open[-1]) is Table:
            self._refuse(event, "key", "a key must be one word or one quoted text", "")
        value, size = self.anchors[name]
        self._weigh(event, size)
        if self.open:
            self._put(value, where, size)
        return value

    def _put(self, value: object, where: int, size: int) -> None:
        into = self.open[-1]
        into.size += size
        if len(into) >= MAX_ENTRIES:
            problem = f"a list or mapping has more than {MAX_ENTRIES} entries"
            self._find(where, "too-many-entries", problem, "split it")
            raise Refused
        if isinstance(into, Series):
            into.add(value, where)
            return
        key, key_mark = cast("tuple[str, int]", self.keys[-1])
        self.keys[-1] = None
        if key in into:
            mend = "keep one of them"
            if self.findings.errors < SHOWN:  # looking for the first takes time in a large table
                first = self.sources.place(into.places(key)[0])
                mend = f"the first is in line {first.line}; {mend}"
            problem = f"the key {_shown(key)} stands here a second time"
            self._find(key_mark, "duplicate-key", problem, mend)
            return
        into[key] = value
        into.marks += (key_mark, where)

    def _weigh(self, event: Any, size: int) -> None:
        # Aliases count in full: nine lines of them can mean a thousand million values.
        self.count += size
        if self.count > MAX_VALUES:
            problem = f"the file has more than {MAX_VALUES} values, aliases followed"
            self._refuse(event, "too-many-values", problem, "split the policy into several")

    def _tag(self, event: Any, where: int) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        problem = f"the tag {_shown(tag)} cannot stand in a policy"
        self._find(where, "tag", problem, "remove it; quote the value if it is text")

    def _broken(self, error: yaml.YAMLError) -> NoReturn:
        said: Any = error
        found = getattr(said, "problem_mark", None) or getattr(said, "context_mark", None)
        line, column = (found.line, found.column) if found else (0, 0)
        said = getattr(said, "problem", None) or getattr(said, "reason", None)
        problem, mend = _said(str(said), self._character(line, column))
        self._find(mark(self.number, line, column), "yaml", problem, mend)
        raise Refused from error

    def _character(self, line: int, column: int) -> str:
        lines = self.text.split("\n", line + 1)
        return lines[line][column : column + 1] if line < len(lines) else ""

    def _find(self, where: int, code: str, problem: str, mend: str) -> None:
        self.findings.add(self.sources.place(where), code, problem, mend)

    def _refuse(self, event: Any, code: str, problem: str, mend: str) -> NoReturn:
        start = event.start_mark
        self._find(mark(self.number, start.line, start.column), code, problem, mend)
        raise Refused


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


_CLOSE: Final = "close it with '{}', or quote a value that holds brackets, ',' or ': '"
# What PyYAML's two parsers say in part, and the same in words that a reader of policies needs.
_TOLD: Final = (
    ("mapping values are not allowed", "a text holds ': '", "quote the text"),
    (
        "could not find expected ':'",
        "a key has no ':' behind it",
        "write ':' behind it, or quote a text of several lines",
    ),
    ("unexpected end of stream", "a quote is not closed", "close it"),
    ("Unicode character escape", "an escape names half a character", "write the character itself"),
    ("',' or ']'", "a list is not closed, or a ',' is missing", _CLOSE.format("]")),
    ("',' or '}'", "a mapping is not closed, or a ',' is missing", _CLOSE.format("}")),
)
_INDENT: Final = "indent what belongs together alike, and quote a text that holds quotes"


def _said(problem: str, character: str) -> tuple[str, str]:
    """Give problem and mend in words that do not depend on which parser of PyYAML read the text."""
    if "cannot start any token" in problem:
        if character == "\t":
            return "this is not YAML: a tab cannot indent", "indent with spaces"
        return f"this is not YAML: {character!r} cannot begin a value", "quote the value"
    for part, told, mend in _TOLD:
        if part in problem:
            return f"this is not YAML: {told}", mend
    return f"this is not YAML: {problem}", _INDENT
