"""What can be stocked, and where: products and warehouses.

A product is known by its sku and a warehouse by its code, which people choose and never change; ids are ours. Nothing is
ever deleted, because reservations and the ledger speak of it for good.
"""
