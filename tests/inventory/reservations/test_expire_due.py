"""Without these, the reaper ends a hold that is still live, ends one twice, or waits for somebody who is using it."""

from services.inventory.reservations import reclaiming, store
from services.inventory.reservations.model import OrderLine, ReservationId
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.shop import Shop


async def holds(shop: Shop, count: int, sku: str = "TEE") -> list[ReservationId]:
    """That many holds of one unit each; there is one unit more."""
    await shop.product(sku)
    await shop.stock(sku, "AMS", count + 1)
    return [(await shop.place(OrderLine(sku, 1))).reservation.reservation_id for _ in range(count)]


async def states(database: Database) -> list[str]:
    return [state for (state,) in await database.rows("SELECT state FROM reservations ORDER BY created_at, reservation_id")]


async def test_only_what_is_over_is_ended_and_only_once(shop: Shop, database: Database) -> None:
    await shop.warehouse("AMS")
    over, live = await holds(shop, 2)
    await expire(database, over)

    ended = [await shop.ours.autocommit(store.expire_due, limit=10) for _ in range(2)]

    assert ended == [1, 0]
    assert await database.rows("SELECT reservation_id, state FROM reservations ORDER BY state") == [(over, "expired"), (live, "held")]
    assert await database.rows("SELECT held FROM stock_levels") == [(1,)]
    assert await database.rows("SELECT entity_id, facts ->> 'account_id' FROM outbox WHERE name = 'reservation.expired'") == [
        (over, str(shop.customer.account_id))
    ]
    await assert_invariants(database)


async def test_no_more_are_ended_than_asked_for_the_longest_over_first(shop: Shop, database: Database) -> None:
    await shop.warehouse("AMS")
    first, second, third = await holds(shop, 3)
    for reservation in (second, third, first):
        await expire(database, reservation)

    assert await shop.ours.autocommit(store.expire_due, limit=2) == 2

    assert await database.rows("SELECT reservation_id FROM reservations WHERE state = 'held'") == [(first,)]
    await assert_invariants(database)


async def test_only_holds_of_the_given_items_or_of_the_given_names(shop: Shop, database: Database) -> None:
    await shop.warehouse("AMS")
    tee, other_tee = await holds(shop, 2)
    [mug] = await holds(shop, 1, "MUG")
    for reservation in (tee, other_tee, mug):
        await expire(database, reservation)
    [(mugs,)] = await database.rows("SELECT item_id FROM stock_now WHERE sku = 'MUG'")

    assert await shop.ours.autocommit(store.expire_due, limit=10, items=[mugs]) == 1
    assert await shop.ours.autocommit(store.expire_due, limit=10, reservation_ids=[other_tee, mug]) == 1
    assert await shop.ours.autocommit(store.expire_due, limit=10, items=[], reservation_ids=[tee]) == 0

    assert await database.rows("SELECT reservation_id FROM reservations WHERE state = 'held'") == [(tee,)]
    await assert_invariants(database)


async def test_one_that_somebody_is_using_is_passed_over(shop: Shop, database: Database) -> None:
    await shop.warehouse("AMS")
    used, free = await holds(shop, 2)
    for reservation in (used, free):
        await expire(database, reservation)

    async with database.transaction() as other:
        await other.execute("SELECT * FROM reservations WHERE reservation_id = $1 FOR UPDATE", used)
        assert await shop.ours.autocommit(store.expire_due, limit=10) == 1

    assert sorted(await states(database)) == ["expired", "held"]
    await assert_invariants(database)


async def test_several_lines_of_several_holds_are_given_back(shop: Shop, database: Database) -> None:
    await shop.warehouse("AMS")
    for sku in ("TEE", "MUG"):
        await shop.product(sku)
        await shop.stock(sku, "AMS", 9)
    for quantity in (1, 2):
        placed = await shop.place(OrderLine("TEE", quantity), OrderLine("MUG", quantity + 1))
        await expire(database, placed.reservation.reservation_id)

    assert await shop.ours.autocommit(store.expire_due, limit=10) == 2

    assert await database.rows("SELECT held FROM stock_levels") == [(0,), (0,)]
    await assert_invariants(database)


async def test_more_dead_holds_than_one_pass_ends_do_not_keep_a_customer_out(shop: Shop, database: Database) -> None:
    await shop.warehouse("AMS")
    await shop.product("TEE")
    await shop.stock("TEE", "AMS", reclaiming.BATCH + 1)
    for _ in range(reclaiming.BATCH + 1):
        await shop.place(OrderLine("TEE", 1))
    await database.do("UPDATE reservations SET expires_at = clock_timestamp() - interval '1 ms'")

    placed = await shop.place(OrderLine("TEE", reclaiming.BATCH + 1))

    assert placed.reservation.lines[0].quantity == reclaiming.BATCH + 1
    await assert_invariants(database)
