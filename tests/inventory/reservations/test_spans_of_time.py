"""Without these, a list by a span of time leaves out reservations at its edge, because of how their ids were made."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.inventory.reservations.listing import ReservationFilters, list_reservations
from services.inventory.reservations.model import LIFE_SECONDS_MAX
from services.runtime.paging import Window
from tests.support.database import Database
from tests.support.shop import Shop

NOW = datetime.now(UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
LIFE = timedelta(seconds=LIFE_SECONDS_MAX)


async def hold(shop: Shop, database: Database, *, made: datetime, ends: datetime, clock: timedelta = timedelta()) -> UUID:
    """A reservation of then, whose id was made by a clock that was wrong by so much."""
    made_id = UUID(int=int((made + clock).timestamp() * 1_000) << 80 | 7 << 76 | 2 << 62)
    reservations = "INSERT INTO reservations (reservation_id, account_id, state, created_at, expires_at) VALUES ($1, $2, 'held', $3, $4)"
    await database.do(reservations, made_id, shop.customer.account_id, made, ends)
    await database.do("INSERT INTO reservation_lines (reservation_id, item_id, quantity) SELECT $1, item_id, 1 FROM stock_items", made_id)
    return made_id


async def found(shop: Shop, filters: ReservationFilters) -> list[UUID]:
    page = await shop.ours.autocommit(list_reservations, filters, window=Window())
    return [reservation.reservation_id for reservation in page.items]


@pytest.fixture
async def crowd(shop: Shop, database: Database) -> list[UUID]:
    """Reservations of long ago and of a time that is yet to come, by which nobody asks."""
    await shop.warehouse("AMS")
    await shop.product("TEE")
    await shop.stock("TEE", "AMS", 5)
    made = [NOW - timedelta(days=9), NOW + timedelta(days=9)]
    return [await hold(shop, database, made=at, ends=at + HOUR) for at in made]


@pytest.mark.parametrize("clock", [-HOUR + SECOND, timedelta(), HOUR - SECOND], ids=["slow", "right", "fast"])
async def test_a_span_has_what_lies_in_it_whatever_clock_made_the_id(
    shop: Shop, database: Database, crowd: list[UUID], clock: timedelta
) -> None:
    old, coming = crowd
    # Extended as far as it goes: of all that end after now, none was made earlier.
    long = await hold(shop, database, made=NOW - LIFE, ends=NOW + SECOND, clock=clock)
    # Over at once: of all that ended before now, none was made later.
    short = await hold(shop, database, made=NOW - SECOND, ends=NOW - SECOND / 2, clock=clock)

    assert set(await found(shop, ReservationFilters(expires_after=NOW))) == {coming, long}
    assert set(await found(shop, ReservationFilters(expires_before=NOW))) == {short, old}
    assert set(await found(shop, ReservationFilters(created_after=NOW - 2 * SECOND))) == {coming, short}


@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
async def test_a_span_may_begin_or_end_at_any_instant(shop: Shop, crowd: list[UUID], at: datetime) -> None:
    later, earlier = await found(shop, ReservationFilters(expires_after=at)), await found(shop, ReservationFilters(expires_before=at))

    assert sorted(later + earlier) == sorted(crowd)
