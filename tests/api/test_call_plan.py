"""Without these, FastAPI works out anew at each request what it will call, or an override of a dependency is passed over in silence."""

from typing import Any

import fastapi.routing
import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException

from services.api.call_plan import CalledByPlan
from services.api.dependencies import CurrentDatabase
from services.api.main import create_app
from services.api.route_table import RouteTable
from services.api.routes import products
from tests.support.api import Client, line
from tests.support.settings import settings
from tests.support.unplugged import NOWHERE

TEAPOT = 418


async def test_what_is_right_is_called_by_plan_and_what_is_wrong_by_the_framework(
    staff: Client, customer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await staff.stock("TEE", "AMS", 5)
    asked: list[str] = []
    solve = fastapi.routing.solve_dependencies  # type: ignore[attr-defined]  # imported there, not exported

    async def noted(*, request: Any, **named: Any) -> Any:
        asked.append(str(request.url.path))
        return await solve(request=request, **named)

    monkeypatch.setattr(fastapi.routing, "solve_dependencies", noted)
    right = [await customer.http.get(path) for path in ("/v1/products?limit=1", "/v1/products/TEE?consistency=strong", "/v1/reservations")]
    right.append(await customer.place(line("TEE")))
    assert {answer.is_success for answer in right} == {True}
    assert asked == []

    wrong = [await customer.http.get("/v1/products?limit=0"), await customer.place(line("TEE", 0))]
    assert [answer.status_code for answer in wrong] == [422, 422]
    assert asked == ["/v1/products", "/v1/reservations"]


async def test_a_dependency_that_is_overridden_is_the_other_one() -> None:
    async def other() -> None:
        raise HTTPException(TEAPOT)

    app = create_app(settings(NOWHERE))
    [declared] = CurrentDatabase.__metadata__  # type: ignore[attr-defined]
    app.dependency_overrides[declared.dependency] = other

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://holdfast.test", transport=httpx.ASGITransport(app)) as http,
    ):
        assert (await http.get("/v1/products")).status_code == TEAPOT


async def test_a_dependency_of_everything_that_is_included_is_called_too() -> None:
    async def refuse() -> None:
        raise HTTPException(TEAPOT)

    app = FastAPI(dependencies=[Depends(refuse)])
    app.include_router(products.router)
    found = RouteTable(app.routes, limit_factor=1, has_plans=True).find("GET", "/products")
    assert found is not None
    assert isinstance(found.route.app, CalledByPlan)
    app.router.middleware_stack = found.route.app

    async with httpx.AsyncClient(base_url="http://holdfast.test", transport=httpx.ASGITransport(app)) as http:
        assert (await http.get("/products")).status_code == TEAPOT
