"""Little shops that are wrong in one way each: whoever compares them with the real one has to see it."""

from tests.support.little_shop import Lines, LittleShop, Place


class ShipsNothing(LittleShop):
    def leave(self, place: Place, units: int) -> None:
        """What was shipped is still on the shelf."""


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


BROKEN = [ShipsNothing, ForgetsWhatIsHeld, NeverReclaims, TakesTheOwnHoldForAnothers, TellsNothing, DisplacesNobody]
