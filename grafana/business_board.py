"""Is it selling? What has been promised, what was refused, what is running out."""

from grafana.board import PER_SECOND, SHARE, Board, Query, Row, curves, figure, stack
from grafana.promql import increase, largest, or_zero, quantile, rate, ratio

_RESERVATIONS = "inventory_reservations_{}_total"


def _hourly(event: str) -> str:
    return or_zero(increase(_RESERVATIONS.format(event), over="1h"))


def _each(*events: str) -> tuple[Query, ...]:
    return tuple(Query(or_zero(rate(_RESERVATIONS.format(event))), event) for event in events)


def _refused(*codes: str) -> Query:
    return Query(or_zero(rate(f'inventory_refusals_total{{code=~"{"|".join(codes)}"}}', "code")), "{{code}}")


_SELLING = Row(
    "Are we selling?",
    (
        figure(
            "Confirmed in the last hour",
            "Sales. Far below the hour of yesterday with a service that is well: ask what changed in the shop in front of it.",
            _hourly("confirmed"),
        ),
        figure(
            "Held in the last hour",
            "Baskets that got what they asked for. Falls before sales do.",
            _hourly("held"),
        ),
        figure(
            "Confirmed of those held",
            "Of the last hour. Falls while as many are held: paying does not work, or holds are too short for it.",
            ratio(increase(_RESERVATIONS.format("confirmed"), over="1h"), increase(_RESERVATIONS.format("held"), over="1h")),
            unit=SHARE,
        ),
        figure(
            "Refused for want of stock, last hour",
            "Attempts to buy more than there is, each of which would have been an oversale. Many: buy more of it, see below.",
            or_zero(increase('inventory_refusals_total{code="insufficient_stock"}', over="1h")),
        ),
        figure(
            "Sold out",
            "Stock items of which nothing is left to promise.",
            or_zero(largest('inventory_stock_items{state="out"}')),
        ),
        figure(
            "Counters that are wrong",
            "Must be 0: one that disagrees with reservations or ledger is an oversale to come. `holdfast reconcile` names each.",
            or_zero(largest("inventory_invariant_violations")),
            red_from=1,
        ),
    ),
)

_ORDERS = Row(
    "What becomes of reservations?",
    (
        curves(
            "Held, sold, shipped",
            "They rise and fall together. Held but not confirmed: people cannot pay. Confirmed but not fulfilled: nothing is shipped.",
            *_each("held", "confirmed", "fulfilled"),
            unit=PER_SECOND,
        ),
        curves(
            "Not sold after all",
            "Expired is the price of holds, and normal. Displaced: a count found less on the shelf than was sold; talk to the warehouse.",
            *_each("cancelled", "expired", "displaced"),
            unit=PER_SECOND,
        ),
        curves(
            "Reminders that a hold is ending",
            "Follows what is held by the length of a hold. None for long: the relay does not mind the clock; see Delivery.",
            *_each("expiring"),
            unit=PER_SECOND,
        ),
        curves(
            "Open reservations",
            "Held falls by itself. Confirmed only rises: nothing is being shipped.",
            Query(largest("inventory_reservations_open", "state"), "{{state}}"),
        ),
        curves(
            "Units",
            "On hand is what is in the warehouses; of it, held and allocated are promised. When they meet it, everything is sold.",
            Query(largest("inventory_stock_units", "state"), "{{state}}"),
        ),
        curves(
            "Orders that were placed together",
            "Nobody queues: 0. Large: everybody wants one thing. Those left alone cost twice: several warehouses, or quotas.",
            # of no batches it is NaN, and that is no figure
            Query(or_zero(quantile(0.5, "inventory_batched_orders") + " >= 0"), "half of the batches, orders up to"),
            Query(or_zero(quantile(0.99, "inventory_batched_orders") + " >= 0"), "99 of 100, up to"),
            Query(or_zero(rate("inventory_orders_left_alone_total")), "left alone, a second"),
        ),
    ),
)

