"""Without this, somebody adds a route and forgets to say who may use it."""

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from services.api.dependencies import OPEN_TO_ALL, requires
from services.api.main import create_app
from services.inventory.accounts.permissions import Permission
from tests.support.settings import Where, settings


def routes_for_anybody(app: FastAPI) -> Iterator[str]:
    """Routes that neither require a permission nor say that they are open to all."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute) and not _declares(route.dependant):
            yield f"{', '.join(sorted(route.methods or ()))} {route.path}"


def _declares(dependant: Dependant) -> bool:
    calls = [dependency.call for dependency in dependant.dependencies]
    return OPEN_TO_ALL.dependency in calls or any(hasattr(call, "permission") for call in calls)


def test_every_route_says_who_may_use_it() -> None:
    app = create_app(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none")))

    assert list(routes_for_anybody(app)) == []


def test_the_rule_can_be_broken() -> None:
    router = APIRouter(prefix="/tea")

    @router.get("/brew")
    async def forgotten() -> None: ...

    @router.get("/price", dependencies=[OPEN_TO_ALL])
    async def open_to_all() -> None: ...

    @router.post("/pot", dependencies=[requires(Permission.STOCK_ADJUST)])
    async def guarded() -> None: ...

    app = FastAPI()
    app.include_router(router)

    assert list(routes_for_anybody(app)) == ["GET /tea/brew"]
