"""What people said, encrypted with a key of their own: forgetting somebody is deleting one key."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from conductor_mw import ConductorError

from .keys import Keys
from .tables import Tables

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12
_KEY_BITS: Final = 256
_INSTALL: Final = "pip install 'conductor-mw[audit]'"


class Vault:
    """Encrypts content by AES-256-GCM. A person's key is kept wrapped by the log's own key."""

    def __init__(self, tables: Tables, keys: Keys) -> None:
        """Make a vault.

        Raises:
            ConductorError: there is no key, or no package to encrypt with.
        """
        self._tables = tables
        self._wrapping = _cipher(keys.purpose("wrapping"))
        self._ciphers: dict[str, AESGCM] = {}

    def close(self, subject: str, content: Mapping[str, object], now: float) -> str:
        """Give content encrypted for a person, in base64.

        Args:
            subject: the person's pseudonym.
            content: plain JSON.
            now: the UTC second.

        Raises:
            ConductorError: the person's key cannot be read or kept now.
        """
        cipher = self._ciphers.get(subject) or self._cipher_of(subject, now)
        nonce = os.urandom(_NONCE)
        text = json.dumps(content, separators=(",", ":")).encode()
        return b64encode(nonce + cipher.encrypt(nonce, text, subject.encode())).decode("ascii")

    def open(self, subject: str, sealed: str) -> dict[str, Any] | None:
        """Give content again, or None where the person was forgotten.

        Raises:
            ConductorError: it was changed, or the log's key is another one.
        """
        wrapped = self._tables.wrapped_key(subject)
        if wrapped is None:
            return None
        from cryptography.exceptions import InvalidTag

        try:
            found = b64decode(sealed, validate=True)
            cipher = self._unwrapped(subject, wrapped)
            text = cipher.decrypt(found[:_NONCE], found[_NONCE:], subject.encode())
        except (InvalidTag, ValueError) as error:
            raise ConductorError(
                "this content cannot be decrypted", mend="Is AUDIT_KEY the key of this log?"
            ) from error
        return cast("dict[str, Any]", json.loads(text))

    def look_again(self) -> None:
        """Ask for keys again: somebody may have been forgotten meanwhile."""
        self._ciphers.clear()

    def _cipher_of(self, subject: str, now: float) -> AESGCM:
        wrapped = self._tables.wrapped_key(subject)
        if wrapped is None:
            nonce, fresh = os.urandom(_NONCE), os.urandom(_KEY_BITS // 8)
            made = nonce + self._wrapping.encrypt(nonce, fresh, subject.encode())
            self._tables.add_key(subject, made, now)
            # Another process may have been faster: its key is the one that counts.
            wrapped = self._tables.wrapped_key(subject) or made
        cipher = self._ciphers[subject] = self._unwrapped(subject, wrapped)
        return cipher

    def _unwrapped(self, subject: str, wrapped: bytes) -> AESGCM:
        key = self._wrapping.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], subject.encode())
        return _cipher(key)


def _cipher(key: bytes) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise ConductorError(
            "encrypted content needs the package cryptography", mend=_INSTALL
        ) from error
    return AESGCM(key)
