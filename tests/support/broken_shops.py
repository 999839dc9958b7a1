"""Little shops that are wrong in one way each: whoever compares them with the real one has to see it."""

from tests.support.little_shop import Lines, LittleShop, Place


class ShipsNothing(LittleShop):
    def move(self, place: Place, delta: int, reason: str) -> None:
        """What was shipped is still on the shelf."""
        if reason != "fulfilment":
            super().move(place, delta, reason)


class ForgetsWhatIsHeld(LittleShop):
    def promised(self, place: Place, state: str) -> int:
        return 0 if state == "held" else super().promised(place, state)


class NeverReclaims(LittleShop):
    def expire_due(self, places: set[Place] | None = None) -> None:
        if places is None:
            super().expire_due()


class TakesTheOwnHoldForAnothers(LittleShop):
    def free(self, place: Place, own: Lines | None = None) -> int:  # noqa: ARG002  # that is the mistake
        return super().free(place)


class TellsNothing(LittleShop):
    def end(self, name: str, state: str, event: str) -> None:
        super().end(name, state, event)
        self.events.clear()


class DisplacesNobody(LittleShop):
    def displace(self, place: Place, counted: int) -> bool:
        return self.promised(place, "confirmed") <= counted + self.shelves[place].backorder_limit


class KeepsNoLedgerOfArrivals(LittleShop):
    def move(self, place: Place, delta: int, reason: str) -> None:
        super().move(place, delta, reason)
        self.ledger = [entry for entry in self.ledger if entry[-1] != "transfer_in"]


class LowersAnyLimit(LittleShop):
    def configure(self, place: Place, backorder_limit: int, safety_stock: int) -> bool:
        self.shelves[place].backorder_limit, self.shelves[place].safety_stock = backorder_limit, safety_stock
        return True


class MakesAnotherCart(LittleShop):
    def holder(self, reference: str) -> str | None:  # noqa: ARG002  # that is the mistake
        return None


class DoesAllOrNothing(LittleShop):
    def adjust(self, changes: Lines, *, is_all_or_none: bool) -> set[Place]:  # noqa: ARG002  # that is the mistake
        return super().adjust(changes, is_all_or_none=True)


BROKEN = [
    ShipsNothing,
    ForgetsWhatIsHeld,
    NeverReclaims,
    TakesTheOwnHoldForAnothers,
    TellsNothing,
    DisplacesNobody,
    KeepsNoLedgerOfArrivals,
    LowersAnyLimit,
    MakesAnotherCart,
    DoesAllOrNothing,
]
