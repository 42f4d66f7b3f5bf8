"""One record: its head, by which it is looked up, and its body, which is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Final, NamedTuple, cast

LARGEST: Final = 1_000_000
"""Letters of one record; what is larger becomes a tombstone."""
_LONGEST: Final = 400
"""Letters of a field of the head."""
_OPTIONAL: Final = ("run", "agent", "rule", "tenant", "subject")
HEAD: Final = ("kind", "time", *_OPTIONAL)
_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record that is about to be appended.

    Attributes:
        kind: what it records; see `kinds`.
        time: when that began, in UTC seconds.
        run: the run it belongs to.
        agent: the agent that was asked.
        rule: the rule that matched.
        tenant: for whom.
        subject: the pseudonym of the person whose data it is.
        data: everything else, plain JSON.
        content: what users and agents said; it is stored encrypted or not at all.
    """

    kind: str
    time: float
    run: str | None = None
    agent: str | None = None
    rule: str | None = None
    tenant: str | None = None
    subject: str | None = None
    data: Mapping[str, object] = field(default_factory=dict[str, object])
    content: Mapping[str, object] | None = field(default=None, repr=False)

    def written(self, sealed: str = "") -> Written:
        """Give the record as it is stored.

        Args:
            sealed: the encrypted content.

        Raises:
            ValueError: it is no plain JSON, or too large.
            TypeError: it is no plain JSON.
        """
        head = Head(
            self.kind,
            self.time,
            plain(self.run),
            plain(self.agent),
            plain(self.rule),
            plain(self.tenant),
            plain(self.subject),
        )
        said = {**head.named(), **self.data}
        if sealed:
            said["content"] = sealed
        body = _JSON.encode(said)
        if len(body) > LARGEST:
            raise ValueError(f"it has {len(body):,} letters, and {LARGEST:,} is the most")
        return Written(head, body)


class Head(NamedTuple):
    """What records are looked up by; the body says the same."""

    kind: str
    time: float
    run: str | None = None
    agent: str | None = None
    rule: str | None = None
    tenant: str | None = None
    subject: str | None = None

    def named(self) -> dict[str, object]:
        """Give what is there, by name, in the order in which bodies begin."""
        return {name: value for name, value in zip(HEAD, self, strict=True) if value is not None}

    def begins(self) -> str:
        """Give how the body of a record with this head begins.

        >>> Head("call", 1.5, "7f", agent="small").begins()
        '{"kind":"call","time":1.5,"run":"7f","agent":"small"'
        """
        said = [f'{{"kind":{quoted(self.kind)},"time":{self.time!r}']
        for name, value in zip(_OPTIONAL, self[2:], strict=True):
            if value is not None:
                said.append(f',"{name}":{quoted(value)}')
        return "".join(said)


class Written(NamedTuple):
    """A record as bytes go: its head, and the JSON text that the tree's leaf is made of."""

    head: Head
    body: str


class Stored(NamedTuple):
    """A record as it stands in the log.

    Attributes:
        number: its place, from 1, without gaps.
        head: what it is looked up by.
        body: its JSON text.
        seal: what binds the body to the number.
    """

    number: int
    head: Head
    body: str
    seal: bytes

    @property
    def data(self) -> dict[str, Any]:
        """The record as plain JSON, its head included."""
        return cast("dict[str, Any]", json.loads(self.body))


def plain(text: object) -> str | None:
    r"""Give a text that every database takes: short, without half letters and without NUL.

    >>> plain("a\x00b"), plain(7), plain(None)
    ('a\ufffdb', '7', None)
    """
    if text is None:
        return None
    said = text if isinstance(text, str) else str(text)
    whole = said[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\x00", "\ufffd")
