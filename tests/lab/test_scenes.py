"""Without these, a scene that sold something twice or lost an order ends well, and an outage that never ended counts as over."""

from typing import Any

import pytest

from tests.load.lab.results import Mark
from tests.load.lab.scenes.mixed import recovered_after
from tests.load.lab.scenes.programme import ACTS, QUICK
from tests.load.lab.scenes.stage import Clock
from tests.load.lab.scenes.verdict import reservations_made, verdict
from tests.load.lab.tallies import REFUSED, Tally
from tests.support.api import Client, line
from tests.support.database import Database

UNEXPLAINED, TWICE, LOST = (
    "counters that orders and ledger do not explain",
    "stock that was sold twice",
    "orders that were acknowledged and lost",
)


def tally(*answers: tuple[float, int, float]) -> Tally:
    """Of requests that were due at these seconds, with their status and the seconds it took."""
    made = Tally(("read",), 10.0)
    for due, status, latency in answers:
        made.kind.append(0)
        made.due.append(due)
        made.status.append(status)
        made.latency.append(latency)
    return made


async def judged(database: Database, *, made_before: int = 0, acknowledged: int) -> dict[str, int]:
    return dict(await verdict(database.url, made_before=made_before, acknowledged=acknowledged))


async def test_a_shop_where_all_is_right_is_found_right(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    assert (await staff.place(line("TEE"))).status_code == 201

    assert await reservations_made(database.url) == 1
    assert await judged(database, acknowledged=1) == {UNEXPLAINED: 0, TWICE: 0, LOST: 0}


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        ("UPDATE stock_levels SET held = held + 1", {UNEXPLAINED: 1, TWICE: 0, LOST: 0}),
        ("UPDATE stock_levels SET on_hand = 0", {UNEXPLAINED: 1, TWICE: 1, LOST: 0}),
        ("DELETE FROM reservation_lines; DELETE FROM reservations", {UNEXPLAINED: 1, TWICE: 0, LOST: 1}),
    ],
)
async def test_what_must_never_be_is_found(staff: Client, database: Database, harm: str, found: dict[str, Any]) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.place(line("TEE"))
    await database.do("ALTER TABLE stock_levels DROP CONSTRAINT promises_do_not_exceed_stock")
    await database.do(f"BEGIN; SET LOCAL session_replication_role = replica; {harm}; COMMIT")

    assert await judged(database, acknowledged=1) == found


def test_an_outage_is_over_when_no_second_has_a_refusal_or_a_long_wait_any_more() -> None:
    clock = Clock(began=0.0, marks=[Mark(2.0, "ill"), Mark(4.0, "well")])
    well = [(float(second), 200, 0.01) for second in range(10)]

    assert recovered_after(tally(*well, (3.5, 503, 0.1)), clock) == 0
    assert recovered_after(tally(*well, (5.5, 503, 0.1)), clock) == 2
    assert recovered_after(tally(*well, (6.5, 200, 0.4)), clock) == 3


def test_who_is_told_that_it_is_sold_out_has_an_answer_whose_time_counts() -> None:
    [second] = tally((0.1, 201, 0.1), (0.2, 409, 0.3), (0.3, 503, 9.0)).timeline(refused=REFUSED | {409})

    assert (second.ok, second.refused, second.failed) == (1, 2, 0)
    assert second.p99_ms == pytest.approx(300)


def test_the_short_run_has_the_flash_sale_and_the_long_one_has_it_with_and_without_batching() -> None:
    assert [act.name for act in QUICK] == ["Flash sale"]
    assert [act.name for act in ACTS[:2]] == ["Flash sale", "Flash sale without batching"]
    assert len({act.name for act in ACTS}) == len(ACTS) == 8
