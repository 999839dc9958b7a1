"""Under which keys copies of the catalogue are kept: each product and warehouse under everything that it is asked for by."""


def product_key(key: str) -> str:
    """Of a product by its id or sku."""
    return f"product:{key}"


def warehouse_key(key: str) -> str:
    """Of a warehouse by its id or code."""
    return f"warehouse:{key}"


def keys_of_product(product_id: object, sku: str) -> tuple[str, str]:
    return product_key(str(product_id)), product_key(sku)


def keys_of_warehouse(warehouse_id: object, code: str) -> tuple[str, str]:
    return warehouse_key(str(warehouse_id)), warehouse_key(code)
