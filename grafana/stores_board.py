"""What do PostgreSQL and Redis do for us, as a request feels it and as they see it themselves? Where most incidents have their cause."""

from grafana.board import BYTES, PER_SECOND, SECONDS, SHARE, Board, Query, Row, curves, figure, stack
from grafana.promql import increase, largest, or_zero, quantile, rate, ratio, total

_WAIT = "inventory_database_wait_seconds"
_CACHE = "inventory_cache_answers_total"
_COPIES = _CACHE + '{source=~"hit|stale"}'
_ASKED = _CACHE + '{source!="bypass"}'
_BLOCKS = "inventory_postgres_blocks_total"

_FELT = Row(
    "What does a request feel of them?",
    (
        figure(
            "Wait for a connection (p99)",
            "Milliseconds. At 0.9 s requests are refused. The pool's row says whether it is the statements or their number.",
            quantile(0.99, _WAIT, over="5m"),
            unit=SECONDS,
            red_from=0.25,
        ),
        figure(
            "Waiting for a connection",
            "Requests, mails and relays that stand in line at this moment.",
            or_zero(total("inventory_database_waiting")),
            red_from=10,
        ),
        figure(
            "PostgreSQL's connections",
            "Of those that it allows. Near 1, the next process gets none: make the pools smaller, or put a pooler in front.",
            or_zero("sum(max by (state) (inventory_postgres_connections)) / max(inventory_postgres_connections_max)"),
            unit=SHARE,
            red_from=0.8,
        ),
        figure(
            "Answered from a copy",
            "Of what may be. Falls when the cache restarts or much changes, and is back within a minute; if not, see the cache's row.",
            ratio(rate(_COPIES, over="5m"), rate(_ASKED, over="5m")),
            unit=SHARE,
        ),
        figure(
            "Cache left alone",
            "Processes whose circuit is open. The shop stays open, slower, and each process limits callers by itself.",
            or_zero(total('inventory_circuit_open{server="cache"}')),
            red_from=1,
        ),
    ),
)

_POOL = Row(
    "The pool: are there enough connections?",
    (
        stack(
            "Connections of our pools",
            "In use near the whole for long: the pool is too small, or something holds on to its connection.",
            Query(total("inventory_database_connections", "job, state"), "{{job}} {{state}}"),
        ),
        curves(
            "In use, of each pool",
            "1 is a pool with nothing left. Short peaks are what a pool is for.",
            Query(
                'sum by (job) (inventory_database_connections{state="in_use"}) / sum by (job) (inventory_database_connections_max)',
                "{{job}}",
            ),
            unit=SHARE,
            red_from=1,
        ),
        curves(
            "Wait for a connection",
            "p99 alone: bursts. p50 too: there is more to do than the pool can, all the time.",
            Query(quantile(0.5, _WAIT, "job"), "{{job}} p50"),
            Query(quantile(0.99, _WAIT, "job"), "{{job}} p99"),
            unit=SECONDS,
            red_from=0.25,
        ),
        curves(
            "Round trips to PostgreSQL",
            "Statements, BEGIN and COMMIT. More at the same rate of requests: the cache hits less, or somebody added a query to a loop.",
            Query(rate("inventory_database_round_trips_total", "job"), "{{job}}"),
            unit=PER_SECOND,
        ),
        curves(
            "Units of work that were run again",
            "Deadlocks, lock timeouts, stale plans after a migration. A few are the price of short locks; many are one hot row.",
            Query(rate("inventory_database_retries_total", "job"), "{{job}}"),
            unit=PER_SECOND,
        ),
    ),
)

