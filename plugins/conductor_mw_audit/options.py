"""What a policy may write below `audit`, and what becomes of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conductor_mw import Commitments, ConductorError, Duration, LayerSite, Policy, Setting

from .archive import archived
from .checkpoint import Method, Signer
from .describe import Describer, Whose
from .facts_kept import Kept
from .keys import Keys
from .layer import Holder, Recorder
from .log import Log
from .opening import open_tables
from .scribe import Unready
from .vault import Vault
from .writer import WhenFull, Writer

_FROM_ENVIRONMENT: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]{0,127})\}")
_KEY: Final = r"^\$\{env:[A-Za-z_][A-Za-z0-9_]{0,127}\}$"
Mode = Literal["behind", "before_answer"]


class AuditOptions(BaseModel):
    """Where records are kept, what they hold, and what happens when they cannot be kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(
        default="conductor.db", min_length=1, description="The SQLite file that holds the log."
    )
    to: str | None = Field(
        default=None,
        description="Its address instead of `path`: `postgresql://host/database?schema=name`. "
        "`${env:NAME}` stands for a part that is secret.",
    )
    mode: Mode = Field(
        default="behind",
        description="`behind`: a record is written a little after its answer. `before_answer`: an "
        "answer is delivered only once its record is on the disk.",
    )
    queue: int = Field(
        default=10_000, ge=1, le=10_000_000, description="How many records may wait to be written."
    )
    when_full: WhenFull | None = Field(
        default=None,
        description="What happens while the queue is full: `block`: a new request waits. "
        "`refuse`: it is refused. `drop`: records are lost, counted and told. By default `drop` "
        "in `behind` and `refuse` in `before_answer`.",
    )
    content: Literal["none", "encrypted"] = Field(
        default="none",
        description="Whether what users and agents said is kept, encrypted with a key for each "
        "subject. Needs `subject` and `key`.",
    )
    tenant: str | None = Field(
        default=None,
        description="Expression: for whom a request is. The signal `tenant` where there is one.",
    )
    actor: str | None = Field(default=None, description="Expression: who made the request.")
    subject: str | None = Field(
        default=None,
        description="Expression: whose data it is. Records hold a pseudonym. Needs `key`.",
    )
    metadata: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description="Keys of the metadata that records hold, beside those that conditions name.",
    )
    key: str | None = Field(
        default=None,
        pattern=_KEY,
        description="`${env:AUDIT_KEY}`: the secret that seals, signs, commits and encrypts.",
    )
    checkpoint_every: int = Field(
        default=1000, ge=1, description="After how many records a checkpoint is made."
    )
    sign: Method | None = Field(
        default=None,
        description="How checkpoints are signed: `hmac`, `ed25519` or `none`. By default `hmac` "
        "with a key and `none` without.",
    )
    checkpoints_to: str | None = Field(
        default=None,
        min_length=1,
        description="A file that every checkpoint is appended to as well, or `stdout`.",
    )
    keep: Duration | None = Field(
        default=None, description="How long records are kept; for ever where left out."
    )

    @model_validator(mode="after")
    def _whole(self) -> AuditOptions:
        if self.to is not None and "path" in self.model_fields_set:
            raise ValueError("write `path` or `to`, not both")
        if self.key is None and (self.subject or self.content == "encrypted"):
            raise ValueError("a pseudonym and encrypted content need `key: ${env:AUDIT_KEY}`")
        if self.key is None and self.sign in ("hmac", "ed25519"):
            raise ValueError("a signature needs `key: ${env:AUDIT_KEY}`")
        if self.content == "encrypted" and self.subject is None:
            raise ValueError("encrypted content needs `subject`: whose key encrypts it")
        if self.mode == "before_answer" and self.when_full == "drop":
            raise ValueError("`before_answer` and `when_full: drop` contradict each other")
        return self

    @property
    def address(self) -> str:
        """Where the log stands."""
        return self.to if self.to is not None else f"sqlite:{self.path}"

    @property
    def full(self) -> WhenFull:
        """What happens while the queue is full."""
        return self.when_full or ("drop" if self.mode == "behind" else "refuse")

    def prepare(self, site: LayerSite) -> Prepared:
        """Compile the expressions."""
        tenant = self.tenant or ("tenant" if "tenant" in site.signals else None)

        def compiled(text: str | None, where: str) -> Any:
            return None if text is None else site.value(text, where)

        whose = Whose(
            compiled(tenant, "tenant"),
            compiled(self.actor, "actor"),
            compiled(self.subject, "subject"),
        )
        return Prepared(self, whose)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The options with their expressions compiled."""

    options: AuditOptions
    whose: Whose

    def build(self, setting: Setting) -> Recorder:
        """Give the layer.

        Raises:
            ConductorError: the key is not in the environment, or the file cannot be used.
        """
        options = self.options
        keys = Keys.of(_from_environment(options.key))
        open_log = partial(_opened, options, keys)
        if options.to is None:
            _try(open_log())  # a wrong path is told now, not with the first request
        writer = setting.shared(
            ("audit", options),
            lambda: Writer(
                open_log,
                setting.clock,
                most=options.queue,
                tell=setting.tell,
                keep=options.keep,
            ),
        )
        describer = Describer(
            setting,
            Kept.of(setting.policy, options.metadata),
            self.whose,
            keys,
            _commitments(setting.commitments, keys),
            options.content == "encrypted",
        )
        sort = Recorder if options.mode == "behind" else Holder
        return sort(
            writer,
            describer,
            setting.clock,
            options.full,
            describer.commitments.key is not None or describer.content,
            partial(_policy, open_log, setting.policy, setting),
        )


def _try(log: Log) -> None:
    try:
        log.check_key()
    finally:
        log.tables.close()


def _policy(open_log: Any, policy: Policy, setting: Setting, _: object) -> Iterable[Any]:
    try:
        log: Log = open_log()
        try:
            entry = archived(log, policy, setting.clock.now().utc)
        finally:
            log.tables.close()
    except ConductorError as error:
        raise Unready(error.problem, where=error.where, mend=error.mend) from error
    yield entry


def _opened(options: AuditOptions, keys: Keys) -> Log:
    tables = open_tables(_filled(options.address))
    method: Method = options.sign or ("none" if keys.master is None else "hmac")
    return Log(
        tables,
        keys,
        Signer(keys, method),
        options.checkpoint_every,
        options.checkpoints_to or "",
        Vault(tables, keys) if options.content == "encrypted" else None,
    )


def _commitments(app: Commitments, keys: Keys) -> Commitments:
    """Give the app's own commitments, or some with a key made of the log's."""
    if app.key is not None or keys.master is None:
        return app
    return Commitments(keys.purpose("commitments"))


def _from_environment(text: str | None) -> str | None:
    return None if text is None else _filled(text)


def _filled(text: str) -> str:
    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if not os.environ.get(name):
            raise ConductorError(
                f"the environment variable {name} is not set", where="plugins.audit"
            )
        return os.environ[name]

    return _FROM_ENVIRONMENT.sub(value, text)
