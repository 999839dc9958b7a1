"""A catalogue of any size in the running stack: `make seed SIZE=1000000` says how many stock items there shall be beside the demo's.

Rows go in by COPY, a batch of them in a transaction, with every constraint and trigger of the database at work: they are right
because nothing was switched off for them. Who interrupts it loses the batch in hand; the same command goes on after the last one.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from deploy.local import bulk_rows, console, environment
from deploy.local.places import PLACES
from deploy.local.progress import Progress
from deploy.local.supervision import Supervisor
from deploy.local.trouble import Misuse, Trouble
from services.inventory.stock.model import Reason
from services.runtime.ids import new_id

SIZE_MAX = 10_000_000  # eleven gigabytes, and ten minutes
BATCH = 10_000  # stock items in one transaction: half a second's work, and all that is in memory
ACTOR, REFERENCE = "make seed", "opening stock"
ONLY_ONE = 0x5EED  # the advisory lock of whoever seeds

_TABLES = ("products", "stock_items", "stock_levels", "stock_movements", "low_stock")
_ADD_WAREHOUSE = """
    INSERT INTO warehouses (warehouse_id, code, name, priority) VALUES ($1, $2, $3, $4) ON CONFLICT (code) DO NOTHING
"""
_WAREHOUSES = "SELECT warehouse_id FROM warehouses WHERE code = ANY ($1) ORDER BY code"
_COUNT = "SELECT count(*) FROM stock_items WHERE warehouse_id = ANY ($1)"
_LAST_SKU = "SELECT max(sku) FROM products WHERE sku ~ $1"
_SUMMARY = """
    SELECT count(*) AS items, count(DISTINCT product_id) AS products,
           count(*) FILTER (WHERE status = 'low') AS low, count(*) FILTER (WHERE status = 'out') AS out
      FROM stock_items LEFT JOIN low_stock USING (item_id) WHERE warehouse_id = ANY ($1)
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """What there is beside the demo's."""

    items: int
    products: int
    low: int
    out: int


def run(size_text: str) -> None:
    """Fill the running stack's database up to so many stock items, and say how far it is."""
    size = parse_size(size_text)
    stack = environment.load(PLACES)
    if not Supervisor(PLACES).is_running():
        raise Trouble("the stack does not run; make up or make start starts it")
    try:
        with closing(Progress(size, unit="rows")) as progress:
            summary = asyncio.run(seed(stack.database_url, size, show=progress.show))
    except (OSError, asyncpg.InterfaceError):
        raise Trouble(f"the connection to the database was lost; when make status shows it again, make seed SIZE={size} goes on") from None
    except asyncpg.PostgresError as error:
        raise Trouble(f"the database took no more rows: {error}") from None
    except KeyboardInterrupt:
        console.say(f"Interrupted. What was written stays; make seed SIZE={size} goes on from there.")
        raise
    console.say(
        f"Beside the demo's there are {summary.items:,} stock items of {summary.products:,} products in {len(bulk_rows.WAREHOUSES)} "
        f"warehouses now, {summary.low:,} of them low and {summary.out:,} sold out."
    )


def parse_size(text: str) -> int:
    """How many stock items. Raises Misuse for what is not a number of them."""
    try:
        size = int(text)
    except ValueError:
        size = 0
    if not 1 <= size <= SIZE_MAX:
        given = f"not {text!r}" if text else "and was not given"
        raise Misuse(f"SIZE is a whole number from 1 to {SIZE_MAX:,}, {given}; try make seed SIZE=1000000")
    return size


async def seed(url: str, size: int, *, show: Callable[[int], None]) -> Summary:
    """Add stock items until there are `size`; if there are as many already, add none.

    `show` hears how many there are, at first and after each batch. Raises Trouble while another one is at it.
    """
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ONLY_ONE):
            raise Trouble("another make seed is at work on this database; wait for it, or interrupt it")
        warehouses = await _warehouses(connection)
        done = await connection.fetchval(_COUNT, warehouses)
        number = await _next_number(connection)
        show(min(done, size))
        while done < size:
            batch = _Batch(number, min(BATCH, size - done), warehouses)
            await _write(connection, batch)
            done += batch.items
            number += batch.products
            show(done)
        await connection.execute(f"ANALYZE {', '.join(_TABLES)}")
        return Summary(**await connection.fetchrow(_SUMMARY, warehouses))
    finally:
        await connection.close()


async def _warehouses(connection: "asyncpg.Connection") -> Sequence[UUID]:
    new = bulk_rows.WAREHOUSES
    await connection.executemany(_ADD_WAREHOUSE, [(new_id(), one.code, one.name, one.priority) for one in new])
    return [row["warehouse_id"] for row in await connection.fetch(_WAREHOUSES, [one.code for one in new])]


async def _next_number(connection: "asyncpg.Connection") -> int:
    last = await connection.fetchval(_LAST_SKU, rf"^{bulk_rows.SKU_PREFIX}\d{{7}}$")
    return int(last.removeprefix(bulk_rows.SKU_PREFIX)) + 1 if last else 1


@dataclass(frozen=True, slots=True)
class _Batch:
    """New products from this number on, in every warehouse each; the last one perhaps only in some."""

    first: int
    items: int
    warehouses: Sequence[UUID]

    @property
    def products(self) -> int:
        return -(-self.items // len(self.warehouses))


async def _write(connection: "asyncpg.Connection", batch: _Batch) -> None:
    """All rows of the batch, or none."""
    products = [(new_id(), bulk_rows.product(batch.first + n)) for n in range(batch.products)]
    items = [
        (new_id(), product_id, warehouse_id, product.made_at) for product_id, product in products for warehouse_id in batch.warehouses
    ][: batch.items]
    first = batch.first * len(batch.warehouses)
    stocked = [(item_id, bulk_rows.on_hand(n), bulk_rows.settings(n), made_at) for n, (item_id, *_, made_at) in enumerate(items, first)]

    async def copy(table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
        await connection.copy_records_to_table(table, columns=columns.split(), records=rows)

    async with connection.transaction():
        await copy(
            "products",
            "product_id sku name description category attributes price_minor currency status created_at updated_at",
            (_product_row(product_id, product) for product_id, product in products),
        )
        await copy("stock_items", "item_id product_id warehouse_id", (item[:3] for item in items))
        await copy(
            "stock_levels",
            "item_id on_hand safety_stock backorder_limit low_stock_at updated_at",
            ((i, units, s.safety_stock, s.backorder_limit, s.low_stock_at, made_at) for i, units, s, made_at in stocked),
        )
        await copy(
            "stock_movements",
            "movement_id item_id delta on_hand_after reason reference actor created_at",
            ((new_id(), i, units, units, Reason.RECEIPT.value, REFERENCE, ACTOR, made_at) for i, units, _, made_at in stocked if units),
        )


def _product_row(product_id: UUID, product: bulk_rows.Product) -> tuple[object, ...]:
    new = product.new
    told = (new.sku, new.name, new.description, new.category, json.dumps(new.attributes), new.price_minor, new.currency)
    return (product_id, *told, product.status.value, product.made_at, product.made_at)
