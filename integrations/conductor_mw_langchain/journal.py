"""Keep what attempts before a gate gave with the graph's checkpoint, so that none is made twice.

LangGraph runs a node again from its beginning when it is resumed. Records are written beside the
checkpoint through the checkpointer's public `put_writes`. They are not tasks of LangGraph: a task
called in a sync node waits for a thread that its own node may hold, it appears in
`stream_mode="updates"`, and which result is whose depends on the order of calls. A record is found
by what was asked, so branches that run at the same time never get each other's answers.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any, Final, cast
from uuid import NAMESPACE_OID, uuid5

from conductor_mw import Io

from .graph import Node

CHANNEL: Final = "__conductor_mw__"
"""Where in a checkpoint's writes the records stand; no channel of a graph can be called so."""

Record = Mapping[str, Any]


class Journal:
    """What is kept of one task of a graph. Safe from many threads.

    A record is plain JSON, and is written once: another under the same key changes nothing.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._kept: dict[str, Record] = {}
        self._fresh: dict[str, Record] = {}
        self._seen: Counter[str] = Counter()
        self._begun: dict[str, str] = {}
        self._loaded = False
        self._lock = threading.Lock()

    @property
    def task(self) -> str:
        """The id of the task, the same in every pass."""
        return self._node.task

    async def load(self) -> None:
        """Read what earlier passes kept; once."""
        if self._loaded:
            return
        saver, config = self._node.checkpointer, self._node.config
        reading: Io[Any] = Io(
            partial(saver.get_tuple, config), aio=lambda: saver.aget_tuple(config)
        )
        found = await reading
        with self._lock:
            if not self._loaded and found is not None:
                for _, channel, value in found.pending_writes or ():
                    if channel == CHANNEL:
                        self._take(value)
            self._loaded = True

    def key(self, *asked: object) -> str:
        """Give the key of what is asked now: the same in every pass, and another one each time.

        Args:
            asked: everything that shapes the answer. What is no JSON counts by its `repr`.
        """
        try:
            text = json.dumps(asked, sort_keys=True, default=repr)
        except (TypeError, ValueError):  # keys that are no texts, or a value that holds itself
            text = repr(asked)
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        with self._lock:
            self._seen[digest] += 1
            times = self._seen[digest]
        return digest if times == 1 else f"{digest}.{times}"

    def get(self, key: str) -> Record | None:
        """Give what is kept under a key."""
        return self._kept.get(key)

    def any(self, mark: str) -> bool:
        """Say whether a record has this mark."""
        return any(mark in record for record in tuple(self._kept.values()))

    def begin(self, key: str, path: str) -> None:
        """Remember that something is asked at a place, so that it is known where it never ends."""
        with self._lock:
            self._begun[key] = path

    def forget(self, key: str) -> None:
        """Take in that something came to its end, though nothing of it can be kept."""
        with self._lock:
            self._begun.pop(key, None)

    def open(self) -> list[tuple[str, str]]:
        """Give the keys and places of what was begun and of which nothing is kept."""
        with self._lock:
            return [(key, path) for key, path in self._begun.items() if key not in self._kept]

    def keep(self, key: str, record: Record) -> None:
        """Keep a record; it is written by the next `save`."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._fresh[key] = record

    async def save(self) -> None:
        """Write what was kept since the last time."""
        with self._lock:
            fresh, self._fresh = self._fresh, {}
        if not fresh:
            return
        saver, config, task = self._node.checkpointer, self._node.config, self._node.task
        writes = [(CHANNEL, json.dumps([task, key, record])) for key, record in fresh.items()]
        name = str(uuid5(NAMESPACE_OID, " ".join((task, *sorted(fresh)))))
        writing: Io[None] = Io(
            partial(saver.put_writes, config, writes, name),
            aio=lambda: saver.aput_writes(config, writes, name),
        )
        await writing

    def _take(self, value: object) -> None:
        # Another task's, another version's, or changed by hand: then it is asked again.
        try:
            task, key, record = json.loads(cast("Any", value))
        except (TypeError, ValueError):
            return
        if task == self._node.task and isinstance(key, str) and isinstance(record, dict):
            self._kept.setdefault(key, cast("Record", record))
