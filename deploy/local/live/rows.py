"""What the picture says: each row answers a question, from how busy the shop is down to what it stands on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy.local.live.reading import Between

LATENCY_SECONDS_MAX = 0.1  # the objective: 99 % of the answers within it
OUTBOX_SECONDS_MAX = 30
MAIL_SECONDS_MAX = 60
LATE_LOOP_SECONDS_MAX = 0.1
TENTHS_BELOW_SECONDS = 0.01  # of a millisecond
REQUESTS = "inventory_http_request_duration_seconds"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its name, its words, whether they call for somebody, and the figure whose course is drawn, if any is."""

    name: str
    text: str
    is_bad: bool = False
    figure: float | None = None


def rows(recent: Between, last: Between) -> Iterator[Row]:
    """Words say how the last seconds were, figures how the last one was."""
    for describe in (
        _requests,
        _latency,
        _edge,
        _cache,
        _orders,
        _ended,
        _refused,
        _stock,
        _outbox,
        _mail,
        _broken,
        _circuits,
        _pool,
        _load,
    ):
        yield describe(recent, last)


def _requests(recent: Between, last: Between) -> Row:
    classes = {status: recent.rate(f"{REQUESTS}_count", status=status) for status in ("2xx", "3xx", "4xx", "5xx")}
    total = recent.rate(f"{REQUESTS}_count")
    text = f"{_number(total)}/s   " + "  ".join(f"{status} {_number(rate)}" for status, rate in classes.items())
    return Row("requests", text, is_bad=_is_over(classes["5xx"], 0), figure=last.rate(f"{REQUESTS}_count"))


def _latency(recent: Between, last: Between) -> Row:
    half, nearly_all = (recent.quantile(REQUESTS, share) for share in (0.5, 0.99))
    text = f"p50 {_duration(half)}   p99 {_duration(nearly_all)}"
    return Row("latency", text, is_bad=_is_over(nearly_all, LATENCY_SECONDS_MAX), figure=last.quantile(REQUESTS, 0.99))


def _edge(recent: Between, _: Between) -> Row:
    shed = recent.rate("inventory_refusals_total", code="overloaded")
    limited = recent.rate("inventory_requests_limited_total")
    text = f"in flight {_count(recent.value('inventory_http_requests_in_flight'))}   shed {_number(shed)}/s   limited {_number(limited)}/s"
    return Row("edge", text, is_bad=_is_over(shed, 0))


def _cache(recent: Between, last: Between) -> Row:
    missed, stale, past = (recent.rate("inventory_cache_answers_total", source=source) for source in ("miss", "stale", "bypass"))
    text = f"hit {_percent(_hit_ratio(recent))}  miss {_number(missed)}/s  stale {_number(stale)}/s  bypass {_number(past)}/s"
    return Row("cache", text, figure=_hit_ratio(last))


def _hit_ratio(between: Between) -> float | None:
    hits, answers = (between.rate("inventory_cache_answers_total", **labels) for labels in ({"source": "hit"}, {}))
    return hits / answers if hits is not None and answers else None


def _orders(recent: Between, last: Between) -> Row:
    text = _rates(recent, "inventory_reservations_{}_total", "held", "confirmed", "fulfilled")
    return Row("orders /s", text, figure=last.rate("inventory_reservations_held_total"))


def _ended(recent: Between, _: Between) -> Row:
    return Row("ended /s", _rates(recent, "inventory_reservations_{}_total", "cancelled", "expired", "displaced"))


def _refused(recent: Between, last: Between) -> Row:
    refused = recent.rate("inventory_refusals_total", code="insufficient_stock")
    replays = recent.rate("inventory_idempotent_replays_total")
    figure = last.rate("inventory_refusals_total", code="insufficient_stock")
    return Row("refused", f"not enough stock {_number(refused)}/s   replayed {_number(replays)}/s", figure=figure)


def _stock(recent: Between, _: Between) -> Row:
    units = {state: recent.value("inventory_stock_units", state=state) for state in ("held", "allocated", "on_hand")}
    items = {state: recent.value("inventory_stock_items", state=state) for state in ("low", "out")}
    counts = [f"{state.replace('_', ' ')} {_count(count)}" for state, count in (units | items).items()]
    return Row("units", f"{'  '.join(counts[:3])}   items {'  '.join(counts[3:])}")


