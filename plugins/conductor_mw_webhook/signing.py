"""Sign a message as Standard Webhooks says (standardwebhooks.com, version 1)."""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import sha256
from typing import Final

from conductor_mw import ConductorError

_PREFIX: Final = "whsec_"


def key_of(secret: str) -> bytes:
    """Give the key of a secret: base64 behind `whsec_`, or the bytes of any other text.

    >>> key_of("whsec_c2VjcmV0"), key_of("secret")
    (b'secret', b'secret')

    Raises:
        ConductorError: it is empty, or no base64. The message does not repeat it.
    """
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ConductorError("the secret is no base64 behind `whsec_`") from None
    else:
        key = secret.encode()
    if not key:
        raise ConductorError("the secret is empty")
    return key


def signature(key: bytes, name: str, timestamp: int, body: bytes) -> str:
    """Give the value of the header `webhook-signature`.

    >>> signature(b"secret", "msg_1", 1700000000, b"{}")
    'v1,A5oIrJxXPB/PkULSoVu0e4khvPiqpF9vljmhkSKg0FI='
    """
    signed = b".".join((name.encode(), str(timestamp).encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()}"
