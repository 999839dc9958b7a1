"""Without these, nobody can find out whether a customer was told, or everybody finds out what others were told."""

from collections.abc import Callable

import pytest
import pytest_asyncio

from services.inventory.notifications import commands
from services.inventory.notifications.model import Ending, Notification, postponed, refused
from services.runtime.database import Database as OurDatabase
from services.worker.relay import react
from tests.support.api import Client, Json, line
from tests.support.database import Database
from tests.support.owed import CONFIRMED
from tests.support.problems import assert_problem

PATH = "/v1/notifications"
MEMBERS = {"notification_id", "kind", "state", "attempts", "last_error", "reservation_id", "created_at", "sent_at"}
SAID = "to its recipient the server mail.internal says: 550 <ann@example.com>"


async def listed(client: Client, **filters: str) -> list[Json]:
    answer = await client.http.get(PATH, params=filters)
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


@pytest_asyncio.fixture
async def reservation_id(customer: Client, staff: Client, ours: OurDatabase) -> str:
    """Of a customer who has confirmed it and is owed a mail about it."""
    await staff.stock("MUG", "AMS", 9)
    found: str = (await customer.place(line("MUG"))).json()["id"]
    await customer.confirm(found)
    await ours.transact(react)
    return found


async def test_a_customer_sees_whether_they_were_told(customer: Client, ours: OurDatabase, reservation_id: str) -> None:
    [before] = await listed(customer)
    await _attempt(ours)

    [after] = await listed(customer)

    assert before.keys() == after.keys() == MEMBERS
    assert (before["kind"], before["state"], before["attempts"], before["sent_at"]) == (CONFIRMED, "queued", 0, None)
    assert (after["reservation_id"], after["state"], after["attempts"], after["last_error"]) == (reservation_id, "sent", 1, None)
    assert after["sent_at"] > after["created_at"]


@pytest.mark.parametrize(
    ("how", "state", "sentence"),
    [
        (postponed, "queued", "it could not be delivered yet and will be tried again"),
        (refused, "dead", "it could not be delivered"),
    ],
)
@pytest.mark.usefixtures("reservation_id")
async def test_what_the_mail_server_said_is_the_admins_to_read(
    customer: Client, admin: Client, ours: OurDatabase, *, how: Callable[[Notification, str], Ending], state: str, sentence: str
) -> None:
    await _attempt(ours, how)

    assert [(one["state"], one["last_error"]) for one in await listed(customer)] == [(state, sentence)]
    assert [(one["state"], one["last_error"]) for one in await listed(admin)] == [(state, SAID)]


@pytest.mark.usefixtures("reservation_id")
async def test_everybody_sees_their_own_and_the_admin_everybodys(customer: Client, staff: Client, admin: Client) -> None:
    assert customer.person
    assert staff.person
    whose = {"account_id": str(customer.person.account_id)}

    # Who may read any reservation may not read what others were told.
    assert await listed(staff) == []
    assert_problem(await staff.http.get(PATH, params=whose), 403, "forbidden")
    assert_problem(await customer.http.get(PATH, params=whose), 403, "forbidden")
    assert await listed(admin) == await listed(admin, **whose) == await listed(customer)
    assert await listed(admin, account_id=str(staff.person.account_id)) == []


async def test_each_filter_lets_through_what_it_says(customer: Client, admin: Client, ours: OurDatabase, reservation_id: str) -> None:
    other = (await customer.place(line("MUG"))).json()["id"]
    await customer.cancel(other)
    await _attempt(ours)
    await ours.transact(react)

    for client in (customer, admin):
        kinds = [one["kind"] for one in await listed(client)]
        assert kinds == ["reservation.cancelled", CONFIRMED]
        assert [one["kind"] for one in await listed(client, kind=CONFIRMED)] == [CONFIRMED]
        assert [one["kind"] for one in await listed(client, state="sent")] == [CONFIRMED]
        assert [one["kind"] for one in await listed(client, state="queued")] == ["reservation.cancelled"]
        assert [one["kind"] for one in await listed(client, reservation_id=reservation_id)] == [CONFIRMED]
        assert await listed(client, kind="reservation.gift_wrapped") == await listed(client, reservation_id=other, state="dead") == []
        for wrong in ({"state": "lost"}, {"reservation_id": "x"}, {"kind": "x" * 101}, {"colour": "red"}):
            assert_problem(await client.http.get(PATH, params=wrong), 422, "validation_error")


async def test_pages_show_every_mail_once_and_stay_bound_to_their_filters(
    customer: Client, database: Database, reservation_id: str
) -> None:
    columns = "kind, account_id, reservation_id"
    await database.do(
        f"INSERT INTO notifications (notification_id, event_id, {columns}) SELECT gen_random_uuid(), -n, {columns}"  # noqa: S608
        " FROM notifications, generate_series(1, 4) n"
    )

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await customer.http.get(PATH, params={"reservation_id": reservation_id, "limit": "2", **cursor})).json()
        seen += [one["notification_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert len(seen) == len(set(seen)) == 5
    assert_problem(await customer.http.get(PATH, params={"limit": "2", **cursor}), 400, "bad_cursor")


async def _attempt(ours: OurDatabase, how: Callable[[Notification, str], Ending] | None = None) -> None:
    """One attempt to send what is due: it succeeds, or ends like this."""
    [due] = await ours.transact(commands.lease_due, limit=1)
    notification = await ours.transact(commands.begin_sending, due)
    assert notification
    if how is None:
        await ours.transact(commands.finish_sending, due.notification_id)
    else:
        await ours.transact(commands.end_attempt, notification, how(notification, SAID))
