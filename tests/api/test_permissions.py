"""Without these, a customer does the staff's work, a stranger a customer's, or a new route is everybody's."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from services.api.main import create_app
from services.inventory.accounts.model import Role
from services.inventory.accounts.permissions import PERMISSIONS, Permission
from tests.support.api import Api, Client, Json, line
from tests.support.database import Database
from tests.support.devices import sign_in
from tests.support.eventually import eventually
from tests.support.people import People
from tests.support.problems import assert_problem, nothing_changes
from tests.support.settings import Where, settings

NO_ONES = "0197a3f0-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Row:
    """What a route asks for, and what those who may get in are answered to an empty body about things that do not exist."""

    permission: Permission | None
    status: int


OPEN = None
OWN_ACCOUNT, OWN = Permission.ACCOUNT_USE_OWN, Permission.RESERVATIONS_USE_OWN

# One row for every route; a route without one fails.
TABLE: Mapping[str, Row] = {
    "POST /v1/auth/token": Row(OPEN, 422),
    "POST /v1/auth/refresh": Row(OPEN, 422),
    "POST /v1/auth/logout": Row(OPEN, 422),
    "POST /v1/auth/register": Row(OPEN, 422),
    "POST /v1/auth/verify-email": Row(OPEN, 422),
    "POST /v1/auth/forgot-password": Row(OPEN, 422),
    "POST /v1/auth/reset-password": Row(OPEN, 422),
    "POST /v1/auth/change-password": Row(OWN_ACCOUNT, 422),
    "POST /v1/auth/logout-all": Row(OWN_ACCOUNT, 204),
    "GET /v1/auth/sessions": Row(OWN_ACCOUNT, 200),
    "DELETE /v1/auth/sessions/{session_id}": Row(OWN_ACCOUNT, 404),
    "GET /v1/me": Row(OWN_ACCOUNT, 200),
    "PATCH /v1/me": Row(OWN_ACCOUNT, 422),
    "GET /v1/accounts": Row(Permission.ACCOUNTS_MANAGE, 200),
    "GET /v1/accounts/{account_id}": Row(Permission.ACCOUNTS_MANAGE, 404),
    "PATCH /v1/accounts/{account_id}": Row(Permission.ACCOUNTS_MANAGE, 404),
    "GET /v1/products": Row(Permission.CATALOG_READ, 200),
    "GET /v1/products/{key}": Row(Permission.CATALOG_READ, 404),
    "HEAD /v1/products/{key}": Row(Permission.CATALOG_READ, 404),
    "POST /v1/products": Row(Permission.CATALOG_WRITE, 422),
    "PATCH /v1/products/{key}": Row(Permission.CATALOG_WRITE, 428),
    "DELETE /v1/products/{key}": Row(Permission.CATALOG_WRITE, 428),
    "GET /v1/warehouses": Row(Permission.CATALOG_READ, 200),
    "GET /v1/warehouses/{key}": Row(Permission.CATALOG_READ, 404),
    "HEAD /v1/warehouses/{key}": Row(Permission.CATALOG_READ, 404),
    "POST /v1/warehouses": Row(Permission.CATALOG_WRITE, 422),
    "PATCH /v1/warehouses/{key}": Row(Permission.CATALOG_WRITE, 428),
    "DELETE /v1/warehouses/{key}": Row(Permission.CATALOG_WRITE, 428),
    "GET /v1/products/{key}/stock/{warehouse}": Row(Permission.STOCK_READ, 404),
    "PUT /v1/products/{key}/stock/{warehouse}": Row(Permission.STOCK_CONFIGURE, 404),
    "GET /v1/availability": Row(Permission.CATALOG_READ, 422),
    "GET /v1/stock": Row(Permission.STOCK_READ, 200),
    "GET /v1/stock/{item_id}": Row(Permission.STOCK_READ, 404),
    "POST /v1/stock-adjustments": Row(Permission.STOCK_ADJUST, 422),
    "POST /v1/stock-counts": Row(Permission.STOCK_ADJUST, 422),
    "POST /v1/stock-transfers": Row(Permission.STOCK_ADJUST, 422),
    "GET /v1/stock-movements": Row(Permission.STOCK_READ, 200),
    "GET /v1/reservations": Row(OWN, 200),
    "POST /v1/reservations": Row(OWN, 422),
    "PUT /v1/reservations/by-ref/{external_ref}": Row(OWN, 422),
    "GET /v1/reservations/{reservation_id}": Row(OWN, 404),
    "PUT /v1/reservations/{reservation_id}/lines": Row(OWN, 422),
    "POST /v1/reservations/{reservation_id}/confirm": Row(OWN, 404),
    "POST /v1/reservations/{reservation_id}/cancel": Row(OWN, 404),
    "POST /v1/reservations/{reservation_id}/extend": Row(OWN, 422),
    "POST /v1/reservations/{reservation_id}/fulfilments": Row(Permission.RESERVATIONS_FULFIL, 404),
    "GET /v1/notifications": Row(Permission.NOTIFICATIONS_READ_OWN, 200),
    "GET /v1/dead-letters": Row(Permission.DEAD_LETTERS_MANAGE, 200),
    "GET /v1/dead-letters/{dead_letter_id}": Row(Permission.DEAD_LETTERS_MANAGE, 404),
    "POST /v1/dead-letters/{dead_letter_id}/replay": Row(Permission.DEAD_LETTERS_MANAGE, 404),
    "POST /v1/dead-letters/{dead_letter_id}/discard": Row(Permission.DEAD_LETTERS_MANAGE, 404),
    "GET /v1/admin/reconciliation": Row(Permission.RECONCILIATION_READ, 200),
    "GET /v1/audit-events": Row(Permission.AUDIT_READ, 200),
    "GET /livez": Row(OPEN, 200),
    "GET /readyz": Row(OPEN, 200),
    "GET /docs": Row(OPEN, 200),
    "GET /docs/assets/{name}": Row(OPEN, 422),
    "GET /account/{page}": Row(OPEN, 422),
    "GET /account/assets/{name}": Row(OPEN, 422),
}
# What somebody else's is not there; a body that its owner could send, so that nothing else is refused first.
SOMEBODY_ELSES: Mapping[str, Json | None] = {
    "GET /v1/reservations/{reservation_id}": None,
    "PUT /v1/reservations/{reservation_id}/lines": {"lines": [line("TEE", 2)]},
    "POST /v1/reservations/{reservation_id}/extend": {"ttl_seconds": 900},
    "POST /v1/reservations/{reservation_id}/confirm": None,
    "POST /v1/reservations/{reservation_id}/cancel": None,
    "DELETE /v1/auth/sessions/{session_id}": None,
}


def routes() -> Iterator[tuple[str, Permission | None]]:
    app = create_app(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none")))
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            asked = [call.permission for call in (each.call for each in route.dependant.dependencies) if hasattr(call, "permission")]
            for method in route.methods or ():
                yield f"{method} {route.path}", asked[0] if asked else OPEN


async def ask(client: Client, route: str, body: Json | None = None, **ids: str) -> httpx.Response:
    method, _, template = route.partition(" ")
    names = {"key": "TEE", "warehouse": "AMS", "external_ref": "cart-81", "name": "x", "page": "x"}
    unknown = ("session_id", "account_id", "item_id", "reservation_id", "dead_letter_id")
    path = template.format_map(dict.fromkeys(unknown, NO_ONES) | names | ids)
    sent = None if method in {"GET", "HEAD", "DELETE"} else body or {}
    return await client.http.request(method, path, headers={"Idempotency-Key": uuid.uuid4().hex, "If-None-Match": "*"}, json=sent)


async def shut_out(api: Api, people: People) -> Client:
    """Somebody who had signed in before their account was disabled."""
    person, admin = await people.join(), await api.admin()
    device = await sign_in(api, person)
    assert (await admin.http.patch(f"/v1/accounts/{person.account_id}", json={"disabled": True})).status_code == 200
    await eventually(device.is_shut_out, within_seconds=1)
    return Client(device.http, person)


def test_every_route_has_a_row_and_asks_for_what_it_says() -> None:
    assert dict(routes()) == {route: row.permission for route, row in TABLE.items()}


def test_every_route_to_a_thing_that_somebody_owns_is_tried_by_somebody_else() -> None:
    owned = {Permission.ACCOUNT_USE_OWN, Permission.RESERVATIONS_USE_OWN}

    assert {route for route, row in TABLE.items() if row.permission in owned and "_id}" in route} == SOMEBODY_ELSES.keys()


@pytest.mark.parametrize("role", [None, *Role])
async def test_each_role_may_what_the_table_of_roles_says(api: Api, database: Database, role: Role | None) -> None:
    client = await {None: api.client, Role.CUSTOMER: api.customer, Role.STAFF: api.staff, Role.ADMIN: api.admin}[role]()
    *everything, leaving = sorted(TABLE, key=lambda route: "logout-all" in route)  # it ends the token of the one who asks
    refused = []

    async def try_it(route: str) -> None:
        row, answer = TABLE[route], await ask(client, route)
        if row.permission is None or row.permission in PERMISSIONS[role]:
            assert answer.status_code == row.status, (route, answer.text)
        elif role is None:
            assert_problem(answer, 401, "unauthenticated")
        else:
            assert row.permission in assert_problem(answer, 403, "forbidden")["detail"]
            refused.append((row.permission.value, answer.headers["X-Request-ID"]))

    async with nothing_changes(database):
        for route in everything:
            await try_it(route)
    await try_it(leaving)

    denials = "SELECT details->>'permission', request_id FROM audit_events WHERE outcome = 'denied' AND actor_id IS NOT DISTINCT FROM $1"
    assert sorted(await database.rows(denials, client.person and client.person.account_id)) == sorted(refused)


async def test_whose_account_is_disabled_may_nothing(api: Api, people: People, database: Database) -> None:
    client = await shut_out(api, people)

    async with nothing_changes(database):
        for route, row in TABLE.items():
            answer = await ask(client, route)
            assert answer.status_code == (row.status if row.permission is OPEN else 401), (route, answer.text)


async def test_what_is_somebody_elses_is_not_there(api: Api, people: People, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    owner, other = (Client(device.http, None) for device in [await sign_in(api, await people.join()) for _ in range(2)])
    ids = {"reservation_id": (await owner.place(line("TEE"))).json()["id"]}
    ids["session_id"] = (await owner.http.get("/v1/auth/sessions")).json()["items"][0]["id"]

    async with nothing_changes(database):
        for route, body in SOMEBODY_ELSES.items():
            assert_problem(await ask(other, route, body, **ids), 404, "not_found")
        assert (await other.http.get("/v1/reservations")).json()["items"] == []
        assert {item["id"] for item in (await other.http.get("/v1/auth/sessions")).json()["items"]} != {ids["session_id"]}

    own = [(await ask(owner, route, body, **ids)).status_code for route, body in SOMEBODY_ELSES.items()]
    assert own == [200, 200, 200, 200, 200, 204]


@pytest.mark.parametrize("route", ["POST /v1/products", "POST /v1/stock-adjustments", "PUT /v1/products/{key}/stock/{warehouse}"])
async def test_who_may_not_act_does_not_learn_whether_the_body_was_right(customer: Client, route: str) -> None:
    assert_problem(await ask(customer, route, {"nonsense": True}), 403, "forbidden")
