"""What the API tells whoever scrapes it: made from what its parts have counted."""

from collections.abc import Iterable

from fastapi import FastAPI
from prometheus_client.metrics_core import Metric

from services.api.counts import Counts
from services.api.dependencies import Assembled
from services.api.errors import codes
from services.api.gate import Gate
from services.api.route_table import RouteTable
from services.inventory.reservations.batching import Batches
from services.runtime.cache import Cache
from services.runtime.metrics import counter, counters, gauge, histogram, histograms
from services.runtime.server_metrics import of_database, of_redis


def of_app(app: FastAPI) -> Iterable[Metric]:
    """From its start on, and more once it serves."""
    yield from _of_requests(app.state.counts)
    parts: Assembled | None = getattr(app.state, "assembled", None)
    if parts is None:
        return
    yield from _of_gate(parts.gate, app.state.table)
    yield from _of_cache(parts.cache)
    yield from _of_batches(parts.batches)
    yield counter("inventory_password_hashes", "Passwords that were hashed, to keep or to compare.", parts.passwords.hashed)
    yield gauge("inventory_password_hashes_waiting", "Passwords that are being hashed or wait for it.", parts.passwords.waiting)
    yield histogram("inventory_loop_delay_seconds", "How late the event loop comes to what is due.", parts.loop_delay)
    yield from of_database(parts.resources.database)
    yield from of_redis(parts.redis)


def _of_requests(counts: Counts) -> Iterable[Metric]:
    name, labels = "inventory_http_request_duration_seconds", ("route", "method", "status")
    yield histograms(name, "From the last byte of a request's head to the last of its answer.", labels, counts.seconds)
    yield gauge("inventory_http_requests_in_flight", "Requests that are being answered.", counts.in_flight)
    refusals = dict.fromkeys(codes(), 0) | counts.refusals
    yield counters("inventory_refusals", "Requests that were refused, by the code of the answer.", "code", refusals)
    yield counter("inventory_idempotent_replays", "Requests that got the answer of an earlier one with their key.", counts.replays)


def _of_gate(gate: Gate, table: RouteTable) -> Iterable[Metric]:
    limited = dict.fromkeys(table.policies, 0) | gate.refused
    yield counters("inventory_requests_limited", "Requests beyond a rate limit, by the one that they met.", "policy", limited)
    yield counter("inventory_requests_decided_alone", "Rate limits decided by this process, without Redis.", gate.decided_alone)


def _of_cache(cache: Cache) -> Iterable[Metric]:
    yield counters("inventory_cache_answers", "Answers that may be copies, by where they came from.", "source", cache.answered)
    yield counter("inventory_cache_leases", "Leases to fill a copy that this process got.", cache.leases)
    yield counters("inventory_cache_fills", "What became of them.", "outcome", cache.fills)
    yield counter("inventory_cache_waits", "Requests that waited for what somebody else was filling.", cache.waits)


def _of_batches(batches: Batches | None) -> Iterable[Metric]:
    if batches is None:
        return
    yield histogram("inventory_batched_orders", "Orders of one sku that were placed together after queueing.", batches.sizes)
    yield counter("inventory_orders_left_alone", "Orders of a batch that had to be placed by themselves after all.", batches.left_alone)
