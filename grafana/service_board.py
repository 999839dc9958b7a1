"""Is it up, is it fast, and if not, what of it is not? The first board of an incident."""

from grafana.board import BYTES, PER_SECOND, SECONDS, SHARE, Board, Query, Row, curves, figure, stack, table
from grafana.promql import largest, or_zero, quantile, rate, total

_HTTP = "inventory_http_request_duration_seconds"
_ANSWERED = 'route!~"[(]no request[)]|/livez|/readyz",status!="none"'  # what the objectives count: requests that got an answer
_ROUTES = "route, method"
_OF_ROUTE = rate(f"{_HTTP}_count{{{_ANSWERED}}}", _ROUTES, over="5m")
_FAILED_OF_ROUTE = rate(_HTTP + '_count{status="5xx"}', _ROUTES, over="5m")
_OF_US = 'job=~"api|worker|relay"'


def _burn(kind: str, budget: str) -> tuple[Query, ...]:
    return tuple(Query(f"inventory:{kind}:ratio{window} / {budget}", window) for window in ("5m", "1h", "6h", "3d"))


_OBJECTIVES = Row(
    "Do we keep our promises? Objectives over 30 days",
    (
        figure(
            "Alerts that fire now",
            "Start here. With 0 and a complaint, ask for a request id and follow it through the logs; otherwise open the alert's runbook.",
            or_zero('count(ALERTS{alertstate="firing"})'),
            red_from=1,
        ),
        figure(
            "Availability",
            "Answers that were not 5xx; 99.9 % is promised. Below it, Errors says what fails and since when.",
            "1 - inventory:unavailability:ratio30d",
            unit=SHARE,
            red_below=0.999,
        ),
        figure(
            "Availability budget left",
            "Of the 0.1 % that may fail in 30 days. When it is spent, what is released next is what makes the service reliable.",
            "1 - inventory:unavailability:ratio30d / 0.001",
            unit=SHARE,
            red_below=0,
        ),
        figure(
            "Answers under 100 ms",
            "99 % is promised, of all routes but those that hash a password, which is slow on purpose. Below it, see Duration.",
            "1 - inventory:slowness:ratio30d",
            unit=SHARE,
            red_below=0.99,
        ),
        figure(
            "Latency budget left",
            "Of the 1 % that may take longer in 30 days. When it is spent, look for what grew: data, traffic, or a query's plan.",
            "1 - inventory:slowness:ratio30d / 0.01",
            unit=SHARE,
            red_below=0,
        ),
        curves(
            "Burn of the availability budget",
            "1 spends it in 30 days; 14.4 a fiftieth of it in an hour, and pages. Only 5m up: it has begun; only 5m down: it is over.",
            *_burn("unavailability", "0.001"),
            red_from=14.4,
        ),
        curves(
            "Burn of the latency budget",
            "As on its left. If both burn, look for what is exhausted; if only this one does, look for what is slow, in Stores first.",
            *_burn("slowness", "0.01"),
            red_from=14.4,
        ),
    ),
)

_RATE = Row(
    "Rate: what is asked of us?",
    (
        stack(
            "Answers by class",
            "The day's usual shape, or not: a cliff is a proxy or a network, a spike is a sale, or a client that retries.",
            Query(rate(_HTTP + '_count{route!="(no request)"}', "status"), "{{status}}"),
            unit=PER_SECOND,
        ),
        stack(
            "Too much of one caller (429), by policy",
            "Who asks too often is told so and costs little. When sign-in or credentials work hard, somebody is guessing passwords.",
            Query(or_zero(rate("inventory_requests_limited_total", "policy")), "{{policy}}"),
            unit=PER_SECOND,
        ),
        curves(
            "What was no request, and who left",
            "What is no HTTP comes from scanners or a broken proxy. Clients that leave mostly waited too long: see Duration.",
            Query(or_zero(rate(_HTTP + '_count{route="(no request)"}')), "no request"),
            Query(or_zero(rate(_HTTP + '_count{status="none"}')), "left before the answer"),
            unit=PER_SECOND,
        ),
    ),
)

_ERRORS = Row(
    "Errors: what was not answered, and why?",
    (
        stack(
            "5xx by route",
            "One route: a bug or a query of its own, so search the log for its request ids. All routes: a store, so open Stores.",
            Query(or_zero(rate(_HTTP + '_count{status="5xx"}', "route")), "{{route}}"),
            unit=PER_SECOND,
        ),
        stack(
            "Shed: no room, no database, too many at one row",
            "`overloaded`: add processes, or find what got slow. `unavailable`: a server is gone. `contention`: everybody wants one row.",
            Query(rate('inventory_refusals_total{code=~"overloaded|unavailable|contention"}', "code"), "{{code}}"),
            unit=PER_SECOND,
        ),
        curves(
            "Exceptions",
            "Bugs: the log has each, and error tracking those reported. Dropped ones came too fast to be told: one bug hides others.",
            Query(rate("inventory_errors_total", "job"), "{{job}}"),
            Query(rate("inventory_errors_reported_total", "job"), "{{job}}, reported"),
            Query(rate("inventory_errors_dropped_total", "job"), "{{job}}, dropped"),
            unit=PER_SECOND,
        ),
    ),
)

