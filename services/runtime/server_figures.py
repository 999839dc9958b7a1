"""How the servers are that everything here depends on, in the words of their own statistics."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.redis import Redis

# Sessions of every database count: they share the limit. Autovacuum and its like do not.
_OF_POSTGRES = text("""
    SELECT
        (SELECT count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity WHERE backend_type = 'client backend') AS active,
        (SELECT count(*) FILTER (WHERE state = 'idle') FROM pg_stat_activity WHERE backend_type = 'client backend') AS idle,
        (SELECT count(*) FILTER (WHERE state LIKE 'idle in transaction%') FROM pg_stat_activity) AS idle_in_transaction,
        current_setting('max_connections')::integer AS connections_max,
        pg_database_size(datname) AS size_bytes, deadlocks, xact_commit, xact_rollback, blks_hit, blks_read
    FROM pg_stat_database
    WHERE datname = current_database()
""")


@dataclass(frozen=True, slots=True)
class OfPostgres:
    """Those of a kind since the server's statistics began are counters."""

    connections: Mapping[str, int]
    connections_max: int
    size_bytes: int
    deadlocks: int
    committed: int
    rolled_back: int
    blocks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OfRedis:
    memory_bytes: int
    keys: int
    evictions: int  # since its start


async def of_postgres(connection: AsyncConnection) -> OfPostgres:
    """Locks nothing. A role that may not see the sessions of others counts its own."""
    row = (await connection.execute(_OF_POSTGRES)).one()
    return OfPostgres(
        connections={"active": row.active, "idle": row.idle, "idle_in_transaction": row.idle_in_transaction},
        connections_max=row.connections_max,
        size_bytes=row.size_bytes,
        deadlocks=row.deadlocks,
        committed=row.xact_commit,
        rolled_back=row.xact_rollback,
        blocks={"memory": row.blks_hit, "disk": row.blks_read},
    )


async def of_redis(redis: Redis) -> OfRedis:
    """Raises RedisError when it does not answer."""
    lines = (await redis.ask("INFO", "everything")).decode().splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return OfRedis(int(facts["used_memory"]), await redis.ask("DBSIZE"), int(facts["evicted_keys"]))
