"""Whose answers these are: nobody gets an answer from another partition."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from conductor_mw import EvaluationError, Expression, Run

from .canonical import NotPlainError, canonical

FORM: Final = "conductor-mw cache 1"
_MOST: Final = 4096
"""Partitions whose digest is remembered; making one again takes a few microseconds."""


@dataclass(frozen=True, slots=True)
class Partitions:
    """Tells the partition of a run.

    Attributes:
        scope: `tenant`, `user` or `shared`.
        tenant: gives the tenant, or None where answers are not kept apart by it.
        user: gives the user, likewise.
    """

    scope: str
    tenant: Expression | None
    user: Expression | None
    _known: dict[object, str] = field(default_factory=dict[object, str], compare=False, repr=False)

    def of(self, run: Run) -> str:
        """Give 64 hexadecimal digits that stand for the partition; '' where it is not known.

        A tenant that is null or empty is no tenant.
        """
        tenant = user = None
        try:
            if self.tenant is not None:
                tenant = self.tenant.evaluate(run.facts)
                if tenant is None or tenant == "":
                    return ""
            if self.user is not None:
                user = self.user.evaluate(run.facts)
                if user is None or user == "":
                    return ""
            if type(tenant) is str and user is None:
                known = self._known.get(tenant)
                if known is None:
                    known = self._known[tenant] = digest_of(self.scope, tenant, None)
                    if len(self._known) > _MOST:
                        self._known.clear()
                return known
            return digest_of(self.scope, tenant, user)
        except (EvaluationError, NotPlainError):
            return ""


def digest_of(scope: str, tenant: object, user: object) -> str:
    """Give what stands for a partition. Raises `NotPlainError` where a name is no plain data."""
    return sha256(canonical([FORM, scope, tenant, user])).hexdigest()
