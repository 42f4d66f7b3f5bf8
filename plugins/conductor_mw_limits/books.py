"""Which book counts: the one in this process, the shared one, and what stands in for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conductor_mw import Now, StoreError

from .held import Book, Held, Short
from .local import LocalBook
from .shared import SharedBook
from .waiting import acquire

if TYPE_CHECKING:
    from conductor_mw import Setting

    from .counting import Needs
    from .options import Prepared, StoreDown


@dataclass(frozen=True, slots=True)
class Books:
    """The books of a policy; they outlive it.

    Attributes:
        local: counts in this process.
        shared: counts in the policy's store, or None where that is this process's own memory.
        down: what happens while the store cannot be reached.
    """

    local: LocalBook
    shared: SharedBook | None = None
    down: StoreDown = "local"

    @classmethod
    def of(cls, prepared: Prepared, setting: Setting) -> Books:
        """Give the books of a policy."""
        clock, options = setting.clock, prepared.options
        local = setting.shared(("limits", "local"), lambda: LocalBook(clock.monotonic))
        if not prepared.shared:
            return cls(local)
        store = setting.store()
        shared = setting.shared(
            ("limits", "shared", setting.policy.store),
            lambda: SharedBook(store, clock, options.slot_lease),
        )
        return cls(local, shared, options.store_down)

    def taken(self, needs: Needs) -> Held | None:
        """Give what is held now, or None where somebody has to wait or a store has to be asked."""
        book: Book = self.local
        if self.shared is not None:
            if not self.shared.down:
                book = self.shared
            elif self.down == "allow":
                return Held(book)
            elif self.down == "refuse":
                return None
        held = Held(book)
        return held if book.taken(held, *needs) else None

    def forced(self, needs: Needs) -> Held:
        """Give what is held, whether or not there was room."""
        book: Book = self.shared or self.local
        held = Held(book)
        book.force(held, needs[0])
        return held

    async def acquired(self, needs: Needs, until: float) -> Held | Short:
        """Give what is held, or what was short when patience ended; see `acquire`.

        Raises:
            StoreError: the store cannot be reached, and the policy says to refuse then.
        """
        if self.shared is not None:
            try:
                return await acquire(self.shared, *needs, until)
            except StoreError:
                if self.down == "refuse":
                    raise
                if self.down == "allow":
                    return Held(self.local)
                until = max(until, (await Now()).monotonic)
        return await acquire(self.local, *needs, until)
