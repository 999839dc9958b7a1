"""Products and warehouses over HTTP."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints, model_validator

from services.api.dependencies import CurrentDatabase, RequestedPage, requires
from services.api.openapi import refusals, with_body
from services.api.routing import StrictRoute
from services.api.wire import Code, In, Out, PageOut, PathKey, Text
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Permission
from services.inventory.catalog import commands, store
from services.inventory.catalog.errors import CodeTaken, ProductNotFound, SkuTaken, WarehouseNotFound
from services.inventory.catalog.model import (
    ATTRIBUTES_MAX,
    CATEGORY_LENGTH_MAX,
    DESCRIPTION_LENGTH_MAX,
    NAME_LENGTH_MAX,
    PRICE_MINOR_MAX,
    PRIORITY_MAX,
    NewProduct,
    NewWarehouse,
    ProductId,
    Status,
    WarehouseId,
)
from services.runtime.paging import BadCursor

router = APIRouter(route_class=StrictRoute)

READ = [requires(Permission.CATALOG_READ)]
WRITE = [requires(Permission.CATALOG_WRITE)]

Name = Annotated[Text, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX)]
AttributeName = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
AttributeValue = Annotated[Text, StringConstraints(max_length=500)] | Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)] | bool


class ProductIn(In):
    sku: Annotated[Code, Field(examples=["LAMP-BRASS"])]
    name: Annotated[Name, Field(examples=["Brass reading lamp"])]
    description: Annotated[Text, StringConstraints(max_length=DESCRIPTION_LENGTH_MAX)] | None = None
    category: Annotated[Text, StringConstraints(min_length=1, max_length=CATEGORY_LENGTH_MAX)] | None = None
    attributes: Annotated[dict[AttributeName, AttributeValue], Field(max_length=ATTRIBUTES_MAX)] = Field(default_factory=dict)
    price_minor: Annotated[int, Field(strict=True, ge=0, le=PRICE_MINOR_MAX, description="Cents, pence: the smallest unit")] | None = None
    currency: Annotated[Text, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217", examples=["EUR"])] | None = None

    @model_validator(mode="after")
    def _price_has_currency(self) -> Self:
        if (self.price_minor is None) != (self.currency is None):
            raise ValueError("price_minor and currency are given together or not at all")
        return self

    def facts(self) -> NewProduct:
        return NewProduct(**self.model_dump())


class ProductOut(Out):
    id: Annotated[ProductId, Field(validation_alias="product_id")]
    sku: str
    name: str
    description: str | None
    category: str | None
    attributes: dict[str, str | int | bool]
    price_minor: int | None
    currency: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int


class ProductPageOut(PageOut[ProductOut]):
    pass


class WarehouseIn(In):
    code: Annotated[Code, Field(examples=["AMS"])]
    name: Annotated[Name, Field(examples=["Amsterdam"])]
    priority: Annotated[int, Field(strict=True, ge=0, le=PRIORITY_MAX, description="The lower, the sooner it is chosen")] = 100


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


@router.post(
    "/products",
    status_code=201,
    summary="Add a product",
    tags=["products"],
    dependencies=WRITE,
    responses=with_body(PermissionMissing, SkuTaken),
)
async def create_product(body: ProductIn, database: CurrentDatabase, response: Response) -> ProductOut:
    product = await database.transact(commands.create_product, body.facts())
    response.headers["Location"] = f"/v1/products/{product.product_id}"
    response.headers["ETag"] = f'"{product.version}"'
    return ProductOut.of(product)


@router.get("/products", summary="List products", tags=["products"], dependencies=READ, responses=refusals(BadCursor))
async def list_products(database: CurrentDatabase, page: RequestedPage) -> ProductPageOut:
    """Active products by sku."""
    found = await database.autocommit(store.list_products, position=page.position, limit=page.limit)
    return ProductPageOut(items=[ProductOut.of(product) for product in found.items], **page.cursors(found))


@router.get(
    "/products/{key}",
    summary="Read a product by id or sku",
    tags=["products"],
    dependencies=READ,
    responses=refusals(ProductNotFound),
)
async def read_product(key: PathKey, database: CurrentDatabase, response: Response) -> ProductOut:
    product = await database.autocommit(store.find_product, key)
    if product is None:
        raise ProductNotFound(key)
    response.headers["ETag"] = f'"{product.version}"'
    return ProductOut.of(product)


@router.post(
    "/warehouses",
    status_code=201,
    summary="Add a warehouse",
    tags=["warehouses"],
    dependencies=WRITE,
    responses=with_body(PermissionMissing, CodeTaken),
)
async def create_warehouse(body: WarehouseIn, database: CurrentDatabase, response: Response) -> WarehouseOut:
    warehouse = await database.transact(commands.create_warehouse, NewWarehouse(body.code, body.name, body.priority))
    response.headers["Location"] = f"/v1/warehouses/{warehouse.warehouse_id}"
    response.headers["ETag"] = f'"{warehouse.version}"'
    return WarehouseOut.of(warehouse)


@router.get("/warehouses", summary="List warehouses", tags=["warehouses"], dependencies=READ, responses=refusals(BadCursor))
async def list_warehouses(database: CurrentDatabase, page: RequestedPage) -> WarehousePageOut:
    """Active warehouses by code."""
    found = await database.autocommit(store.list_warehouses, position=page.position, limit=page.limit)
    return WarehousePageOut(items=[WarehouseOut.of(warehouse) for warehouse in found.items], **page.cursors(found))


@router.get(
    "/warehouses/{key}",
    summary="Read a warehouse by id or code",
    tags=["warehouses"],
    dependencies=READ,
    responses=refusals(WarehouseNotFound),
)
async def read_warehouse(key: PathKey, database: CurrentDatabase, response: Response) -> WarehouseOut:
    warehouse = await database.autocommit(store.find_warehouse, key)
    if warehouse is None:
        raise WarehouseNotFound(key)
    response.headers["ETag"] = f'"{warehouse.version}"'
    return WarehouseOut.of(warehouse)
