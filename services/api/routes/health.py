"""Whether the process lives, and whether it can serve."""

from typing import Literal

from fastapi import APIRouter, Request, Response

from services.api import limits
from services.api.dependencies import OPEN_TO_ALL, assembled
from services.api.openapi import answers, only_refusals
from services.api.routing import StrictRoute
from services.api.wire import Out
from services.runtime.errors import Invalid, Unavailable
from services.runtime.readiness import find_fault

WITHOUT_REDIS = "unreachable; the database answers everything, and each process limits by itself"

router = APIRouter(tags=["health"], route_class=StrictRoute, dependencies=[OPEN_TO_ALL])


class LiveOut(Out):
    status: Literal["live"]


class ReadyOut(Out):
    status: Literal["ready", "degraded", "unready"]
    database: str
    cache: str


@router.get("/livez", summary="Does the process answer?", responses=only_refusals(Invalid))
@limits.unlimited
async def read_liveness() -> LiveOut:
    """Asks nothing of the database: restarting the API would not bring that back."""
    return LiveOut(status="live")


@router.get("/readyz", summary="Can it serve?", responses=only_refusals(Invalid) | answers(503, model=ReadyOut))
@limits.unlimited
async def read_readiness(request: Request, response: Response) -> ReadyOut:
    """The database answers, its schema is ours, and our time limits are in force. Without Redis all is answered too, only slower."""
    parts = assembled(request)
    cache = "ok" if parts.redis.is_up else WITHOUT_REDIS
    try:
        fault = await parts.resources.database.autocommit(find_fault)
    except Unavailable as error:
        fault = error.detail
    if fault is None:
        return ReadyOut(status="ready" if parts.redis.is_up else "degraded", database="ok", cache=cache)
    response.status_code = 503
    return ReadyOut(status="unready", database=fault, cache=cache)
