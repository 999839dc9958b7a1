"""Products and warehouses as PostgreSQL keeps them."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.inventory.catalog.model import CODE_LENGTH_MAX, Status
from services.runtime.database import metadata

NO_PRICE = 2**53  # above every price, and exact as a JSON number in a cursor

_STATUSES = ", ".join(f"'{status}'" for status in Status)

products = Table(
    "products",
    metadata,
    Column("product_id", Uuid, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("category", Text),
    Column("attributes", JSONB, nullable=False, server_default=text("'{}'")),
    Column("price_minor", BigInteger),
    Column("currency", Text),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("sku", name="a_sku_names_one_product"),
    CheckConstraint(f"length(sku) BETWEEN 1 AND {CODE_LENGTH_MAX}", name="a_sku_has_1_to_200_characters"),
    CheckConstraint("price_minor >= 0", name="a_price_is_not_negative"),
    CheckConstraint("(price_minor IS NULL) = (currency IS NULL)", name="a_price_has_a_currency"),
    CheckConstraint(f"status IN ({_STATUSES})", name="a_product_status_is_known"),
)
# What a product is sorted and filtered by, never null, and what its text search looks at. Literals: an index has no parameters.
price_order = func.coalesce(products.c.price_minor, literal_column(str(NO_PRICE), BigInteger))
search_text = products.c.sku.op("||", return_type=Text())(literal_column("' '", Text)).op("||", return_type=Text())(products.c.name)
letters = func.letters(search_text, type_=ARRAY(Text))  # see letters.sql

# Each serves the list in one order: of the active or of the archived, from any place on, in both directions. What they include
# is what a list is filtered by while it is walked through, without a look at the rows that are passed over.
_filters = ["updated_at", "price_minor"]
Index("products_by_sku", products.c.status, products.c.sku, products.c.product_id, postgresql_include=_filters)
Index("products_by_name", products.c.status, products.c.name, products.c.product_id, postgresql_include=_filters)
Index("products_by_price", products.c.status, price_order, products.c.product_id, postgresql_include=_filters)
Index("products_by_creation", products.c.status, products.c.created_at, products.c.product_id, postgresql_include=_filters)
Index("products_by_update", products.c.status, products.c.updated_at, products.c.product_id)
# Serves the list of a category by sku, and small categories in any order.
Index("products_of_a_category", products.c.category, products.c.status, products.c.sku, products.c.product_id)
# Serves the filters attributes.<name>.
Index("products_with_attributes", products.c.attributes, postgresql_using="gin", postgresql_ops={"attributes": "jsonb_path_ops"})
# Serves the text search, for a substring of three characters or more and for what is spelt like the text.
Index("products_by_words", search_text.label("search_text"), postgresql_using="gin", postgresql_ops={"search_text": "gin_trgm_ops"})
# Serves the text search for one or two characters.
Index("products_by_letters", letters, postgresql_using="gin")

warehouses = Table(
    "warehouses",
    metadata,
    Column("warehouse_id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("code", name="a_code_names_one_warehouse"),
    CheckConstraint(f"length(code) BETWEEN 1 AND {CODE_LENGTH_MAX}", name="a_code_has_1_to_200_characters"),
    CheckConstraint("priority >= 0", name="a_priority_is_not_negative"),
    CheckConstraint(f"status IN ({_STATUSES})", name="a_warehouse_status_is_known"),
)
