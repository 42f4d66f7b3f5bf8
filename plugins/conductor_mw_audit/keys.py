"""The secrets of one log, all made from the one key that the policy names."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from conductor_mw import ConductorError

SHORTEST: Final = 16
"""Letters that a key must have; 32 random bytes in hex are 64."""
SEAL_BYTES: Final = 16
_LABEL: Final = b"conductor-mw audit 1 "


@dataclass(frozen=True, slots=True)
class Keys:
    """What is derived from the log's key, each for one purpose (HMAC-SHA256 of its name).

    Seals are keyed BLAKE2b (RFC 7693), a fifth of HMAC's time: every record has one.

    Attributes:
        master: the key itself, or None where the policy names none: then seals show accidents and
            careless hands, and only a checkpoint kept elsewhere shows careful ones.
    """

    master: bytes | None = field(default=None, repr=False)
    _sealing: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, text: str | None) -> Keys:
        """Give the secrets of a key as a policy or the environment holds it.

        Raises:
            ConductorError: it is too short to be one.
        """
        if not text:
            return cls()
        if len(text) < SHORTEST:
            raise ConductorError(
                f"the audit key has {len(text)} letters, and needs {SHORTEST} at least",
                mend="Make one with: openssl rand -hex 32",
            )
        master = text.encode("utf-8", "surrogatepass")
        return cls(master, hmac.digest(master, _LABEL + b"seals", "sha256"))

    def purpose(self, name: str) -> bytes:
        """Give the secret for a purpose, for example `wrapping`.

        Raises:
            ConductorError: there is no key.
        """
        if self.master is None:
            raise ConductorError(
                "this needs the audit key",
                mend="Give `key:` in the policy, or set AUDIT_KEY for the command line.",
            )
        return hmac.digest(self.master, _LABEL + name.encode(), "sha256")

    def seal(self, number: int, leaf: bytes) -> bytes:
        """Give what binds a record to its place, kept beside it.

        Args:
            number: the record's number.
            leaf: its hash in the tree.
        """
        bound = number.to_bytes(8, "big") + leaf
        return blake2b(bound, digest_size=SEAL_BYTES, key=self._sealing).digest()

    def pseudonym(self, subject: str) -> str:
        """Give what stands for a person in records: nobody can make it without the key."""
        secret = self.purpose("subjects")
        return hmac.digest(secret, subject.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]
