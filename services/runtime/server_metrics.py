"""What any process tells about the servers that it uses."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

from services.runtime.circuit import Circuit
from services.runtime.database import Database
from services.runtime.metrics import counter, counters, gauge, gauges, histogram
from services.runtime.redis import Redis


def of_database(database: Database) -> Iterable[Metric]:
    yield gauges("inventory_database_connections", "Connections of this process.", "state", database.connections)
    yield gauge("inventory_database_connections_max", "Connections that this process may have.", database.connections_max)
    yield gauge("inventory_database_waiting", "Units of work that wait for a connection.", database.waiting)
    yield histogram("inventory_database_wait_seconds", "How long units of work waited for a connection.", database.waited)
    yield counter("inventory_database_round_trips", "Statements, and the begins and ends of transactions.", database.round_trips)
    yield counter("inventory_database_retries", "Units of work that were run again because PostgreSQL asked for it.", database.retries)


def of_redis(redis: Redis) -> Iterable[Metric]:
    yield counter("inventory_redis_round_trips", "Questions to Redis.", redis.round_trips)
    yield counter("inventory_redis_late_answers", "Questions that Redis did not answer in time.", redis.late_answers)
    yield from _of_circuit("cache", is_open=not redis.is_up, opened=redis.times_lost)


def of_mail_server(circuit: Circuit) -> Iterable[Metric]:
    yield from _of_circuit("smtp", is_open=circuit.is_open, opened=circuit.opened)


def _of_circuit(server: str, *, is_open: bool, opened: int) -> Iterable[Metric]:
    yield gauges("inventory_circuit_open", "Whether the server is left alone, because it did not answer.", "server", {server: is_open})
    yield counters("inventory_circuit_opened", "How often it came to that.", "server", {server: opened})