def _outbox(recent: Between, last: Between) -> Row:
    oldest = {stage: recent.value("inventory_outbox_oldest_seconds", stage=stage) for stage in ("event", "mail")}
    depth = {stage: recent.value("inventory_outbox_depth", stage=stage) for stage in oldest}
    text = "   ".join(f"{stage}s {_count(depth[stage])}, oldest {_duration(oldest[stage])}" for stage in oldest)
    is_bad = any(_is_over(age, OUTBOX_SECONDS_MAX) for age in oldest.values())
    return Row("outbox", text, is_bad=is_bad, figure=last.value("inventory_outbox_depth"))


def _mail(recent: Between, last: Between) -> Row:
    failed, postponed = (recent.rate("inventory_deliveries_total", outcome=outcome) for outcome in ("failed", "postponed"))
    age = recent.quantile("inventory_mail_age_seconds", 0.99)
    sent = recent.rate("inventory_deliveries_total", outcome="sent")
    text = f"sent {_number(sent)}/s  failed {_number(failed)}  postponed {_number(postponed)}  p99 {_duration(age)}"
    is_bad = _is_over(failed, 0) or _is_over(age, MAIL_SECONDS_MAX)
    return Row("mail", text, is_bad=is_bad, figure=last.rate("inventory_deliveries_total", outcome="sent"))


def _broken(recent: Between, _: Between) -> Row:
    dead, violations = recent.value("inventory_dead_letters"), recent.value("inventory_invariant_violations")
    errors = recent.value("inventory_errors_total")
    text = f"dead letters {_count(dead)}   violations {_count(violations)}   errors {_count(errors)}"
    return Row("broken", text, is_bad=_is_over(dead, 0) or _is_over(violations, 0))


def _circuits(recent: Between, _: Between) -> Row:
    states = {server: recent.value("inventory_circuit_open", server=server) for server in ("cache", "smtp")}
    words = {server: "-" if state is None else f"OPEN in {state:.0f}" if state else "closed" for server, state in states.items()}
    text = "   ".join(f"{server} {word}" for server, word in words.items())
    return Row("circuits", text, is_bad=any(states.values()))


def _pool(recent: Between, last: Between) -> Row:
    busy, waiting = recent.value("inventory_database_connections", state="in_use"), recent.value("inventory_database_waiting")
    wait = recent.quantile("inventory_database_wait_seconds", 0.99)
    text = f"in use {_count(busy)} of {_count(recent.value('inventory_database_connections_max'))}   waiting {_count(waiting)}"
    figure = last.value("inventory_database_connections", state="in_use")
    return Row("database", f"{text}   p99 wait {_duration(wait)}", is_bad=_is_over(waiting, 0), figure=figure)


def _load(recent: Between, _: Between) -> Row:
    late = recent.quantile("inventory_loop_delay_seconds", 0.99)
    text = f"hashing {_count(recent.value('inventory_password_hashes_waiting'))}   event loop late by {_duration(late)} (p99)"
    return Row("processor", text, is_bad=_is_over(late, LATE_LOOP_SECONDS_MAX))


def _rates(between: Between, name: str, *kinds: str) -> str:
    return "   ".join(f"{kind} {_number(between.rate(name.format(kind)))}" for kind in kinds)


def _is_over(figure: float | None, most: float) -> bool:
    return figure is not None and figure > most


def _or_dash(write: Callable[[float], str]) -> Callable[[float | None], str]:
    """What nobody shows is a dash, and never a 0."""
    return lambda figure: "-" if figure is None else write(figure)


_number = _or_dash(lambda figure: f"{figure:,.1f}")
_count = _or_dash(lambda figure: f"{figure:,.0f}")
_percent = _or_dash(lambda share: f"{share:.0%}".replace("%", " %"))


@_or_dash
def _duration(seconds: float) -> str:
    """As exactly as one reads it."""
    if seconds < TENTHS_BELOW_SECONDS:
        return f"{seconds * 1_000:.1f} ms"
    return f"{seconds * 1_000:.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"