_DURATION = Row(
    "Duration: how long do they wait?",
    (
        curves(
            "All answers",
            "p50 up: everything got slower, so a store or the machine. Only p99 up: something queues, a lock, a pool, a password.",
            *(Query(quantile(share, _HTTP, where=_ANSWERED), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            unit=SECONDS,
            red_from=0.1,
        ),
        curves(
            "Answers that took over 100 ms",
            "The latency objective as it is spent; 1 % is what it allows. Without the routes that hash a password.",
            Query("inventory:slowness:ratio5m", "share"),
            unit=SHARE,
            red_from=0.01,
        ),
        curves(
            "p99 of reading and of changing",
            "Only GET slow: the cache or a list's plan. Only the others: locks, or the disk under PostgreSQL's log.",
            Query(quantile(0.99, _HTTP, "method", where=_ANSWERED), "{{method}}"),
            unit=SECONDS,
        ),
    ),
)

_SATURATION = Row(
    "Saturation: what is full?",
    (
        curves(
            "How late the event loop wakes (p99)",
            "Over 50 ms something computes where it should wait, or the processor is not ours: see the next panel.",
            Query(quantile(0.99, "inventory_loop_delay_seconds", "instance"), "{{instance}}"),
            unit=SECONDS,
            red_from=0.05,
        ),
        curves(
            "Processor of each process",
            "1 is a core, and a process cannot use more. All near 1: add workers and cores. Only one: look at its log, and restart it.",
            Query(f"rate(process_cpu_seconds_total{{{_OF_US}}}[$__rate_interval])", "{{job}} {{instance}}"),
            red_from=0.95,
        ),
        curves(
            "Requests in flight",
            "Those that wait for a store; what the fast path answers never does. Grows at the same rate of requests: something got slow.",
            Query(total("inventory_http_requests_in_flight", "instance"), "{{instance}}"),
        ),
        curves(
            "Waiting for a connection to PostgreSQL",
            "More than a few: the pool is the bottleneck. Stores says whether the statements got slow or there are only more of them.",
            Query(total("inventory_database_waiting", "job"), "{{job}}"),
            red_from=10,
        ),
        curves(
            "Passwords that are being hashed",
            "A process hashes one at a time, a third of a second each, and refuses the tenth. Long queues and many 429 are an attack.",
            Query(total("inventory_password_hashes_waiting", "instance"), "{{instance}}"),
            red_from=9,
        ),
        curves(
            "Memory of each process",
            "Level after the first hour. A line that only climbs is a leak: restart that process, and compare two releases below.",
            Query(f"process_resident_memory_bytes{{{_OF_US}}}", "{{job}} {{instance}}"),
            unit=BYTES,
        ),
    ),
)

_ROUTES_ROW = Row(
    "Which route?",
    (
        table(
            "Routes",
            "Sort by what hurts. A route that is slow and frequent is worth more than one that is very slow and rare.",
            Query(_OF_ROUTE, "requests", PER_SECOND),
            Query(f"({_FAILED_OF_ROUTE} or 0 * {_OF_ROUTE}) / {_OF_ROUTE}", "5xx", SHARE),
            Query(quantile(0.5, _HTTP, _ROUTES, where=_ANSWERED, over="5m"), "p50", SECONDS),
            Query(quantile(0.99, _HTTP, _ROUTES, where=_ANSWERED, over="5m"), "p99", SECONDS),
        ),
    ),
)

_PROCESSES = Row(
    "Which process, and of which release?",
    (
        curves(
            "Processes that answer Prometheus",
            "A step down is a process that died or hangs; it is back within seconds. `make status` and `make logs` say why it is not.",
            Query(f"sum by (job) (up{{{_OF_US}}})", "{{job}}"),
        ),
        curves(
            "Starts in the last hour",
            "A deployment is one for each process. More is a process that dies: its last lines in the log say of what.",
            Query(f"sum by (job) (changes(process_start_time_seconds{{{_OF_US}}}[1h]))", "{{job}}"),
        ),
        curves(
            "Releases that run",
            "Two at once for longer than a deployment takes: it is stuck half-way.",
            Query("sum by (process, release) (inventory_build_info)", "{{process}} {{release}}"),
        ),
        curves(
            "File descriptors in use",
            "Of those that it may have; at 1 it accepts nobody. Somebody leaves connections open, or the limit is too low.",
            Query(largest(f"process_open_fds{{{_OF_US}}} / process_max_fds{{{_OF_US}}}", "job"), "{{job}}"),
            unit=SHARE,
            red_from=0.8,
        ),
        curves(
            "Log lines that were dropped",
            "Whoever reads the log is too slow, and requests did not wait for it. Until this is 0, a line that is missing proves nothing.",
            Query(rate("inventory_log_lines_dropped_total", "job"), "{{job}}"),
            unit=PER_SECOND,
            red_from=0.001,
        ),
    ),
)

BOARD = Board(
    name="service",
    title="the service",
    tells="Is it up, is it fast, and if not, what of it is not?",
    rows=(_OBJECTIVES, _RATE, _ERRORS, _DURATION, _SATURATION, _ROUTES_ROW, _PROCESSES),
)
