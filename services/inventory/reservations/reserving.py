"""The statements that place a reservation, one or many at once: reserve.sql and reserve_batch.sql."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import text

from services.inventory.accounts.model import AccountId
from services.inventory.reservations import reading
from services.inventory.reservations.errors import DuplicateReference, HoldLimitExceeded, LineTooLarge, TooManyCandidates
from services.inventory.reservations.facts import held_of
from services.inventory.reservations.model import Order, Placed, Problem, ProblemKind, Refused, ReservationId
from services.inventory.stock.model import ItemId
from services.runtime.database import Contention, constraint_name
from services.runtime.direct import Direct, Written
from services.runtime.idempotency import IdempotencyInProgress, IdempotencyKey, IdempotencyKeyReused

_RESERVE = Written(
    text(
        "SELECT reserve(:account, :key, :fingerprint, :reservation, :skus, :warehouses, :quantities, :hold, "
        ":external_ref, :metadata, :request_id, :holds_max, :units_of_a_sku_max) AS outcome"
    )
)
_RESERVE_BATCH = Written(
    text(
        "SELECT reserve_batch(:sku, :warehouse, :account, :key, :fingerprint, :reservation, :quantity, :hold, "
        ":external_ref, :metadata, :request_id, :holds_max, :units_of_a_sku_max) AS outcome"
    )
)


@dataclass(frozen=True, slots=True)
class Request:
    """An order, whose it is, and what it becomes if it is placed."""

    owner: AccountId
    key: IdempotencyKey | None
    reservation_id: ReservationId
    order: Order
    request_id: str | None


async def reserve(direct: Direct, request: Request) -> Placed | Refused:
    """Hold every line or none, or give the answer that the key has already: see reserve.sql. A transaction of its own.

    Refuses: DuplicateReference, IdempotencyKeyReused, IdempotencyInProgress, LineTooLarge, TooManyCandidates, Contention.
    """
    values = {**_values(request), **reading.line_arrays(request.order.lines)}
    try:
        [[result]] = await direct.all(_RESERVE, **values)
    except asyncpg.IntegrityConstraintViolationError as error:
        if constraint_name(error) == "one_live_reservation_per_reference" and request.order.external_ref is not None:
            raise DuplicateReference(request.owner, request.order.external_ref) from error
        if constraint_name(error) == "a_line_has_1_to_1000000_units":
            raise LineTooLarge from error
        raise
    outcome = _outcome(result)
    if outcome is None:
        raise _REFUSALS[result["outcome"]]
    return outcome


async def reserve_batch(direct: Direct, requests: Sequence[Request]) -> list[Placed | Refused | None]:
    """What `reserve` would answer to each in turn; None where it must be asked, and nothing was changed: see reserve_batch.sql.

    All have a key, and one line for the same sku and warehouse. A transaction of its own.
    """
    [place] = {(line.sku, line.warehouse) for request in requests for line in request.order.lines}
    each = [{**_values(request), "quantity": request.order.lines[0].quantity} for request in requests]
    values = {"sku": place[0], "warehouse": place[1], **{name: [one[name] for one in each] for name in each[0]}}
    [[results]] = await direct.all(_RESERVE_BATCH, **values)
    return [_outcome(result) for result in results]


def _values(request: Request) -> dict[str, object]:
    key, order = request.key, request.order
    return {
        "account": request.owner,
        "key": key.key if key else None,
        "fingerprint": key.fingerprint if key else None,
        "reservation": request.reservation_id,
        "hold": timedelta(seconds=order.hold_seconds),
        "external_ref": order.external_ref,
        "metadata": orjson.dumps(dict(order.metadata or {})).decode(),
        "request_id": request.request_id,
        "holds_max": order.quota.holds_max if order.quota else None,
        "units_of_a_sku_max": order.quota.units_of_a_sku_max if order.quota else None,
    }


def _outcome(result: Mapping[str, Any]) -> Placed | Refused | None:
    """None for what has a refusal of its own."""
    if result["outcome"] == "held":
        return Placed(held_of(result["answer"]), result["is_replay"])
    if result["outcome"] == "refused":
        return Refused(
            tuple(Problem(**{**one, "kind": ProblemKind(one["kind"])}) for one in result["problems"]),
            tuple(ItemId(UUID(i)) for i in result["items"]),
            result["is_reclaimable"],
        )
    return None


_REFUSALS = {
    "too_many_candidates": TooManyCandidates,
    "key_reused": IdempotencyKeyReused,
    "key_in_progress": IdempotencyInProgress,
    "contention": Contention,
    "hold_limit_exceeded": HoldLimitExceeded,
}
