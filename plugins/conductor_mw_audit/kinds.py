"""Every kind of record, and what each says beside its head.

Every record has a head: `kind`, `time` (when it began, UTC seconds), and where they apply `run`,
`agent`, `rule`, `tenant` and `subject` (a pseudonym). What stands for a text is
`{"length": ..., "commitment": ...}`; the commitment is there where a key is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "decision": (
            "A request that ended. `ended`; `policy` (fingerprint), `environment`; `target`, "
            "`forced`, `passed_over` ([rule, condition that was not true], or how many rules), "
            "`asked` (paid signals); `signals` (all that hold no content), `later` (live signals "
            "that nobody read, as they were when this was written), `classes` (kinds of data "
            "seen); `prompt` and `answer` (what stands for them); `agents` (who saw it, with "
            "model), `calls`, `failures` ([path, agent, number, kind]); `tokens` ([input, output, "
            "cached, reasoning]), `cost_nano` (nano-dollars, null where unknown), `seconds`, "
            "`finish`, `failed` ([kind, error]); `actor`, `trace` (W3C traceparent), `content` "
            "(encrypted)."
        ),
        "begun": (
            "A streamed answer is about to be delivered (only `before_answer`). `policy`, `target`."
        ),
        "call": (
            "A call of an agent, whatever for and however it ended. `path`, `number`, `purpose`, "
            "`model`, `replica`, `visible`; `prompt` (what stands for all that was sent, where "
            "there is a key); `tokens`, `cost_nano`, `seconds`, `first_part`, `finish`, `failed`, "
            "`by`; `guarantees` ([id, whether it let the agent be asked])."
        ),
        "cache_hit": "An answer from the cache, in the place of a call. As `call`.",
        "refusal": (
            "A guarantee or a layer refused before anybody was asked. `path`, `number`, `failed`, "
            "`because`."
        ),
        "gate": (
            "What people decided. `gate`, `queue`, `state`, `quorum`, `opened`, `shown`, `votes` "
            "(by, choice, time, comment), `verdict`, `by`."
        ),
        "policy": (
            "A policy answered its first request here. `policy`, `name`, `documents`, `archived` "
            "(hash of the archived text), `mode`, `environment`."
        ),
        "feedback": "What somebody found of an answer. `data`: score, label, by, comment.",
        "pruned": "Old records were dropped. `upto`, `records`, `before`, `by`, `root`.",
        "forgotten": "A person's key was deleted, and with it what they said. `by`.",
        "rolled_back": "An archived policy was written back into its files. `policy`, `by`.",
        "withheld": "An answer was held back, because its record could not be kept. `because`.",
        "tombstone": "A record could not be made. `of`, `because` (the error's name).",
        "lost": "Records were lost because the queue was full. `records`, `total`.",
    }
)
"""The kinds that this layer makes. Every other kind is the name of an event, with its `data`."""
