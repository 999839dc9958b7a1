"""Every table of the product in one metadata: a table is added to it by the import of the module that declares it."""

import services.inventory.accounts.tables
import services.inventory.catalog.tables
import services.inventory.notifications.tables
import services.inventory.reservations.tables
import services.inventory.stock.tables
import services.runtime.idempotency
import services.runtime.outbox
import services.runtime.turns  # noqa: F401
from services.runtime.database import metadata

EVERYTHING = metadata
