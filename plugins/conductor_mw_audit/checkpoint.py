"""A signed statement of how a log stood at one moment, to be kept where the log is not."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal

from conductor_mw import ConductorError

from .keys import Keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Method = Literal["none", "hmac", "ed25519"]
METHODS: Final[tuple[Method, ...]] = ("none", "hmac", "ed25519")
_VERSION: Final = b"conductor-mw audit checkpoint 1\n"
_INSTALL: Final = "pip install 'conductor-mw[audit]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """That a log had this root when it held this many records.

    Attributes:
        log: the id of the log; a checkpoint of another log says nothing about this one.
        size: how many records it held.
        root: the hash of the tree over them.
        time: when it was made, in UTC seconds.
        method: how it is signed.
        signature: over log, size, root and time; empty where nobody signed it.
        frontier: what a tree of this size goes on from; not exported, the root vouches for it.
    """

    log: str
    size: int
    root: bytes
    time: float
    method: Method = "none"
    signature: bytes = b""
    frontier: bytes = b""

    @property
    def statement(self) -> bytes:
        """What is signed."""
        said = f"{self.log}\n{self.size}\n{self.root.hex()}\n{self.time!r}\n"
        return _VERSION + said.encode("utf-8", "surrogatepass")

    def to_dict(self) -> dict[str, object]:
        """Give the checkpoint as plain JSON."""
        return {
            "log": self.log,
            "size": self.size,
            "root": self.root.hex(),
            "time": self.time,
            "method": self.method,
            "signature": self.signature.hex(),
        }

    def line(self) -> str:
        """Give the line that stands for it in a file of checkpoints."""
        return json.dumps(self.to_dict(), separators=(",", ":"))


class Signer:
    """Signs checkpoints, and says whether a signature is right."""

    def __init__(self, keys: Keys, method: Method, public_key: bytes | None = None) -> None:
        """Make a signer.

        Args:
            keys: the log's secrets; without them nothing signed can be checked by `hmac`.
            method: how new checkpoints are signed.
            public_key: the Ed25519 key of whoever checks and does not have the secrets.
        """
        self.method: Method = method
        self._keys = keys
        self._public = public_key

    def sign(self, log: str, size: int, root: bytes, time: float, frontier: bytes) -> Checkpoint:
        """Give the signed checkpoint of a log."""
        bare = Checkpoint(log=log, size=size, root=root, time=time, method=self.method)
        if self.method == "hmac":
            signature = hmac.digest(self._keys.purpose("checkpoints"), bare.statement, "sha256")
        elif self.method == "ed25519":
            signature = _private(self._keys.purpose("ed25519")).sign(bare.statement)
        else:
            signature = b""
        return Checkpoint(
            log=log, size=size, root=root, time=time, method=self.method, signature=signature,
            frontier=frontier,
        )  # fmt: skip

    def problem(self, checkpoint: Checkpoint) -> str:
        """Say what is wrong with a checkpoint's signature, or give an empty text."""
        if checkpoint.method == "none":
            # Whoever could change the log could write such a checkpoint as well.
            if self.method != "none":
                return f"it is not signed, and this log signs by {self.method}"
            return ""
        if checkpoint.method == "hmac":
            if self._keys.master is None:
                return "its signature cannot be checked without the audit key"
            right = hmac.digest(self._keys.purpose("checkpoints"), checkpoint.statement, "sha256")
            return "" if hmac.compare_digest(right, checkpoint.signature) else "wrong signature"
        return self._problem_of_ed25519(checkpoint)

    def public_key(self) -> bytes:
        """Give the Ed25519 key with which strangers can check this log's checkpoints."""
        return _private(self._keys.purpose("ed25519")).public_key().public_bytes_raw()

    def _problem_of_ed25519(self, checkpoint: Checkpoint) -> str:
        if self._public is None and self._keys.master is None:
            return "its signature cannot be checked without the audit key or the public key"
        _needed()
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            public = Ed25519PublicKey.from_public_bytes(self._public or self.public_key())
            public.verify(checkpoint.signature, checkpoint.statement)
        except (InvalidSignature, ValueError):
            return "wrong signature"
        return ""


def read_lines(lines: Iterable[str], where: str) -> Iterator[Checkpoint]:
    """Give the checkpoints of a file, in its order.

    Raises:
        ConductorError: a line is no checkpoint.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _from(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ConductorError(
                "this line is no checkpoint",
                where=f"{where}:{number}",
                mend="A line is what `checkpoints_to:` writes; a copy may have been cut.",
            ) from error


def _from(found: Mapping[str, Any]) -> Checkpoint:
    method = found["method"]
    size = found["size"]
    if method not in METHODS or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError("no checkpoint")
    return Checkpoint(
        log=str(found["log"]),
        size=size,
        root=bytes.fromhex(found["root"]),
        time=float(found["time"]),
        method=method,
        signature=bytes.fromhex(found["signature"]),
    )


@cache
def _private(seed: bytes) -> Ed25519PrivateKey:
    _needed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed)


def _needed() -> None:
    if find_spec("cryptography") is None:
        raise ConductorError("Ed25519 needs the package cryptography", mend=_INSTALL)
