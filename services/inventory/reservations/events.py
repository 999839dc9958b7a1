"""What reservations tell the rest of the world.

`reservation.held` is written by reserve.sql, `reservation.expired` by expire_due.sql too.
"""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.inventory.accounts.model import AccountId
from services.inventory.reservations.model import ReservationId

HELD = "reservation.held"


@dataclass(frozen=True, slots=True)
class ReservationConfirmed:
    name: ClassVar[str] = "reservation.confirmed"
    reservation_id: ReservationId
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.reservation_id


@dataclass(frozen=True, slots=True)
class ReservationFulfilled:
    name: ClassVar[str] = "reservation.fulfilled"
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


@dataclass(frozen=True, slots=True)
class ReservationDisplaced:
    name: ClassVar[str] = "reservation.displaced"
    reservation_id: ReservationId
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.reservation_id


@dataclass(frozen=True, slots=True)
class ReservationExpiring:
    """Nothing has happened yet; its owner can still confirm or extend it. Written by reminding.py."""

    name: ClassVar[str] = "reservation.expiring"
    reservation_id: ReservationId
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.reservation_id


@dataclass(frozen=True, slots=True)
class ReservationExpired:
    name: ClassVar[str] = "reservation.expired"
    reservation_id: ReservationId
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.reservation_id
