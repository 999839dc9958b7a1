"""Facts and rules about notifications."""

import random
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
# To wait at most after the first failure that counts, the second and so on: a worker that is being replaced is back within a
# second, a template that somebody is repairing within a minute. After the fifth nobody waits any more.
RETRY_SECONDS_MAX = (1, 5, 15, 60)
FAILURES_MAX = len(RETRY_SECONDS_MAX) + 1
OUTAGE_SECONDS_MAX = 30  # a mail server that is back has everything offered to it within this time
HISTORY_MAX = 20  # attempts that are remembered, the last: all that count, and what an evening without a mail server was like
ERROR_LENGTH_MAX = 500

STOCK_MAIL_SECONDS = 60  # between one mail about the stock and the next
CROSSINGS_MAX = 5_000  # in one mail; more wait for the next, so that a transaction stays short
CROSSINGS_LISTED_MAX = 100  # nobody reads further; the list in the API has all
RECIPIENTS_MAX = 200  # of one mail about the stock; a larger staff reads a mailing list

DIED = "the worker that had it in hand never said what became of it"


class NotificationState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


class DeadLetterState(StrEnum):
    """What was decided about a notification that died."""

    DEAD = "dead"  # nothing yet
    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Crossing:
    """That an item became low or ran out."""

    kind: str  # the event's name
    sku: str
    name: str
    warehouse: str
    available: int  # then
    low_stock_at: int
    crossed_at: datetime


@dataclass(frozen=True, slots=True)
class StockNews:
    """What the staff are told in one mail: how often it happened, and the crossings that there is room for."""

    out: int
    low: int
    crossings: tuple[Crossing, ...]

    @property
    def unlisted(self) -> int:
        return self.out + self.low - len(self.crossings)


@dataclass(frozen=True, slots=True)
class Notification:
    notification_id: NotificationId
    kind: str  # the event's name
    account_id: AccountId
    reservation_id: ReservationId | None  # None: it is about the account itself
    created_at: datetime
    request_id: str | None  # of the request that caused it
    attempts: int = 0  # the number of this attempt, once it has begun
    failures: int = 0  # attempts before this one that count; a replay forgives them
    facts: StockNews | None = None  # what its mail tells that no other row keeps


@dataclass(frozen=True, slots=True)
class Due:
    """A notification to publish, and the attempts that were made when it was: a message of an earlier attempt is stale."""

    notification_id: NotificationId
    attempts: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended that did not send."""

    error: str
    failures: int  # that count, this one included if it does
    wait_seconds: float | None  # until it is due again; None: it is dead


def failed(notification: Notification, error: str) -> Ending:
    """The message itself failed, which counts."""
    failures = notification.failures + 1
    return Ending(error, failures, None if failures >= FAILURES_MAX else _jitter(RETRY_SECONDS_MAX[failures - 1]))


def died(notification: Notification) -> Ending:
    """The worker died on it, which counts. The lease that ran out was the wait."""
    failures = notification.failures + 1
    return Ending(DIED, failures, None if failures >= FAILURES_MAX else 0)


def refused(notification: Notification, error: str) -> Ending:
    """The mail server will never take it."""
    return Ending(error, notification.failures, None)


def postponed(notification: Notification, error: str) -> Ending:
    """Something else was out of order, which does not count, however often it is."""
    return Ending(error, notification.failures, _jitter(min(2**notification.attempts, OUTAGE_SECONDS_MAX)))


def _jitter(seconds_max: float) -> float:
    """Full jitter: what failed together must not come back together."""
    return random.uniform(0, seconds_max)  # noqa: S311  # no secret


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that did not send."""

    at: datetime  # when it ended
    error: str


@dataclass(frozen=True, slots=True)
class Payload:
    """What the mail is made from. A link's token is made for each attempt anew and never kept, so there is none in here."""

    account_id: AccountId
    reservation_id: ReservationId | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A notification that died, as it is looked at to decide about it."""

    dead_letter_id: NotificationId
    kind: str
    reason: str
    attempts: tuple[Attempt, ...]  # the last ones, oldest first
    payload: Payload
    created_at: datetime  # when it died
    state: DeadLetterState


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
    ends_at: datetime | None = None  # of a hold that is about to end
    news: StockNews | None = None
    link_token: str | None = field(default=None, repr=False)  # made for this mail; nothing else ever holds it
