"""What reservations tell the rest of the world.

`reservation.held` and `reservation.expired` are written by the functions in reserve.sql and expire_due.sql.
"""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.inventory.accounts.model import AccountId
from services.inventory.reservations.model import ReservationId

HELD = "reservation.held"
EXPIRED = "reservation.expired"


@dataclass(frozen=True, slots=True)
class ReservationConfirmed:
    name: ClassVar[str] = "reservation.confirmed"
    reservation_id: ReservationId
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.reservation_id


@dataclass(frozen=True, slots=True)
class ReservationCancelled:
    name: ClassVar[str] = "reservation.cancelled"
    reservation_id: ReservationId
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.reservation_id
