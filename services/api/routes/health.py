"""Whether the process lives, and whether it can serve."""

from typing import Literal

from fastapi import APIRouter, Response

from services.api import limits
from services.api.dependencies import OPEN_TO_ALL, CurrentDatabase
from services.api.openapi import answers, only_refusals
from services.api.routing import StrictRoute
from services.api.wire import Out
from services.runtime.errors import Invalid, Unavailable
from services.runtime.readiness import find_fault

router = APIRouter(tags=["health"], route_class=StrictRoute, dependencies=[OPEN_TO_ALL])


class LiveOut(Out):
    status: Literal["live"]


class ReadyOut(Out):
    status: Literal["ready", "unready"]
    database: str


@router.get("/livez", summary="Does the process answer?", responses=only_refusals(Invalid))
@limits.unlimited
async def read_liveness() -> LiveOut:
    """Asks nothing of the database: restarting the API would not bring that back."""
    return LiveOut(status="live")


@router.get("/readyz", summary="Can it serve?", responses=only_refusals(Invalid) | answers(503, model=ReadyOut))
@limits.unlimited
async def read_readiness(database: CurrentDatabase, response: Response) -> ReadyOut:
    """The database answers, its schema is ours, and our time limits are in force."""
    try:
        fault = await database.autocommit(find_fault)
    except Unavailable as error:
        fault = error.detail
    if fault is None:
        return ReadyOut(status="ready", database="ok")
    response.status_code = 503
    return ReadyOut(status="unready", database=fault)
