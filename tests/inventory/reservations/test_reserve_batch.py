"""Without these, orders that are placed together are placed by another rule than orders that come one by one."""

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import AccountId
from services.inventory.reservations import reserving, store
from services.inventory.reservations.model import Order, OrderLine, Placed, Quota, Refused, ReservationId
from services.inventory.reservations.reserving import Request
from services.inventory.stock.model import Adjustment
from services.runtime.database import Database as OurDatabase
from services.runtime.errors import Refusal
from services.runtime.idempotency import IdempotencyKey
from services.runtime.ids import new_id
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.people import People
from tests.support.shop import Shop

_ROUNDS = 6  # of one history: what one leaves behind is there in the next
_ORDERS_MAX = 40
_ACCOUNTS = 4
_QUOTAS = (None, None, Quota(holds_max=6, units_of_a_sku_max=9), Quota(holds_max=100, units_of_a_sku_max=4))
_KEYS = 60
_BATCH = 64
_READS_OF_AN_ORDER_MAX = 8  # of one table
_ROWS_READ = """
    SELECT relname, seq_tup_read + coalesce((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0)
      FROM pg_stat_user_tables t WHERE relname IN ('idempotency_keys', 'reservations', 'reservation_lines', 'outbox')
"""
_PLACED_WITH = "SELECT answer ->> 'reservation_id' FROM idempotency_keys WHERE account_id = $1 AND key = $2"
_LEFT = """
    SELECT account_id, external_ref, state, quantity, released, metadata
      FROM reservations JOIN reservation_lines USING (reservation_id) JOIN stock_items USING (item_id) JOIN products USING (product_id)
     WHERE sku = $1 ORDER BY account_id, external_ref, state, quantity
"""
_TOLD = """
    SELECT count(*), count(DISTINCT facts), count(DISTINCT request_id) FROM outbox
     WHERE name = 'reservation.held' AND facts ->> 'account_id' = ANY ($1)
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """An order without whose it is, so that two worlds can have the same."""

    customer: int
    key: str
    quantity: int
    external_ref: str | None
    hold_seconds: int
    warehouse: str | None

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(repr(replace(self, key="")).encode()).digest()


class World:
    """One sku and a few customers. What is done to one world concerns no other."""

    def __init__(self, ours: OurDatabase, sku: str, accounts: Sequence[AccountId]) -> None:
        self.sku = sku
        self._ours = ours
        self.accounts = accounts
        self._names: dict[str, str] = {sku: "the sku"} | {str(account): f"account {n}" for n, account in enumerate(accounts)}

    def request(self, wish: Wish) -> Request:
        owner = self.accounts[wish.customer]
        order = Order(
            (OrderLine(self.sku, wish.quantity, wish.warehouse),),
            hold_seconds=wish.hold_seconds,
            external_ref=wish.external_ref,
            metadata={"ref": wish.external_ref, "price": 1.50},
            quota=_QUOTAS[wish.customer],
        )
        return Request(owner, IdempotencyKey(owner, wish.key, wish.fingerprint), ReservationId(new_id()), order, f"request-{wish.key}")

    async def one_by_one(self, wishes: Sequence[Wish]) -> list[Any]:
        return [await self._alone(self.request(wish)) for wish in wishes]

    async def together(self, wishes: Sequence[Wish]) -> list[Any]:
        """What came of each; None where it must be asked alone."""
        outcomes = await self._ours.direct(reserving.reserve_batch, [self.request(wish) for wish in wishes])
        return [None if outcome is None else self._told(outcome) for outcome in outcomes]

    async def _alone(self, request: Request) -> Any:
        try:
            return self._told(await self._ours.direct(reserving.reserve, request))
        except Refusal as refusal:
            return type(refusal), self._plain(str(refusal))

    def _told(self, outcome: Placed | Refused) -> Any:
        """As it can be compared with what another world was told: names for ids, and spans for instants."""
        if isinstance(outcome, Refused):
            return self._plain(repr(outcome.problems)), len(outcome.items), outcome.is_reclaimable
        held = outcome.reservation
        name = self._names.setdefault(str(held.reservation_id), f"reservation {len(self._names)}")
        lines = [(self._plain(line.sku), line.warehouse, line.quantity, line.open) for line in held.lines]
        facts = (name, self._plain(str(held.account_id)), held.external_ref, held.state, held.metadata, held.version)
        return *facts, lines, held.expires_at - held.created_at, held.read_at == held.created_at, outcome.is_replay

    def _plain(self, text: str) -> str:
        for real, name in self._names.items():
            text = text.replace(real, name)
        return text


@pytest.fixture
def seeds(rounds: Rounds) -> range:
    return range(rounds(quick=12, proof=300))


async def test_a_batch_is_told_what_each_would_have_been_told_alone(shop: Shop, people: People, database: Database, seeds: range) -> None:
    await shop.warehouse("AMS")
    told = Counter[str]()
    for seed in seeds:
        chance = random.Random(seed)  # to be repeated, not to be secret
        on_hand = chance.randrange(40)
        one, other = [await _world(shop, people, f"{name}-{seed}", on_hand=on_hand) for name in ("A", "B")]
        for _ in range(_ROUNDS):
            wishes = _wishes(chance)
            outcomes = await one.together(wishes)
            # What was told alone was decided afterwards.
            later = [n for n, outcome in enumerate(outcomes) if outcome is None]
            for n, outcome in zip(later, await one.one_by_one([wishes[n] for n in later]), strict=True):
                outcomes[n] = outcome
            in_turn = [n for n in range(len(wishes)) if n not in later] + later
            expected = dict(zip(in_turn, await other.one_by_one([wishes[n] for n in in_turn]), strict=True))

            assert [(n, outcome) for n, outcome in enumerate(outcomes)] == sorted(expected.items()), seed
            told.update(type(outcome[0]).__name__ for outcome in outcomes)
            told["alone"] += len(later)
            told["in the batch"] += len(wishes) - len(later)
            await _live_on(shop, database, chance, one, other)
        assert await _left(database, one) == await _left(database, other)
    await assert_invariants(database)
    assert told["in the batch"] > told["alone"] > 0


async def test_what_is_not_on_sale_or_could_lie_in_two_places_is_asked_alone(shop: Shop, people: People, database: Database) -> None:
    for code in ("AMS", "BER"):
        await shop.warehouse(code)
    world = await _world(shop, people, "TEE", on_hand=5)
    wishes = [Wish(0, f"key-{n}", 1, None, 600, None) for n in range(3)]

    assert [outcome is None for outcome in await world.together(wishes)] == [False] * 3
    await shop.stock("TEE", "BER", 5)
    assert await world.together([replace(wish, key="new") for wish in wishes]) == [None] * 3
    assert await world.together([replace(wish, key="new", warehouse="XYZ") for wish in wishes]) == [None] * 3
    await database.do("UPDATE products SET status = 'archived'")
    assert await world.together([replace(wish, key="new", warehouse="AMS") for wish in wishes]) == [None] * 3
    assert await database.rows("SELECT held FROM stock_now WHERE warehouse = 'AMS'") == [(3,)]


async def test_a_plan_that_was_made_in_an_empty_shop_still_reads_no_more_than_the_orders(
    shop: Shop, people: People, database: Database
) -> None:
    await shop.warehouse("AMS")
    await database.do("ANALYZE")
    world = await _world(shop, people, "TEE", on_hand=5_000)
    for n in range(20):
        await world.together([Wish(n % 2, f"key-{n}-{m}", 1, None, 600, "AMS") for m in range(_BATCH)])
    await shop.ours.autocommit(_tell_counts)

    read = await database.rows(_ROWS_READ)
    assert [(table, rows) for table, rows in read if rows > 20 * _BATCH * _READS_OF_AN_ORDER_MAX] == []
    assert read


async def _tell_counts(connection: AsyncConnection) -> None:
    await connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")


async def _world(shop: Shop, people: People, sku: str, *, on_hand: int) -> World:
    await shop.product(sku)
    await shop.stock(sku, "AMS", on_hand, safety_stock=1, backorder_limit=2)
    return World(shop.ours, sku, [(await people.join()).account_id for _ in range(_ACCOUNTS)])


def _wishes(chance: random.Random) -> list[Wish]:
    """So few keys and references that they meet, in one batch and in those after it."""
    warehouse = chance.choice(["AMS", None])
    return [
        Wish(
            customer=chance.randrange(_ACCOUNTS),
            key=f"key-{chance.randrange(_KEYS)}",
            quantity=chance.choice([1, 1, 1, 2, 3, 8]),
            external_ref=chance.choice([None, None, None, f"cart-{chance.randrange(30)}"]),
            hold_seconds=chance.choice([3_600, 7_200]),  # none ends by itself, however long the test takes
            warehouse=warehouse,
        )
        for _ in range(chance.randrange(1, _ORDERS_MAX))
    ] * chance.choice([1, 1, 2])


async def _live_on(shop: Shop, database: Database, chance: random.Random, *worlds: World) -> None:
    """Some holds end, some of those that are over are ended, and something is delivered: the same in each world."""
    ended = [(chance.randrange(_ACCOUNTS), f"key-{chance.randrange(_KEYS)}") for _ in range(10)]
    delivered = chance.randrange(1, 10)
    for world in worlds:
        await shop.deliver(Adjustment(world.sku, "AMS", delivered))
        for customer, key in ended:
            for (reservation_id,) in await database.rows(_PLACED_WITH, world.accounts[customer], key):
                await expire(database, reservation_id)
    if chance.random() < 0.5:
        await shop.ours.autocommit(store.expire_due, limit=1_000)


async def _left(database: Database, world: World) -> Any:
    """What there is in the end, and what was told of it."""
    accounts = [str(account) for account in world.accounts]
    rows = [(accounts.index(str(account)), *rest) for account, *rest in await database.rows(_LEFT, world.sku)]
    return sorted(rows, key=repr), await database.rows(_TOLD, accounts)
