"""Warehouses over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field, StringConstraints

from services.api.dependencies import AlreadySeen, CurrentDatabase, CurrentVersion, requires
from services.api.openapi import NOT_MODIFIED, merge_patch, refusals, with_body
from services.api.paging import Consistency, RequestedPage
from services.api.routing import StrictRoute
from services.api.wire import Code, In, Out, PageOut, PathKey, Text
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Permission
from services.inventory.catalog import commands, listing, store
from services.inventory.catalog.errors import CodeTaken, HasOpenReservations, WarehouseNotFound
from services.inventory.catalog.model import (
    NAME_LENGTH_MAX,
    PRIORITY_DEFAULT,
    PRIORITY_MAX,
    NewWarehouse,
    Status,
    WarehouseId,
    WarehousePatch,
    WarehouseSort,
)
from services.inventory.reservations import archiving
from services.runtime.paging import BadCursor
from services.runtime.preconditions import EtagMismatch, PreconditionMissing

router = APIRouter(prefix="/warehouses", tags=["warehouses"], route_class=StrictRoute)

READ = [requires(Permission.CATALOG_READ)]
WRITE = [requires(Permission.CATALOG_WRITE)]

Name = Annotated[Text, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX)]
Priority = Annotated[int, Field(strict=True, ge=0, le=PRIORITY_MAX, description="The lower, the sooner it is chosen")]


class WarehouseIn(In):
    code: Annotated[Code, Field(examples=["AMS"])]
    name: Annotated[Name, Field(examples=["Amsterdam"])]
    priority: Priority = PRIORITY_DEFAULT


class WarehousePatchIn(In):
    """A merge-patch: what is absent stays, null stands for the default. The code cannot be changed."""

    name: Annotated[Name, Field(examples=["Amsterdam, harbour"])] = ""
    priority: Priority | None = None

    def patch(self) -> WarehousePatch:
        patch: WarehousePatch = self.model_dump(exclude_unset=True)  # type: ignore[assignment]  # the members and types are the same
        return patch


class WarehouseOut(Out):
    id: Annotated[WarehouseId, Field(validation_alias="warehouse_id")]
    code: str
    name: str
    priority: int
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int


class WarehousePageOut(PageOut[WarehouseOut]):
    pass


@router.post("", status_code=201, summary="Add a warehouse", dependencies=WRITE, responses=with_body(PermissionMissing, CodeTaken))
async def create_warehouse(body: WarehouseIn, database: CurrentDatabase, response: Response) -> WarehouseOut:
    warehouse = await database.transact(commands.create_warehouse, NewWarehouse(body.code, body.name, body.priority))
    response.headers["Location"] = f"/v1/warehouses/{warehouse.warehouse_id}"
    response.headers["ETag"] = f'"{warehouse.version}"'
    return WarehouseOut.of(warehouse)


@router.get("", summary="List warehouses", dependencies=READ, responses=refusals(BadCursor))
async def list_warehouses(
    database: CurrentDatabase,
    page: RequestedPage,
    status: Status = Status.ACTIVE,
    sort: Annotated[WarehouseSort, Query(description="With - from the last to the first")] = WarehouseSort.CODE,
    consistency: Consistency = None,  # noqa: ARG001  # nothing is cached yet
) -> WarehousePageOut:
    """Active ones, unless `status` says otherwise."""
    found = await database.autocommit(listing.list_warehouses, status, sort, window=page.window)
    return WarehousePageOut(items=[WarehouseOut.of(warehouse) for warehouse in found.items], **page.about(found))


@router.head("/{key}", include_in_schema=False, dependencies=READ, response_model=WarehouseOut)
@router.get(
    "/{key}",
    summary="Read a warehouse by id or code",
    dependencies=READ,
    response_model=WarehouseOut,
    responses=refusals(WarehouseNotFound) | NOT_MODIFIED,
)
async def read_warehouse(
    key: PathKey,
    seen: AlreadySeen,
    database: CurrentDatabase,
    response: Response,
    consistency: Consistency = None,  # noqa: ARG001  # nothing is cached yet
) -> WarehouseOut | Response:
    """Archived ones too."""
    warehouse = await database.autocommit(store.find_warehouse, key)
    if warehouse is None:
        raise WarehouseNotFound(key)
    response.headers["ETag"] = f'"{warehouse.version}"'
    if seen.has(response.headers["ETag"]):
        return Response(status_code=304, headers=response.headers)
    return WarehouseOut.of(warehouse)


@router.patch(
    "/{key}",
    summary="Change a warehouse",
    dependencies=WRITE,
    responses=with_body(PermissionMissing, WarehouseNotFound, EtagMismatch, PreconditionMissing),
    openapi_extra=merge_patch(WarehousePatchIn),
)
async def change_warehouse(
    key: PathKey, body: WarehousePatchIn, precondition: CurrentVersion, database: CurrentDatabase, response: Response
) -> WarehouseOut:
    """What is absent stays. What changes nothing leaves the ETag as it is."""
    warehouse = await database.transact(commands.change_warehouse, key, body.patch(), precondition)
    response.headers["ETag"] = f'"{warehouse.version}"'
    return WarehouseOut.of(warehouse)


@router.delete(
    "/{key}",
    status_code=204,
    summary="Archive a warehouse",
    dependencies=WRITE,
    responses=refusals(PermissionMissing, WarehouseNotFound, EtagMismatch, PreconditionMissing, HasOpenReservations),
)
async def archive_warehouse(key: PathKey, precondition: CurrentVersion, database: CurrentDatabase) -> None:
    """It still reads by id and code, leaves the lists, and takes no new orders. Archiving it again changes nothing."""
    await database.transact(archiving.archive_warehouse, key, precondition)
