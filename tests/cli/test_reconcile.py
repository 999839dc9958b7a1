"""Without these, drift is repaired by hand in SQL, in a hurry, and the ledger never learns of it."""

import asyncio
import json
import subprocess

import pytest

from tests.api.test_reconciliation import DRIFT, busy_shop
from tests.cli.test_cli import holdfast
from tests.support.api import Client
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.problems import nothing_changes

AGREE = "Counters, reservations and ledger agree.\n"
LAST_MOVEMENT = "SELECT delta, on_hand_after, reason, reference, actor FROM stock_movements ORDER BY created_at DESC LIMIT 1"


async def reconcile(database: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(holdfast, "reconcile", *arguments, HOLDFAST_DATABASE_URL=database.url)


def logged(result: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    """What the log says, wherever it was written to."""
    return [json.loads(each) for each in (result.stdout + result.stderr).splitlines() if each.startswith("{")]


@pytest.mark.parametrize("arguments", [[], ["--repair"]])
async def test_where_all_is_well_it_says_so_and_does_nothing(
    customer: Client, staff: Client, database: Database, arguments: list[str]
) -> None:
    await busy_shop(customer, staff)

    async with nothing_changes(database):
        result = await reconcile(database, *arguments)

    assert (result.returncode, result.stdout) == (0, AGREE), result.stderr


async def test_drift_is_reported_and_left_alone(customer: Client, staff: Client, database: Database) -> None:
    await busy_shop(customer, staff)
    for sql, _ in DRIFT:
        await database.do(sql)

    async with nothing_changes(database):
        result = await reconcile(database)

    assert result.returncode == 1
    sentences = [f"TEE in AMS: {one['what']} is {one['stored']} and should be {one['derived']}" for _, one in DRIFT]
    assert sorted(result.stdout.splitlines()) == sorted(sentences)


@pytest.mark.parametrize(("sql", "violation"), DRIFT, ids=[str(violation["what"]) for _, violation in DRIFT])
async def test_each_drift_is_repaired_and_the_log_knows(
    customer: Client, staff: Client, database: Database, *, sql: str, violation: dict[str, str | int]
) -> None:
    await busy_shop(customer, staff)
    await database.do(sql)

    result = await reconcile(database, "--repair")

    assert result.returncode == 0, result.stderr
    assert f"{violation['what']} is {violation['stored']} and should be {violation['derived']} (repaired)" in result.stdout
    [repaired] = [each for each in logged(result) if each["event"] == "stock.repaired"]
    assert {name: repaired[name] for name in violation} == violation
    await assert_invariants(database)
    assert (await reconcile(database)).stdout == AGREE


async def test_promises_follow_the_reservations_and_the_ledger_follows_the_shelf(
    customer: Client, staff: Client, database: Database
) -> None:
    await busy_shop(customer, staff)
    for sql, _ in DRIFT:
        await database.do(sql)

    assert (await reconcile(database, "--repair")).returncode == 0

    assert await level(database) == (6, 2, 1)
    [(delta, on_hand_after, reason, reference, actor)] = await database.rows(LAST_MOVEMENT)
    assert (delta, on_hand_after, reason, reference) == (-1, 6, "adjustment", "reconciliation")
    assert actor.startswith("holdfast reconcile, by ")
    await assert_invariants(database)


async def test_where_more_is_promised_than_there_is_a_person_decides(customer: Client, staff: Client, database: Database) -> None:
    await busy_shop(customer, staff)
    await database.do(
        "UPDATE stock_levels SET held = 0, on_hand = 1; UPDATE reservation_lines SET quantity = 7 WHERE quantity = 2 AND fulfilled = 0"
    )

    result = await reconcile(database, "--repair")

    assert result.returncode == 1, result.stderr
    lines = sorted(result.stdout.splitlines())
    assert lines[0].startswith("TEE in AMS: held is 0 and should be 7 (left: more is promised than there is;")
    assert lines[1] == "TEE in AMS: on_hand is 1 and should be 7 (repaired)"
    assert await level(database) == (1, 0, 1)
