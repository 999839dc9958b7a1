"""Products over HTTP."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field, RootModel, StringConstraints, TypeAdapter, model_validator

from services.api import limits
from services.api.copies import CATALOGUE, LISTS, RequestedCopy, copy_of, forget, key_of
from services.api.dependencies import CurrentCache, CurrentDatabase, CurrentVersion, IfNoneMatch, requires
from services.api.openapi import NOT_MODIFIED, answers, merge_patch, refusals, with_body
from services.api.paging import RequestedPage
from services.api.routing import NamedByCaller, StrictRoute
from services.api.wire import Code, In, Instant, Out, PageOut, ProductKey, Text
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Permission
from services.inventory.catalog import commands, listing, reading
from services.inventory.catalog.copies import keys_of_product, product_key
from services.inventory.catalog.errors import HasOpenReservations, PriceWithoutCurrency, ProductNotFound, SkuTaken, TooManyAttributes
from services.inventory.catalog.listing import ProductFilters
from services.inventory.catalog.model import (
    ATTRIBUTES_MAX,
    CATEGORY_LENGTH_MAX,
    DESCRIPTION_LENGTH_MAX,
    NAME_LENGTH_MAX,
    PRICE_MINOR_MAX,
    NewProduct,
    ProductId,
    ProductPatch,
    ProductSort,
    Status,
)
from services.inventory.reservations import archiving
from services.runtime.cache import Copy
from services.runtime.paging import BadCursor, Page
from services.runtime.preconditions import EtagMismatch, PreconditionMissing

router = APIRouter(prefix="/products", tags=["products"], route_class=StrictRoute)

READ = [requires(Permission.CATALOG_READ)]
WRITE = [requires(Permission.CATALOG_WRITE)]

Name = Annotated[Text, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX)]
Description = Annotated[Text, StringConstraints(max_length=DESCRIPTION_LENGTH_MAX)]
Category = Annotated[Text, StringConstraints(min_length=1, max_length=CATEGORY_LENGTH_MAX)]
AttributeName = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
AttributeText = Annotated[Text, StringConstraints(max_length=500)]
AttributeValue = AttributeText | Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)] | bool
Price = Annotated[int, Field(strict=True, ge=0, le=PRICE_MINOR_MAX, description="Cents, pence: the smallest unit")]
Currency = Annotated[Text, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217")]
# Not the product of the other examples, which would be of no use afterwards.
ArchivedKey = Annotated[ProductKey, Path(description="Its id or sku; the example is what *Add a product* makes", examples=["LAMP-BRASS"])]
PriceLimit = Annotated[int | None, Query(ge=0, le=PRICE_MINOR_MAX)]
Attributes = Annotated[
    dict[str, str],
    Depends(NamedByCaller("attributes.", TypeAdapter(Annotated[dict[AttributeName, AttributeText], Field(max_length=ATTRIBUTES_MAX)]))),
]
# How OpenAPI says that a caller may choose the names of parameters.
ATTRIBUTES_PARAMETER = {
    "name": "attributes",
    "in": "query",
    "required": False,
    "description": "`attributes.colour=red`: products whose attribute has this value, as text, number or truth",
    "example": {},  # without it the docs page asks for attributes that nothing has
    "style": "form",
    "explode": True,
    "schema": {"type": "object", "propertyNames": {"pattern": r"^attributes\..{1,100}$"}, "additionalProperties": {"type": "string"}},
}


class ProductIn(In):
    sku: Annotated[Code, Field(examples=["LAMP-BRASS"])]
    name: Annotated[Name, Field(examples=["Brass reading lamp"])]
    description: Annotated[Description | None, Field(examples=["With a dimmer"])] = None
    category: Annotated[Category | None, Field(examples=["home"])] = None
    attributes: Annotated[dict[AttributeName, AttributeValue], Field(max_length=ATTRIBUTES_MAX, examples=[{"colour": "brass"}])] = Field(
        default_factory=dict
    )
    price_minor: Annotated[Price | None, Field(examples=[8_900])] = None
    currency: Annotated[Currency | None, Field(examples=["EUR"])] = None

    @model_validator(mode="after")
    def _price_has_currency(self) -> Self:
        if (self.price_minor is None) != (self.currency is None):
            raise ValueError("price_minor and currency are given together or not at all")
        return self

    def facts(self) -> NewProduct:
        return NewProduct(**self.model_dump())


class AttributeChanges(RootModel[Annotated[dict[AttributeName, AttributeValue | None], Field(max_length=2 * ATTRIBUTES_MAX)]]):
    """Attribute by attribute; null removes one."""


class ProductPatchIn(In):
    """A merge-patch: what is absent stays, null removes. The sku cannot be changed."""

    name: Annotated[Name, Field(examples=["Holdfast tee, M, organic"])] = ""
    description: Description | None = None
    category: Category | None = None
    attributes: AttributeChanges | None = None
    price_minor: Price | None = None
    currency: Currency | None = None

    def patch(self) -> ProductPatch:
        patch: ProductPatch = self.model_dump(exclude_unset=True)  # type: ignore[assignment]  # the members and types are the same
        return patch


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


@router.post(
    "",
    status_code=201,
    summary="Add a product",
    dependencies=WRITE,
    responses=with_body(PermissionMissing, SkuTaken) | answers(201, "ETag", "Location"),
)
@limits.account
async def create_product(body: ProductIn, database: CurrentDatabase, response: Response) -> ProductOut:
    product = await database.transact(commands.create_product, body.facts())
    response.headers["Location"] = f"/v1/products/{product.product_id}"
    response.headers["ETag"] = f'"{product.version}"'
    return ProductOut.of(product)


@router.get(
    "",
    summary="List products",
    dependencies=READ,
    response_model=ProductPageOut,
    responses=refusals(BadCursor),
    openapi_extra={"parameters": [ATTRIBUTES_PARAMETER]},
)
@limits.account
async def list_products(
    database: CurrentDatabase,
    page: RequestedPage,
    attributes: Attributes,
    *,
    q: Annotated[
        Text | None, Query(min_length=1, max_length=NAME_LENGTH_MAX, description="Part of a name or sku, or what is spelt like one")
    ] = None,
    category: Annotated[Text | None, Query(min_length=1, max_length=CATEGORY_LENGTH_MAX)] = None,
    status: Status = Status.ACTIVE,
    price_gte: PriceLimit = None,
    price_lte: PriceLimit = None,
    updated_since: Instant | None = None,
    sort: Annotated[ProductSort | None, Query(description="Without it by sku, or by update with `updated_since`")] = None,
    copies: RequestedCopy,
) -> Response:
    """Active ones, unless `status` says otherwise. One without a price comes after those that have one."""
    filters = ProductFilters(status, q, category, price_gte, price_lte, updated_since, attributes)

    async def load() -> Copy:
        found: Page[object]
        if not filters.narrows and not page.window.wants_total:
            found = await database.direct(reading.read_products, status, sort or ProductSort.SKU, window=page.window)
        else:
            run = database.transact if filters.narrows else database.autocommit
            found = await run(listing.list_products, filters, sort, window=page.window)
        answer = ProductPageOut.model_validate({"items": found.items, **page.about(found)})
        return copy_of(answer, **page.of_copy())

    return await copies.answer(key_of("products", *page.identity), LISTS, load)


@router.head("/{key}", include_in_schema=False, dependencies=READ, response_model=ProductOut)
@router.get(
    "/{key}",
    summary="Read a product by id or sku",
    dependencies=READ,
    response_model=ProductOut,
    responses=refusals(ProductNotFound) | NOT_MODIFIED | answers(200, "ETag"),
)
@limits.account
async def read_product(
    key: ProductKey,
    database: CurrentDatabase,
    copies: RequestedCopy,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001  # read by whoever answers with a copy
) -> Response:
    """Archived ones too."""

    async def load() -> Copy:
        product = await database.direct(reading.read_product, key)
        if product is None:
            raise ProductNotFound(key)
        return copy_of(ProductOut.of(product), etag=f'"{product.version}"')

    return await copies.answer(product_key(key), CATALOGUE, load)


@router.patch(
    "/{key}",
    summary="Change a product",
    dependencies=WRITE,
    responses=with_body(PermissionMissing, ProductNotFound, EtagMismatch, PreconditionMissing, PriceWithoutCurrency, TooManyAttributes)
    | answers(200, "ETag"),
    openapi_extra=merge_patch(ProductPatchIn),
)
@limits.account
async def change_product(
    key: ProductKey,
    body: ProductPatchIn,
    precondition: CurrentVersion,
    *,
    database: CurrentDatabase,
    cache: CurrentCache,
    response: Response,
) -> ProductOut:
    """What is absent stays, null removes; attributes are merged one by one. What changes nothing leaves the ETag as it is."""
    product = await database.transact(commands.change_product, key, body.patch(), precondition)
    await forget(cache, keys_of_product(product.product_id, product.sku))
    response.headers["ETag"] = f'"{product.version}"'
    return ProductOut.of(product)


@router.delete(
    "/{key}",
    status_code=204,
    summary="Archive a product",
    dependencies=WRITE,
    responses=refusals(PermissionMissing, ProductNotFound, EtagMismatch, PreconditionMissing, HasOpenReservations),
)
@limits.account
async def archive_product(key: ArchivedKey, precondition: CurrentVersion, database: CurrentDatabase, cache: CurrentCache) -> None:
    """It still reads by id and sku, leaves the lists, and takes no new orders. Archiving it again changes nothing."""
    product = await database.transact(archiving.archive_product, key, precondition)
    await forget(cache, keys_of_product(product.product_id, product.sku))
