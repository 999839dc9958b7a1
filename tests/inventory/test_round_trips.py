"""Without these, a reservation asks the database twice, or writes every index of a level, and nobody sees why sales are slow."""

from collections.abc import AsyncIterator, Sequence

import pytest_asyncio

from services.inventory.reservations import placing, store
from services.inventory.reservations.model import Order, OrderLine, Placed
from services.runtime.database import open_database
from services.runtime.trips import count_trips
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.fault_proxy import FaultProxy, WithheldAnswer
from tests.support.options import Rounds
from tests.support.settings import Where, settings
from tests.support.shop import Shop
from tests.support.statistics import Statistics
from tests.support.together import together

_SKUS = [f"SKU-{n}" for n in range(4)]
_AT_ONCE = 5  # as many as the pool has connections: nobody waits for one, however busy the machine
_HOT_RATIO_MIN = 0.95
_ORDER = Order((OrderLine("SKU-0", 1, "AMS"),))


class Listener(FaultProxy):
    """Notes what each flight of bytes to the server executes. Who waits for an answer sends no second one."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.flights: list[list[str]] = []

    def take_withheld(self, statements: list[str]) -> WithheldAnswer | None:
        self.flights.append(statements)
        return super().take_withheld(statements)


@pytest_asyncio.fixture
async def listener(database: Database) -> AsyncIterator[Listener]:
    proxy = Listener(database.url)
    await proxy.listen()
    yield proxy
    proxy.refuse()
    await proxy.reset()


@pytest_asyncio.fixture
async def stocked(shop: Shop) -> Shop:
    await shop.warehouse("AMS")
    for sku in _SKUS:
        await shop.product(sku)
        await shop.stock(sku, "AMS", 1_000_000)
    return shop


async def test_placing_a_reservation_of_one_line_is_one_round_trip(stocked: Shop, listener: Listener, statistics: Statistics) -> None:
    async with open_database(settings(Where(database_url=listener.url)), application="tests") as ours:
        await placing.place(ours, stocked.key(), _ORDER)  # connects, and gives the statement a name
        await statistics.forget()
        listener.flights.clear()

        await placing.place(ours, stocked.key(), _ORDER)

        [[sent]] = listener.flights
        [(counted, calls)] = await statistics.statements()
    assert sent.startswith("SELECT reserve(")
    assert counted.startswith("SELECT reserve(")
    assert calls == 1


async def test_the_trips_that_are_counted_are_those_on_the_wire(stocked: Shop, listener: Listener) -> None:
    reservation = (await stocked.place(*_ORDER.lines)).reservation
    async with open_database(settings(Where(database_url=listener.url)), application="tests") as ours:
        await ours.transact(store.lock, reservation.reservation_id)
        await placing.place(ours, stocked.key(), _ORDER)  # both connected, and have given their statements names
        listener.flights.clear()
        before, trips = ours.round_trips, count_trips()

        await ours.transact(store.lock, reservation.reservation_id)
        await placing.place(ours, stocked.key(), _ORDER)

        assert ours.round_trips - before == trips.database == len(listener.flights)


async def test_a_transaction_is_counted_statement_by_statement(stocked: Shop, listener: Listener, statistics: Statistics) -> None:
    reservation = (await stocked.place(*_ORDER.lines)).reservation
    async with open_database(settings(Where(database_url=listener.url)), application="tests") as ours:
        await statistics.forget()
        await ours.transact(store.lock, reservation.reservation_id)

        counted = [query for query, _ in await statistics.statements()]
    assert {"BEGIN", "COMMIT"} <= {query.partition(" ")[0].rstrip(";") for query in counted}
    assert len(listener.flights) > len(counted) >= 4


async def _sell(shop: Shop, database: Database, count: int) -> None:
    async with open_database(settings(Where(database_url=database.url)), application="tests") as ours:

        async def buy(buyer: int) -> Sequence[Placed]:
            orders = (Order((OrderLine(_SKUS[n % len(_SKUS)], 1, "AMS"),)) for n in range(buyer, count, _AT_ONCE))
            return [await placing.place(ours, shop.key(), order) for order in orders]

        await together(*(buy(buyer) for buyer in range(_AT_ONCE)))


async def _hot_ratio(database: Database, *, after: int) -> float:
    """Of the updates of the levels those that stayed within their page and touched no index."""
    found: list[tuple[int, int]] = []

    async def are_counted() -> bool:
        found[:] = await database.rows("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'stock_levels'")
        return found[0][0] >= after

    await eventually(are_counted, within_seconds=20)  # a session tells its counts when it ends
    [(updates, hot)] = found
    return hot / updates


async def test_reservations_write_no_index_of_a_level(stocked: Shop, database: Database, rounds: Rounds) -> None:
    count = rounds(quick=1_000, proof=100_000)
    await _sell(stocked, database, count)

    assert await _hot_ratio(database, after=count) >= _HOT_RATIO_MIN


async def test_an_index_of_a_counter_is_noticed(stocked: Shop, database: Database) -> None:
    await database.do("CREATE INDEX levels_by_held ON stock_levels (held)")
    await _sell(stocked, database, 100)

    assert await _hot_ratio(database, after=100) < _HOT_RATIO_MIN
