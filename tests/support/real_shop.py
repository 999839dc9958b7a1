"""The real shop behind the same few verbs as the little one: names instead of ids, and whether it was done instead of refusals."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.commands import create_account
from services.inventory.accounts.model import Role
from services.inventory.accounts.permissions import Caller
from services.inventory.catalog import commands as catalog
from services.inventory.catalog.model import NewProduct, NewWarehouse
from services.inventory.reservations import commands, displacing, placing
from services.inventory.reservations import store as reservations
from services.inventory.reservations.commands import Target
from services.inventory.reservations.model import Order, OrderLine, ReservationId, Shipment
from services.inventory.stock import commands as stock
from services.inventory.stock import moving
from services.inventory.stock.model import Adjustment, Count, Entry, OnError, Reason, StockSettings, Transfer
from services.runtime.database import Database
from services.runtime.errors import Refusal, Unavailable
from services.runtime.idempotency import IdempotencyKey
from services.runtime.preconditions import Precondition
from tests.support.little_shop import Lines, Place

P = ParamSpec("P")
T = TypeVar("T")
Wanted = Sequence[tuple[str, str | None, int]]

_LEDGER = """
    SELECT sku, code, delta, on_hand_after, reason FROM stock_movements
      JOIN stock_items USING (item_id) JOIN products USING (product_id) JOIN warehouses USING (warehouse_id) WHERE sku LIKE :mine
