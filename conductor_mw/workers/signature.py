"""Sign a call and check a signature, as Standard Webhooks says (standardwebhooks.com, v1)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from conductor_mw.errors import ConductorError

PREFIX: Final = "whsec_"
TOLERANCE: Final = 300.0
"""Seconds that the clocks of caller and worker may differ; what is older was recorded."""


def key_of(secret: str) -> bytes:
    """Give the key of a secret: base64 behind `whsec_`, or the bytes of any other text.

    >>> key_of("whsec_c2VjcmV0"), key_of("secret")
    (b'secret', b'secret')

    Raises:
        ConductorError: it is empty, or no base64. The message does not repeat it.
    """
    if not secret.startswith(PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ConductorError("the secret is no base64 behind `whsec_`") from None
    if not key:
        raise ConductorError("the secret is empty")
    return key


def sign(key: bytes, name: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Give the three headers of a signed message.

    >>> sign(b"secret", "msg_1", 1700000000, b"{}")["webhook-signature"]
    'v1,A5oIrJxXPB/PkULSoVu0e4khvPiqpF9vljmhkSKg0FI='
    """
    return {
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{_signature(key, name, str(timestamp), body)}",
    }


def refusal(
    key: bytes, headers: Mapping[str, str], body: bytes, *, now: float, tolerance: float = TOLERANCE
) -> str:
    """Say why a message is not to be believed; an empty string where it is.

    Args:
        key: the key that the sender must have.
        headers: the message's headers, their names in small letters.
        body: its body, as it came.
        now: seconds since 1970.
        tolerance: how far its timestamp may lie from now.
    """
    name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return "the message has no id and no timestamp"
    if abs(int(timestamp) - now) > tolerance:
        return "the timestamp is too far from now"
    wanted = _signature(key, name, timestamp, body).encode()
    for given in headers.get("webhook-signature", "").split(" "):
        version, _, signature = given.partition(",")
        if version == "v1" and hmac.compare_digest(signature.encode(), wanted):
            return ""
    return "the signature is wrong"


def _signature(key: bytes, name: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((name.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
