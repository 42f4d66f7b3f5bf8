"""Stand for a text in records: by its length, and a commitment that a key's holder can check."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Commitments:
    """Makes what a record holds instead of a user's text.

    With a key the record carries an HMAC-SHA256 of the text, so that whoever holds the key can show
    later which text it was about. A bare hash would not do: short texts can be guessed from it.

    Attributes:
        key: the secret, 32 random bytes for example; without it a record carries lengths only.
    """

    key: bytes | None = field(default=None, repr=False)

    def stand_for(self, text: str) -> dict[str, object]:
        """Give what a record holds instead of a text.

        >>> Commitments().stand_for("secret")
        {'length': 6}
        >>> sorted(Commitments(b"key").stand_for("secret"))
        ['commitment', 'length']
        """
        if self.key is None:
            return {"length": len(text)}
        encoded = text.encode("utf-8", "surrogatepass")
        return {
            "length": len(text),
            "commitment": hmac.digest(self.key, encoded, "sha256").hex(),
        }


LENGTHS_ONLY = Commitments()
"""What is used where no key was given."""
