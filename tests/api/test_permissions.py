"""Without these, a customer does the staff's work, or a stranger a customer's."""

from dataclasses import dataclass

import httpx
import pytest

from tests.support.api import Api, Client
from tests.support.database import Database
from tests.support.problems import assert_problem, nothing_changes

NO_ONES = "0197a3f0-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    permission: str
    # What a caller who may get in is answered to an empty body.
    status: int


FOR_CUSTOMERS = [
    Route("POST", "/v1/reservations", "reservations:use_own", 422),
    Route("GET", f"/v1/reservations/{NO_ONES}", "reservations:use_own", 404),
    Route("POST", f"/v1/reservations/{NO_ONES}/confirm", "reservations:use_own", 404),
    Route("POST", f"/v1/reservations/{NO_ONES}/cancel", "reservations:use_own", 404),
    Route("POST", f"/v1/reservations/{NO_ONES}/extend", "reservations:use_own", 422),
    Route("PUT", f"/v1/reservations/{NO_ONES}/lines", "reservations:use_own", 422),
    Route("PUT", "/v1/reservations/by-ref/cart-81", "reservations:use_own", 422),
    Route("GET", "/v1/reservations", "reservations:use_own", 200),
]
FOR_STAFF = [
    Route("POST", "/v1/products", "catalog:write", 422),
    Route("POST", "/v1/warehouses", "catalog:write", 422),
    Route("PUT", "/v1/products/TEE/stock/AMS", "stock:configure", 404),
    Route("GET", "/v1/products/TEE/stock/AMS", "stock:read", 404),
    Route("GET", "/v1/stock", "stock:read", 200),
    Route("GET", f"/v1/stock/{NO_ONES}", "stock:read", 404),
    Route("POST", "/v1/stock-adjustments", "stock:adjust", 422),
    Route("POST", "/v1/stock-counts", "stock:adjust", 422),
    Route("POST", "/v1/stock-transfers", "stock:adjust", 422),
    Route("GET", "/v1/stock-movements", "stock:read", 200),
    Route("PATCH", "/v1/products/TEE", "catalog:write", 428),
    Route("DELETE", "/v1/products/TEE", "catalog:write", 428),
    Route("PATCH", "/v1/warehouses/AMS", "catalog:write", 428),
    Route("DELETE", "/v1/warehouses/AMS", "catalog:write", 428),
    Route("POST", f"/v1/reservations/{NO_ONES}/fulfilments", "reservations:fulfil", 404),
]
FOR_ADMIN = [Route("GET", "/v1/admin/reconciliation", "reconciliation:read", 200)]
FOR_ALL = [
    Route("GET", "/v1/products", "", 200),
    Route("GET", "/v1/products/TEE", "", 404),
    Route("GET", "/v1/warehouses", "", 200),
    Route("GET", "/v1/warehouses/AMS", "", 404),
    Route("GET", "/v1/availability?sku=TEE", "", 200),
]


async def ask(client: Client, route: Route) -> httpx.Response:
    headers = {"Idempotency-Key": "k1", "If-None-Match": "*"}
    return await client.http.request(route.method, route.path, headers=headers, json=None if route.method == "GET" else {})


async def test_each_role_may_what_its_table_says(api: Api, database: Database) -> None:
    nobody, customer, staff, admin = await api.client(), await api.customer(), await api.staff(), await api.admin()
    may = {nobody: FOR_ALL, customer: FOR_ALL + FOR_CUSTOMERS, staff: FOR_ALL + FOR_CUSTOMERS + FOR_STAFF}
    routes = FOR_ALL + FOR_CUSTOMERS + FOR_STAFF + FOR_ADMIN

    async with nothing_changes(database):
        for route in routes:
            for client in (nobody, customer, staff, admin):
                answer = await ask(client, route)
                if route in may.get(client, routes):
                    assert answer.status_code == route.status, (route, answer.text)
                elif client is nobody:
                    assert_problem(answer, 401, "unauthenticated")
                else:
                    assert route.permission in assert_problem(answer, 403, "forbidden")["detail"]


@pytest.mark.parametrize("route", FOR_STAFF[:3], ids=lambda route: route.path)
async def test_who_may_not_act_does_not_learn_whether_the_body_was_right(customer: Client, route: Route) -> None:
    answer = await customer.http.request(route.method, route.path, json={"nonsense": True}, headers={"If-None-Match": "*"})

    assert_problem(answer, 403, "forbidden")
