"""Without these, a million rows are a million lies: counters nobody can explain, or half of a batch."""

import asyncio

import pytest

from deploy.local import bulk
from deploy.local.trouble import Misuse, Trouble
from tests.deploy.clone import Clone
from tests.support.database import Database
from tests.support.eventually import until_blocked
from tests.support.invariants import assert_invariants

COUNTS = "SELECT (SELECT count(*) FROM products), (SELECT count(*) FROM stock_items), (SELECT count(*) FROM stock_levels)"


def nobody(_: int) -> None:
    """Looks at the progress."""


async def test_many_rows_are_explained_by_the_ledger_and_noted_when_low(database: Database) -> None:
    summary = await bulk.seed(database.url, 5_000, show=nobody)

    noted_wrongly = """
        SELECT * FROM (SELECT item_id, stock_status(level) AS status FROM stock_levels level) level FULL JOIN low_stock USING (item_id)
         WHERE level.status IS DISTINCT FROM low_stock.status
    """
    assert (summary.items, summary.products) == (5_000, 500)
    assert summary.low > 100
    assert summary.out > 100
    assert await database.rows(COUNTS) == [(500, 5_000, 5_000)]
    assert await database.rows(noted_wrongly) == []
    await assert_invariants(database)


async def test_many_products_differ_in_category_price_attributes_and_status(database: Database) -> None:
    await bulk.seed(database.url, 5_000, show=nobody)

    distinct = (
        "SELECT count(DISTINCT category), count(DISTINCT price_minor), count(DISTINCT attributes), count(DISTINCT name) FROM products"
    )
    [(categories, prices, attributes, names)] = await database.rows(distinct)

    assert categories >= 8
    assert min(prices, attributes, names) > 400
    assert {status for (status,) in await database.rows("SELECT DISTINCT status FROM products")} == {"active", "archived"}
    assert await database.rows("SELECT 1 FROM products WHERE price_minor IS NULL")


async def test_a_second_time_adds_only_what_is_missing(database: Database) -> None:
    sizes = [(await bulk.seed(database.url, size, show=nobody)).items for size in (25, 60, 60, 10)]

    assert sizes == [25, 60, 60, 60]
    await assert_invariants(database)


async def test_who_is_interrupted_loses_the_batch_in_hand_and_goes_on_after_the_last_one(database: Database) -> None:
    await bulk.seed(database.url, 50, show=nobody)
    async with database.transaction() as reader:
        await reader.execute("LOCK TABLE stock_movements IN SHARE MODE")  # what the batch writes last has to wait
        working = asyncio.create_task(bulk.seed(database.url, 150, show=nobody))
        await until_blocked(database, within_seconds=10)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
    left = await database.rows(COUNTS)

    summary = await bulk.seed(database.url, 150, show=nobody)

    assert left == [(5, 50, 50)]
    assert (summary.items, summary.products) == (150, 15)
    await assert_invariants(database)


async def test_progress_is_heard_batch_by_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BATCH", 50)
    shown: list[int] = []

    await bulk.seed(database.url, 120, show=shown.append)

    assert shown == [0, 50, 100, 120]


async def test_two_at_once_do_not_get_in_each_others_way(database: Database) -> None:
    async with database.transaction() as other:
        await other.execute("SELECT pg_advisory_lock($1)", bulk.ONLY_ONE)

        with pytest.raises(Trouble, match="another make seed is at work"):
            await bulk.seed(database.url, 10, show=nobody)


@pytest.mark.parametrize("text", ["", "0", "-5", "many", "1.5", "10000001"])
def test_what_is_no_number_of_rows_is_refused(text: str) -> None:
    with pytest.raises(Misuse, match=r"SIZE is a whole number from 1 to 10,000,000"):
        bulk.parse_size(text)


def test_a_bad_size_ends_the_command_with_a_sentence_and_status_2(stack: Clone) -> None:
    answer = stack.run("seed", "--size=-5")

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "Not done: SIZE is a whole number from 1 to 10,000,000, not '-5'; try make seed SIZE=1000000\n"


def test_without_a_stack_nothing_is_seeded(clone: Clone) -> None:
    answer = clone.run("seed", "--size=10")

    assert (answer.returncode, answer.stdout) == (1, "")
    assert "make up" in answer.stderr


def test_a_running_stack_is_filled_and_told_in_one_sentence(stack: Clone) -> None:
    answer = stack.run("seed", "--size=25")

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("Beside the demo's there are 25 stock items of 3 products in 10 warehouses now, ")
