"""Read YAML text into plain data that knows its places, and refuse what a policy cannot hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

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

from conductor_mw.errors import Finding, Place
from conductor_mw.policy.scalars import plain
from conductor_mw.policy.tree import Series, Sources, Table, mark

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_VALUES: Final = 300_000
MAX_DEPTH: Final = 64
MAX_FINDINGS: Final = 50
TEXT_UNIT: Final = 64
"""So many characters of text weigh as much as one value where aliases are counted."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# YAML 1.1 takes the last three for line breaks and YAML 1.2 does not: refusing them avoids both.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff\x85\u2028\u2029]"
)


class Refused(Exception):  # noqa: N818 - never leaves this package
    """Reading cannot go on; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(slots=True)
class Reading:
    """One text as it was read.

    Attributes:
        tree: the root of the document, or None where it could not be read.
        findings: what is wrong with it so far.
    """

    tree: Table | None
    findings: list[Finding] = field(default_factory=list[Finding])


def read(text: str | bytes, file: str, sources: Sources) -> Reading:
    """Read one document.

    Args:
        text: the YAML text, as UTF-8 if it is bytes.
        file: the name that findings show.
        sources: takes in the text, so that marks can be turned into places.
    """
    findings: list[Finding] = []
    try:
        decoded = _decode(text, file)
        number = sources.add(file, decoded)
        tree = _Composer(decoded, number, sources, findings).document()
    except Refused as refused:
        findings.append(refused.finding)
        tree = None
    return Reading(tree, findings)


def _decode(text: str | bytes, file: str) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise Refused(
            Finding(
                Place(file),
                "too-large",
                f"the file has {size} bytes, {MAX_BYTES} are allowed",
                "split the policy into several and load the one that is needed",
            )
        )
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            before = text[: error.start]
            line = before.count(b"\n")
            column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace"))
            raise Refused(
                Finding(
                    Place(file, line + 1, column + 1),
                    "not-utf-8",
                    f"byte 0x{text[error.start]:02x} is not UTF-8",
                    "save the file as UTF-8",
                )
            ) from error
    text = text.removeprefix("\ufeff")
    found = _UNPRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start())
        column = found.start() - text.rfind("\n", 0, found.start())
        raise Refused(
            Finding(
                Place(file, line + 1, column),
                "unprintable",
                f"the character U+{ord(found[0]):04X} cannot stand in a policy",
                f'inside double quotes write "\\u{ord(found[0]):04x}"'
                if found[0] not in "\x00\ud800"
                else "remove it",
            )
        )
    return text


class _Composer:
    """Builds the tree from parser events, without recursion: nesting is the attacker's to choose."""

    def __init__(self, text: str, number: int, sources: Sources, findings: list[Finding]) -> None:
        self.loader = _LOADER(text)
        self.text = text
        self.number = number
        self.sources = sources
        self.findings = findings
        self.anchors: dict[str, tuple[object, int]] = {}
        self.count = 0

    def document(self) -> Table:
        """Give the root of the only document."""
        try:
            return self._document()
        except yaml.MarkedYAMLError as error:
            raise Refused(self._broken(error)) from error
        finally:
            self.loader.dispose()

    def _document(self) -> Table:
        next_event = self.loader.get_event
        next_event()  # the stream begins
        event = next_event()
        if not isinstance(event, DocumentStartEvent):
            self._refuse(event, "empty", "the policy is empty", "begin with 'conductor-mw init'")
        self._check_directives(event)
        tree = self._value(next_event)
        next_event()  # the document ends
        event = next_event()
        if isinstance(event, DocumentStartEvent):
            self._refuse(
                event,
                "several-documents",
                "a second document begins here",
                "keep one document in a file; remove the line '---'",
            )
        if tree is None:
            self._refuse(event, "empty", "the policy is empty", "begin with 'conductor-mw init'")
        if not isinstance(tree, Table):
            self._refuse(
                event,
                "not-a-mapping",
                "a policy is a mapping of keys such as 'agents:' and 'routing:'",
                "",
                at=mark(self.number, 0, 0),
            )
        return tree

    def _check_directives(self, event: Any) -> None:
        if event.tags:
            self._refuse(event, "tag", "a %TAG directive cannot stand in a policy", "remove it")
        if event.version and tuple(event.version) != (1, 2):
            self._refuse(
                event,
                "yaml-version",
                "a policy is read as YAML 1.2",
                "remove the %YAML line",
            )

    def _value(self, next_event: Any) -> object:
        """Read one value with everything below it; the loop that costs the time of loading."""
        number, anchors, findings = self.number, self.anchors, self.findings
        root: object = None
        containers: list[Table | Series] = []
        pending: list[tuple[str, int] | None] = []  # a table's key that waits for its value
        names: list[str | None] = []
        while True:
            event = next_event()
            sort = type(event)
            start = event.start_mark
            where = mark(number, start.line, start.column)
            if sort is MappingEndEvent or sort is SequenceEndEvent:
                done = containers.pop()
                pending.pop()
                name = names.pop()
                if name is not None:
                    anchors[name] = (done, done.size)
                if not containers:
                    return root
                containers[-1].size += done.size
                continue
            value: object
            size = 1
            if sort is ScalarEvent:
                text: str = event.value
                if event.tag is not None:
                    self._tag(event)
                if containers and type(containers[-1]) is Table and pending[-1] is None:
                    if not event.style and text in ("<<", ""):
                        self._bad_key(event, text)
                    self._count(event, 1)
                    pending[-1] = (text, where)
                    if event.anchor is not None:
                        anchors[event.anchor] = (text, 1)
                    continue
                size += len(text) // TEXT_UNIT
                value = text
                if event.implicit[0]:
                    try:
                        value = plain(text)
                    except ValueError as error:
                        findings.append(
                            Finding(self._place(where), "number", str(error), "quote it if it is text")
                        )
                if event.anchor is not None:
                    anchors[event.anchor] = (value, size)
            elif sort is AliasEvent:
                value, size = self._alias(event, names)
                if containers and type(containers[-1]) is Table and pending[-1] is None:
                    self._bad_key(event, "*" + event.anchor)
            else:
                if event.tag is not None:
                    self._tag(event)
                if containers and type(containers[-1]) is Table and pending[-1] is None:
                    self._bad_key(event, "[")
                value = Table(where) if sort is MappingStartEvent else Series(where)
            self._count(event, size)
            if not containers:
                root = value
            else:
                self._put(containers[-1], pending, value, where)
                if sort is ScalarEvent or sort is AliasEvent:
                    containers[-1].size += size
            if sort is MappingStartEvent or sort is SequenceStartEvent:
                containers.append(value)  # type: ignore[arg-type]  # it was made just above
                pending.append(None)
                names.append(event.anchor)
                if len(containers) > MAX_DEPTH:
                    self._refuse(
                        event, "too-deep", f"nested deeper than {MAX_DEPTH} levels", "flatten it"
                    )
            elif not containers:
                return root

    def _put(
        self,
        into: Table | Series,
        pending: list[tuple[str, int] | None],
        value: object,
        where: int,
    ) -> None:
        if isinstance(into, Series):
            into.add(value, where)
            return
        waiting = pending[-1]
        assert waiting is not None  # noqa: S101 - a key always comes before its value
        key, key_mark = waiting
        pending[-1] = None
        if key in into:
            first = self.sources.place(into.places(key)[0])
            self._find(
                key_mark,
                "duplicate-key",
                f"the key {_shown(key)} stands here a second time",
                f"the first is in line {first.line}; keep one of them",
            )
            return
        into[key] = value
        into.marks += (key_mark, where)

    def _alias(self, event: Any, open_names: list[str | None]) -> tuple[object, int]:
        if event.anchor in open_names:
            self._refuse(
                event,
                "alias",
                f"the alias *{event.anchor[:40]} stands inside the value that it repeats",
                "write the value out",
            )
        if event.anchor not in self.anchors:
            self._refuse(
                event,
                "alias",
                f"the alias *{event.anchor[:40]} has no anchor above it",
                f"put &{event.anchor[:40]} before the value to repeat",
            )
        return self.anchors[event.anchor]

    def _count(self, event: Any, size: int) -> None:
        self.count += size
        if self.count > MAX_VALUES:
            self._refuse(
                event,
                "too-many-values",
                f"more than {MAX_VALUES} values, aliases included",
                "use fewer or shorter aliases, or fewer entries",
            )

    def _tag(self, event: Any) -> None:
        self._find(
            mark(self.number, event.start_mark.line, event.start_mark.column),
            "tag",
            f"the tag {_shown(event.tag)} cannot stand in a policy",
            "remove it; quote the value if it is text",
        )

    def _bad_key(self, event: Any, text: str) -> NoReturn:
        if text == "<<":
            self._refuse(
                event,
                "merge-key",
                "the merge key '<<' belongs to YAML 1.1",
                "write the keys out, or put what is shared into a file and include it",
            )
        if not text:
            self._refuse(event, "key", "a key is missing before ':'", "write the key")
        self._refuse(event, "key", "a key must be one word or one quoted text", "")

    def _broken(self, error: yaml.MarkedYAMLError) -> Finding:
        found = error.problem_mark or error.context_mark
        line, column = (found.line, found.column) if found else (0, 0)
        problem, mend = _said(error, self._character(line, column))
        return Finding(self._place(mark(self.number, line, column)), "yaml", problem, mend)

    def _character(self, line: int, column: int) -> str:
        lines = self.text.split("\n", line + 1)
        return lines[line][column : column + 1] if line < len(lines) else ""

    def _place(self, where: int) -> Place:
        return self.sources.place(where)

    def _find(self, where: int, code: str, problem: str, mend: str) -> None:
        self.findings.append(Finding(self._place(where), code, problem, mend))

    def _refuse(
        self, event: Any, code: str, problem: str, mend: str, *, at: int | None = None
    ) -> NoReturn:
        if at is None:
            at = mark(self.number, event.start_mark.line, event.start_mark.column)
        raise Refused(Finding(self._place(at), code, problem, mend))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


_MENDS: Final = (
    ("mapping values are not allowed", "quote a text that holds ': '"),
    ("could not find expected ':'", "a key needs ':' after it; a text over several lines needs quotes"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("did not find expected '-' indicator", "indent the list's items alike"),
    ("did not find expected key", "indent the keys of a mapping alike; quote a text that begins with a quote"),
    ("did not find expected ',' or ']'", "close the list with ']'"),
    ("did not find expected ',' or '}'", "close the mapping with '}'"),
)


def _said(error: yaml.MarkedYAMLError, character: str) -> tuple[str, str]:
    """Give problem and mend in words that do not depend on which of PyYAML's parsers read the text."""
    problem = str(error.problem or "it cannot be read")
    if "cannot start any token" in problem:
        if character == "\t":
            return "this is not YAML: a tab cannot indent", "indent with spaces"
        return f"this is not YAML: {character!r} cannot begin a value", "quote the value"
    mend = next((mend for part, mend in _MENDS if part in problem), "")
    return f"this is not YAML: {problem}", mend