_POSTGRES = Row(
    "PostgreSQL: what does it say itself?",
    (
        stack(
            "Connections by state",
            "`idle_in_transaction` holds locks and does nothing; it should be 0 or nearly. `make psql` and pg_stat_activity say who it is.",
            Query(or_zero(largest("inventory_postgres_connections", "state")), "{{state}}"),
        ),
        curves(
            "Transactions",
            "Rolled back are refusals that had begun to write, and retries. More of them than before is worth a look at Errors.",
            Query("max by (outcome) (rate(inventory_postgres_transactions_total[$__rate_interval]))", "{{outcome}}"),
            unit=PER_SECOND,
        ),
        curves(
            "Deadlocks in the last hour",
            "Locks are taken in one order, so each is a bug or a statement by hand. PostgreSQL's log names both sides.",
            Query(or_zero("max(increase(inventory_postgres_deadlocks_total[1h]))"), "deadlocks"),
            red_from=1,
        ),
        curves(
            "Blocks found in memory",
            "Below 0.99 for long: what is used does not fit any more. More memory, or find the query that reads everything.",
            Query(ratio(f'sum(rate({_BLOCKS}{{source="memory"}}[$__rate_interval]))', f"sum(rate({_BLOCKS}[$__rate_interval]))"), "share"),
            unit=SHARE,
        ),
        curves(
            "Size of the database",
            "Grows with orders and the ledger. A jump is an import, or dead rows that stay because a transaction has been open for days.",
            Query(or_zero(largest("inventory_postgres_size_bytes")), "bytes"),
            unit=BYTES,
        ),
    ),
)

_REDIS = Row(
    "Redis: is it there, and does it keep up?",
    (
        curves(
            "Round trips to Redis",
            "One or two for each request. None at all: every process leaves it alone.",
            Query(rate("inventory_redis_round_trips_total", "job"), "{{job}}"),
            unit=PER_SECOND,
        ),
        curves(
            "Answers that came too late",
            "The request went on without it. Many: Redis is busy, far away, or swapping.",
            Query(rate("inventory_redis_late_answers_total", "job"), "{{job}}"),
            unit=PER_SECOND,
            red_from=1,
        ),
        curves(
            "Circuit to the cache",
            "Processes that leave it alone, and how often one began to in five minutes. Opens and closes for ever: Redis is slow.",
            Query(or_zero(total('inventory_circuit_open{server="cache"}')), "open"),
            Query(or_zero(increase('inventory_circuit_opened_total{server="cache"}', over="5m")), "opened"),
        ),
        curves(
            "Limits that a process decided alone",
            "Without Redis a caller may ask each process as often as all of them together. Bring Redis back before somebody notices.",
            Query(rate("inventory_requests_decided_alone_total"), "requests"),
            unit=PER_SECOND,
            red_from=0.001,
        ),
        curves(
            "Memory of Redis",
            "Level: it evicts what is used least. A server that is gone shows what was last seen of it.",
            Query(or_zero(largest("inventory_redis_memory_bytes")), "bytes"),
            unit=BYTES,
        ),
        curves(
            "Keys, and those evicted",
            "Evictions with a falling share of hits: give it more memory. Without: it holds what is asked for, and that is enough.",
            Query(or_zero(largest("inventory_redis_keys")), "keys"),
            Query(or_zero("max(increase(inventory_redis_evictions_total[5m]))"), "evicted in 5 min"),
        ),
    ),
)

_CACHE_ROW = Row(
    "The cache: why was it not a hit?",
    (
        stack(
            "Answers by source",
            "`stale` means that a fill takes long and nobody waits for it. `bypass` asked for strong consistency, or there is no cache.",
            Query(rate(_CACHE, "source"), "{{source}}"),
            unit=PER_SECOND,
        ),
        curves(
            "Share of hits",
            "Stale copies included. Falls and stays down: what is asked for is new each time, a crawler for one.",
            Query(ratio(rate(_COPIES), rate(_ASKED)), "share"),
            unit=SHARE,
        ),
        curves(
            "Leases, and requests that waited",
            "One request fills a copy, the others wait a moment for it. Many that wait: one popular thing that changes all the time.",
            Query(rate("inventory_cache_leases_total"), "leases"),
            Query(rate("inventory_cache_waits_total"), "waited"),
            unit=PER_SECOND,
        ),
        stack(
            "Fills by outcome",
            "`refused` was overtaken, by a change or by another read, and is right. `failed` had no Redis or no database: see their rows.",
            Query(rate("inventory_cache_fills_total", "outcome"), "{{outcome}}"),
            unit=PER_SECOND,
        ),
    ),
)

BOARD = Board(
    name="stores",
    title="the stores",
    tells="What do PostgreSQL and Redis do for us, as a request feels it and as they see it themselves?",
    rows=(_FELT, _POOL, _POSTGRES, _REDIS, _CACHE_ROW),
)