"""


class RealShop:
    """Everything it makes has names of its own, so that many can use one database."""

    def __init__(self, loop: asyncio.Runner, database: Database) -> None:
        self._loop = loop
        self._database = database
        self._mark = uuid.uuid4().hex[:12]
        self._ids: dict[str, ReservationId] = {}
        self._customer = self._person(Role.CUSTOMER)
        self._staff = self._person(Role.STAFF)

    def open(self, skus: Sequence[str], warehouses: Sequence[str]) -> None:
        for priority, code in enumerate(warehouses):
            self._transact(catalog.create_warehouse, NewWarehouse(self._name(code), code, priority))
        for sku in skus:
            self._transact(catalog.create_product, NewProduct(self._name(sku), sku))

    def configure(self, place: Place, *, backorder_limit: int, safety_stock: int, is_new: bool = False) -> bool:
        chosen = StockSettings(safety_stock=safety_stock, backorder_limit=backorder_limit, low_stock_at=2)
        precondition = Precondition(must_be_absent=is_new, is_any_version=not is_new)
        return self._is_done(stock.configure_item, *self._names(place), chosen, precondition)

    def adjust(self, changes: Lines, *, is_all_or_none: bool) -> set[Place]:
        """Where units came or went."""
        wanted = [Adjustment(*self._names(place), delta) for place, delta in changes.items()]
        policy = OnError.REJECT_ALL if is_all_or_none else OnError.REJECT_FAILED
        entry = self._entry(Reason.ADJUSTMENT)
        moved, _ = self._unless_refused(lambda: self._transact(moving.adjust, wanted, on_error=policy, entry=entry)) or ([], [])
        return {(self._plain(one.sku), self._plain(one.warehouse)) for one in moved}

    def count(self, place: Place, counted: int, expected: int, *, displaces: bool) -> bool:
        command = displacing.count_displacing if displaces else moving.count
        return self._is_done(command, [Count(*self._names(place), counted, expected)], entry=self._entry(Reason.COUNT))

    def transfer(self, sku: str, source: str, target: str, units: int) -> bool:
        move = [Transfer(self._name(sku), units)]
        entry = self._entry(Reason.TRANSFER_OUT)
        return self._is_done(moving.transfer, self._name(source), self._name(target), move, entry=entry)

    def place(self, name: str, wanted: Wanted) -> bool:
        key = IdempotencyKey(self._customer.account_id, uuid.uuid4().hex, b"")
        placed = self._unless_refused(lambda: self._loop.run(placing.place(self._database, key, self._order(wanted))))
        if placed:
            self._ids[name] = placed.reservation.reservation_id
        return placed is not None

    def put_cart(self, reference: str, name: str, wanted: Wanted) -> str | None:
        """The name of what the cart is now: this one, if it was made."""
        order = self._order(wanted)
        put = self._unless_refused(lambda: self._loop.run(placing.put_cart(self._database, self._customer, reference, order)))
        if put is None:
            return None
        cart, is_made = put
        if is_made:
            self._ids[name] = cart.reservation_id
        return self._names_by_id[cart.reservation_id]

    def replace(self, name: str, wanted: Wanted) -> bool:
        target, order = self._target(name), self._order(wanted)
        return self._unless_refused(lambda: self._loop.run(placing.replace_lines(self._database, target, order))) is not None

    def confirm(self, name: str) -> bool:
        return self._is_done(commands.confirm, self._target(name))

    def cancel(self, name: str) -> bool:
        return self._is_done(commands.cancel, self._target(name), reason=None)

    def extend(self, name: str) -> bool:
        return self._is_done(commands.extend, self._target(name), hold_seconds=900)

    def fulfil(self, name: str, lines: Lines | None) -> bool:
        target = Target(self._ids[name], self._staff)
        shipments = None if lines is None else [Shipment(*self._names(place), units) for place, units in lines.items()]
        return self._is_done(commands.fulfil, target, shipments=shipments)

    def let_time_pass(self, name: str) -> None:
        """Over, by the database's clock; nobody has noticed yet."""
        self._do(
            "UPDATE reservations SET expires_at = clock_timestamp() - interval '1 second' WHERE reservation_id = :id", id=self._ids[name]
        )

    def reap(self) -> None:
        self._loop.run(self._database.autocommit(reservations.expire_due, limit=1_000))

    def counters(self) -> dict[Place, tuple[int, int, int]]:
        """On hand, held, allocated."""
        rows = self._do("SELECT sku, warehouse, on_hand, held, allocated FROM stock_now WHERE sku LIKE :mine", mine=f"{self._mark}%")
        return {(self._plain(row[0]), self._plain(row[1])): (row[2], row[3], row[4]) for row in rows}

    def states(self) -> dict[str, str]:
        rows = self._do("SELECT reservation_id, state FROM reservation_now WHERE account_id = :mine", mine=self._customer.account_id)
        return {self._names_by_id[row[0]]: row[1] for row in rows}

    def events(self) -> list[tuple[str, str]]:
        """Of the reservations, besides that they were held."""
        rows = self._do("SELECT entity_id, name FROM outbox WHERE name LIKE 'reservation.%' AND name <> 'reservation.held'")
        names = self._names_by_id
        return [(names[row[0]], row[1]) for row in rows if row[0] in names]

    def ledger(self) -> list[tuple[Place, int, int, str]]:
        """Where, how many, how many were there then, why."""
        rows = self._do(_LEDGER, mine=f"{self._mark}%")
        return [((self._plain(row[0]), self._plain(row[1])), row[2], row[3], row[4]) for row in rows]

    def violations(self) -> list[Any]:
        return list(self._do("SELECT * FROM invariant_violation"))

    @property
    def _names_by_id(self) -> dict[ReservationId, str]:
        return {reservation_id: name for name, reservation_id in self._ids.items()}

    def _entry(self, reason: Reason) -> Entry:
        return Entry(reason, None, str(self._staff.account_id))

    def _person(self, role: Role) -> Caller:
        email = f"{self._mark}-{role}@example.com"
        made = self._transact(create_account, email=email, full_name=role, role=role, password_hash="unused")
        return Caller(made.account_id, role)

    def _order(self, wanted: Wanted) -> Order:
        lines = [OrderLine(self._name(sku), units, self._name(code) if code else None) for sku, code, units in wanted]
        return Order(tuple(lines))

    def _target(self, name: str) -> Target:
        return Target(self._ids[name], self._customer)

    def _name(self, plain: str) -> str:
        return f"{self._mark}-{plain}"

    def _names(self, place: Place) -> tuple[str, str]:
        return self._name(place[0]), self._name(place[1])

    def _plain(self, name: str) -> str:
        return name.removeprefix(f"{self._mark}-")

    def _transact(self, command: Callable[Concatenate[AsyncConnection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._loop.run(self._database.transact(command, *args, **kwargs))

    def _is_done(self, command: Callable[Concatenate[AsyncConnection, P], Awaitable[Any]], *args: P.args, **kwargs: P.kwargs) -> bool:
        return self._unless_refused(lambda: [self._transact(command, *args, **kwargs)]) is not None

    @staticmethod
    def _unless_refused(ask: Callable[[], T]) -> T | None:
        """None if it is refused. Who is alone in the shop is never told to try again."""
        try:
            return ask()
        except Unavailable:
            raise
        except Refusal:
            return None

    def _do(self, sql: str, **values: object) -> Sequence[Any]:
        async def run(connection: AsyncConnection) -> Sequence[Any]:
            result = await connection.execute(text(sql), values)
            return result.all() if result.returns_rows else []

        return self._loop.run(self._database.autocommit(run))
