"""Facts and rules about notifications."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from services.inventory.accounts.model import AccountId
from services.inventory.reservations.model import ReservationId

NotificationId = NewType("NotificationId", UUID)

QUEUED_LEASE_SECONDS = 30  # how long a published notification may lie in the queue before it is published again
SENDING_LEASE_SECONDS = 30  # longer than a worker's time limit, so that a second one starts only when the first is dead
RETRY_SECONDS = 15  # between one failed attempt and the next
ERROR_LENGTH_MAX = 500


class State(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Notification:
    notification_id: NotificationId
    kind: str  # the event's name
    account_id: AccountId
    reservation_id: ReservationId | None  # None: it is about the account itself
    created_at: datetime
    request_id: str | None  # of the request that caused it
    attempts: int = 0  # the number of this attempt, once it has begun


@dataclass(frozen=True, slots=True)
class Due:
    """A notification to publish, and the attempts that were made when it was: a message of an earlier attempt is stale."""

    notification_id: NotificationId
    attempts: int


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a reservation as its owner knows it."""

    sku: str
    name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that a mail says, and to whom."""

    notification: Notification
    email: str
    full_name: str | None  # None: of whoever wrote the address into a form, who may not be its reader
    external_ref: str | None = None
    items: tuple[Item, ...] = ()
    link_token: str | None = field(default=None, repr=False)  # made for this mail; nothing else ever holds it