_REFUSED = Row(
    "What is refused?",
    (
        stack(
            "For want of stock",
            "A shop window that shows what is not there: the copies in front of it are old, or a robot is after one item.",
            _refused("insufficient_stock", "insufficient_available", "insufficient_on_hand"),
            unit=PER_SECOND,
        ),
        stack(
            "Too late, too much, or not in this state",
            "Expired: holds are too short for paying. Limit: somebody hoards, or outgrew the quota. Illegal: a client that lost count.",
            _refused("reservation_expired", "hold_limit_exceeded", "illegal_transition", "exceeds_open_quantity"),
            unit=PER_SECOND,
        ),
        stack(
            "Everything else, by code",
            "What clients do wrong. One code that jumps after a release of theirs is their bug, after one of ours it is ours.",
            Query(
                or_zero(
                    rate(
                        'inventory_refusals_total{code!~"insufficient_.*|reservation_expired|hold_limit_exceeded|illegal_transition|'
                        'exceeds_open_quantity|overloaded|unavailable|contention|rate_limited"}',
                        "code",
                    )
                ),
                "{{code}}",
            ),
            unit=PER_SECOND,
        ),
        curves(
            "Repeated requests that were recognised",
            "A client asked again with its Idempotency-Key and got the first answer. Many: it does not get its answers in time.",
            Query(rate("inventory_idempotent_replays_total"), "replays"),
            unit=PER_SECOND,
        ),
    ),
)

_STOCK = Row(
    "What is running out?",
    (
        curves(
            "Low and sold out",
            "Items that need buying; `GET /v1/stock?low_stock=true` lists them.",
            Query(or_zero(largest("inventory_stock_items", "state")), "{{state}}"),
        ),
        curves(
            "Crossings in the last hour",
            "Items that became low or ran out. The staff is told of them by mail, once a minute at most.",
            Query(or_zero(increase("inventory_stocks_low_total", over="1h")), "low"),
            Query(or_zero(increase("inventory_stocks_out_total", over="1h")), "out"),
        ),
        curves(
            "Changes to the catalogue in the last hour",
            "Each deletes copies, so a bulk import shows as a dip of the cache's hit ratio.",
            Query(or_zero(increase("inventory_products_changed_total", over="1h")), "products"),
            Query(or_zero(increase("inventory_warehouses_changed_total", over="1h")), "warehouses"),
        ),
    ),
)

_PEOPLE = Row(
    "Who comes, and who should not?",
    (
        curves(
            "Accounts in the last hour",
            "A wave of either is a robot: the limits on credentials and mails hold it, and say so on the service's board.",
            Query(or_zero(increase("inventory_accounts_registered_total", over="1h")), "registered"),
            Query(or_zero(increase("inventory_accounts_registered_again_total", over="1h")), "registered again"),
        ),
        curves(
            "Passwords",
            "Forgotten without changed: the mails do not arrive. Many hashes without either: people sign in, or somebody guesses.",
            Query(or_zero(increase("inventory_passwords_forgotten_total", over="1h")), "forgotten, last hour"),
            Query(or_zero(increase("inventory_passwords_changed_total", over="1h")), "changed, last hour"),
            Query(increase("inventory_password_hashes_total", over="1h"), "hashed, last hour"),
        ),
        curves(
            "Refresh tokens used twice, last hour",
            "Somebody has a copy of a token. Its session has ended and its owner was told. Many: a theft, or a client that stores badly.",
            Query(or_zero(increase("inventory_sessions_reused_total", over="1h")), "sessions"),
            red_from=1,
        ),
    ),
)

BOARD = Board(
    name="business",
    title="the business",
    tells="Is it selling? What has been promised, what was refused, what is running out.",
    rows=(_SELLING, _ORDERS, _REFUSED, _STOCK, _PEOPLE),
)
