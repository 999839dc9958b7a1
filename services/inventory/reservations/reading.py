"""Every statement that reads reservations and changes nothing."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ARRAY, Integer, Uuid, bindparam, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import AccountId
from services.inventory.reservations.facts import reservation_of
from services.inventory.reservations.model import (
    Order,
    OrderLine,
    Plan,
    Problem,
    ProblemKind,
    Reconciliation,
    Reservation,
    ReservationId,
    State,
    Violation,
)
from services.inventory.reservations.tables import reservation_now, reservations
from services.inventory.stock.model import ItemId

_OPEN = (State.HELD, State.CONFIRMED)

FIND_LIVE = select(reservations.c.reservation_id).where(
    reservations.c.account_id == bindparam("account"),
    reservations.c.external_ref == bindparam("external_ref"),
    # Literals, not parameters: a plan that is made for any state cannot use the index of the live ones.
    reservations.c.state.in_([literal_column("'held'"), literal_column("'confirmed'")]),
)
_FIND = select(reservation_now).where(reservation_now.c.reservation_id == bindparam("id"))
_FIND_MANY = select(reservation_now).where(reservation_now.c.reservation_id == func.any(bindparam("ids", type_=ARRAY(Uuid))))
_PLAN = (
    text("SELECT * FROM plan_order(:skus, :warehouses, :quantities, :own)")
    .bindparams(bindparam("own", type_=JSONB))
    .columns(problems=JSONB, items=ARRAY(Uuid), quantities=ARRAY(Integer), candidates=ARRAY(Uuid))
)
_COUNT_OPEN = select(
    *(func.count().filter(reservations.c.state == state).label(state) for state in _OPEN),
).where(reservations.c.state.in_(_OPEN))
# Without a limit on the number of holds: it has as many as before.
_EXCEEDS_QUOTA = text("SELECT exceeds_quota(:account, :skus, :quantities, NULL, :units_of_a_sku_max, :except)")
# An outer join, so that the clock is told even where nothing is wrong.
_VIOLATIONS = text(
    """
    SELECT clock.checked_at, violation.what, violation.item_id, product.sku, warehouse.code AS warehouse,
           violation.stored, violation.derived
      FROM (SELECT statement_timestamp() AS checked_at) clock
      LEFT JOIN (invariant_violation violation
                 JOIN stock_items item USING (item_id)
                 JOIN products product USING (product_id)
                 JOIN warehouses warehouse USING (warehouse_id)) ON true
     ORDER BY product.sku, warehouse.code, violation.what
    """
)


async def find(connection: AsyncConnection, reservation_id: ReservationId) -> Reservation | None:
    """The reservation as it is by the database's clock: see reservation_now.sql."""
    row = (await connection.execute(_FIND, {"id": reservation_id})).mappings().one_or_none()
    return reservation_of(row) if row else None


async def get(connection: AsyncConnection, reservation_id: ReservationId) -> Reservation:
    """The reservation, which is known to exist."""
    return reservation_of((await connection.execute(_FIND, {"id": reservation_id})).mappings().one())


async def find_live(connection: AsyncConnection, account_id: AccountId, external_ref: str) -> ReservationId | None:
    """The account's reservation with this reference whose row is held or confirmed, though its time may be over."""
    values = {"account": account_id, "external_ref": external_ref}
    found: ReservationId | None = (await connection.execute(FIND_LIVE, values)).scalar_one_or_none()
    return found


async def find_many(connection: AsyncConnection, reservation_ids: Sequence[ReservationId]) -> Sequence[Reservation]:
    rows = (await connection.execute(_FIND_MANY, {"ids": list(reservation_ids)})).mappings()
    return [reservation_of(row) for row in rows]


async def read_violations(connection: AsyncConnection) -> Reconciliation:
    """What the counters and the rest disagree about: see invariant_violation.sql. Reads every line and movement."""
    rows = (await connection.execute(_VIOLATIONS)).all()
    found = (Violation(row.what, row.item_id, row.sku, row.warehouse, row.stored, int(row.derived)) for row in rows if row.what is not None)
    return Reconciliation(rows[0].checked_at, tuple(found))


async def count_open(connection: AsyncConnection) -> Mapping[str, int]:
    """How many rows are held or confirmed; holds whose time is over count until they are ended. Index: reservations_in_a_state."""
    return dict((await connection.execute(_COUNT_OPEN)).mappings().one())


async def plan(connection: AsyncConnection, lines: Sequence[OrderLine], *, own: Mapping[ItemId, int]) -> Plan:
    """Where the lines can be placed, with the caller's own units counted as available: see plan_order.sql. Locks nothing."""
    values = {**line_arrays(lines), "own": {str(item_id): count for item_id, count in own.items()}}
    row = (await connection.execute(_PLAN, values)).one()
    units = dict(zip(row.items or [], row.quantities or [], strict=True))
    return Plan(tuple(Problem(**{**one, "kind": ProblemKind(one["kind"])}) for one in row.problems or []), units, frozenset(row.candidates))


async def exceeds_quota(connection: AsyncConnection, reservation: Reservation, order: Order) -> bool:
    """Whether the order in the place of the reservation would exceed its quota. The account's other orders wait: see exceeds_quota.sql."""
    if order.quota is None:
        return False
    arrays = line_arrays(order.lines)
    values = {
        "account": reservation.account_id,
        "skus": arrays["skus"],
        "quantities": arrays["quantities"],
        "units_of_a_sku_max": order.quota.units_of_a_sku_max,
        "except": reservation.reservation_id,
    }
    exceeds: bool = (await connection.execute(_EXCEEDS_QUOTA, values)).scalar_one()
    return exceeds


def line_arrays(lines: Sequence[OrderLine]) -> dict[str, object]:
    """The lines as the functions in the database take them."""
    return {
        "skus": [line.sku for line in lines],
        "warehouses": [line.warehouse for line in lines],
        "quantities": [line.quantity for line in lines],
    }
