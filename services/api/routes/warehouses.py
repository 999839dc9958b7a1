"""Warehouses over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field, StringConstraints

from services.api import limits
from services.api.copies import CATALOGUE, LISTS, RequestedCopy, copy_of, forget, key_of
from services.api.dependencies import CurrentCache, CurrentDatabase, CurrentVersion, IfNoneMatch, requires
from services.api.openapi import NOT_MODIFIED, answers, merge_patch, refusals, with_body
from services.api.paging import RequestedPage
from services.api.routing import StrictRoute
from services.api.wire import Code, In, Out, PageOut, Text, WarehouseKey
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Permission
from services.inventory.catalog import commands, listing, reading
from services.inventory.catalog.copies import keys_of_warehouse, warehouse_key
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
from services.runtime.cache import Copy
from services.runtime.paging import BadCursor
from services.runtime.preconditions import EtagMismatch, PreconditionMissing

router = APIRouter(prefix="/warehouses", tags=["warehouses"], route_class=StrictRoute)

READ = [requires(Permission.CATALOG_READ)]
WRITE = [requires(Permission.CATALOG_WRITE)]

Name = Annotated[Text, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX)]
Priority = Annotated[int, Field(strict=True, ge=0, le=PRIORITY_MAX, description="The lower, the sooner it is chosen")]
# Not the warehouse of the other examples, which would be of no use afterwards.
ArchivedKey = Annotated[WarehouseKey, Path(description="Its id or code; the example is what *Add a warehouse* makes", examples=["ATTIC"])]


class WarehouseIn(In):
    code: Annotated[Code, Field(examples=["ATTIC"])]
    name: Annotated[Name, Field(examples=["The attic"])]
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
    name: Annotated[str, Field(examples=["Amsterdam"])]
    priority: int
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int


class WarehousePageOut(PageOut[WarehouseOut]):
    pass


@router.post(
    "",
    status_code=201,
    summary="Add a warehouse",
    dependencies=WRITE,
    responses=with_body(PermissionMissing, CodeTaken) | answers(201, "ETag", "Location"),
)
@limits.account
async def create_warehouse(body: WarehouseIn, database: CurrentDatabase, response: Response) -> WarehouseOut:
    warehouse = await database.transact(commands.create_warehouse, NewWarehouse(body.code, body.name, body.priority))
    response.headers["Location"] = f"/v1/warehouses/{warehouse.warehouse_id}"
    response.headers["ETag"] = f'"{warehouse.version}"'
    return WarehouseOut.of(warehouse)


@router.get("", summary="List warehouses", dependencies=READ, response_model=WarehousePageOut, responses=refusals(BadCursor))
@limits.account
async def list_warehouses(
    database: CurrentDatabase,
    page: RequestedPage,
    copies: RequestedCopy,
    status: Status = Status.ACTIVE,
    sort: Annotated[WarehouseSort, Query(description="With - from the last to the first")] = WarehouseSort.CODE,
) -> Response:
    """Active ones, unless `status` says otherwise."""

    async def load() -> Copy:
        found = await database.autocommit(listing.list_warehouses, status, sort, window=page.window)
        answer = WarehousePageOut.model_validate({"items": found.items, **page.about(found)})
        return copy_of(answer, **page.of_copy())

    return await copies.answer(key_of("warehouses", *page.identity), LISTS, load)


@router.head("/{key}", include_in_schema=False, dependencies=READ, response_model=WarehouseOut)
@router.get(
    "/{key}",
    summary="Read a warehouse by id or code",
    dependencies=READ,
    response_model=WarehouseOut,
    responses=refusals(WarehouseNotFound) | NOT_MODIFIED | answers(200, "ETag"),
)
@limits.account
async def read_warehouse(
    key: WarehouseKey,
    database: CurrentDatabase,
    copies: RequestedCopy,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001  # read by whoever answers with a copy
) -> Response:
    """Archived ones too."""

    async def load() -> Copy:
        warehouse = await database.direct(reading.read_warehouse, key)
        if warehouse is None:
            raise WarehouseNotFound(key)
        return copy_of(WarehouseOut.of(warehouse), etag=f'"{warehouse.version}"')

    return await copies.answer(warehouse_key(key), CATALOGUE, load)


@router.patch(
    "/{key}",
    summary="Change a warehouse",
    dependencies=WRITE,
    responses=with_body(PermissionMissing, WarehouseNotFound, EtagMismatch, PreconditionMissing) | answers(200, "ETag"),
    openapi_extra=merge_patch(WarehousePatchIn),
)
@limits.account
async def change_warehouse(
    key: WarehouseKey,
    body: WarehousePatchIn,
    precondition: CurrentVersion,
    *,
    database: CurrentDatabase,
    cache: CurrentCache,
    response: Response,
) -> WarehouseOut:
    """What is absent stays. What changes nothing leaves the ETag as it is."""
    warehouse = await database.transact(commands.change_warehouse, key, body.patch(), precondition)
    await forget(cache, keys_of_warehouse(warehouse.warehouse_id, warehouse.code))
    response.headers["ETag"] = f'"{warehouse.version}"'
    return WarehouseOut.of(warehouse)


@router.delete(
    "/{key}",
    status_code=204,
    summary="Archive a warehouse",
    dependencies=WRITE,
    responses=refusals(PermissionMissing, WarehouseNotFound, EtagMismatch, PreconditionMissing, HasOpenReservations),
)
@limits.account
async def archive_warehouse(key: ArchivedKey, precondition: CurrentVersion, database: CurrentDatabase, cache: CurrentCache) -> None:
    """It still reads by id and code, leaves the lists, and takes no new orders. Archiving it again changes nothing."""
    warehouse = await database.transact(archiving.archive_warehouse, key, precondition)
    await forget(cache, keys_of_warehouse(warehouse.warehouse_id, warehouse.code))
