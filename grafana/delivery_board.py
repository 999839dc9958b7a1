"""Do mails arrive? From what happened, through the outbox, the relay, the broker and a worker, to the mail server."""

from grafana.board import PER_SECOND, SECONDS, Board, Query, Row, curves, figure, stack
from grafana.promql import increase, largest, or_zero, quantile, rate, total

_AGE = "inventory_mail_age_seconds"
_ATTEMPT = "inventory_delivery_duration_seconds"

_ARRIVING = Row(
    "Do mails arrive?",
    (
        figure(
            "Mails sent in the last hour",
            "None while the shop sells: follow the rows below, and the first that stands still is the cause.",
            or_zero(increase('inventory_deliveries_total{outcome="sent"}', over="1h")),
        ),
        figure(
            "Oldest event without a reaction",
            "Seconds, or the relay is not running: `make status`.",
            or_zero(largest('inventory_outbox_oldest_seconds{stage="event"}')),
            unit=SECONDS,
            red_from=60,
        ),
        figure(
            "Oldest mail that was not sent",
            "Old with few waiting: one mailbox that takes nothing. Old with many: the mail server, the workers or the broker.",
            or_zero(largest('inventory_outbox_oldest_seconds{stage="mail"}')),
            unit=SECONDS,
            red_from=300,
        ),
        figure(
            "Dead letters",
            "Mails that nobody will send unless somebody decides: `holdfast dead-letters list`, repair the cause, then replay or discard.",
            or_zero(largest("inventory_dead_letters")),
            red_from=1,
        ),
        figure(
            "Mail server left alone",
            "1: it failed several times in a row, and is tried now and then. Mails wait, none is lost; repair it, or our settings.",
            or_zero(largest('inventory_circuit_open{server="smtp"}')),
            red_from=1,
        ),
    ),
)

_WAITING = Row(
    "What waits, and where?",
    (
        curves(
            "Not handled yet",
            "Events wait for the relay, mails for a worker or the mail server. The one that grows says which; both: the database.",
            Query(or_zero(largest("inventory_outbox_depth", "stage")), "{{stage}}"),
        ),
        curves(
            "Age of the oldest",
            "What somebody has been waiting for longest. A straight line upwards is something that stands still.",
            Query(or_zero(largest("inventory_outbox_oldest_seconds", "stage")), "{{stage}}"),
            unit=SECONDS,
        ),
        curves(
            "Messages in the broker",
            "Published and not taken. Grows: no worker is alive, or each is busy with a slow mail server.",
            Query(or_zero(largest("inventory_broker_messages")), "messages"),
        ),
    ),
)

_ATTEMPTS = Row(
    "What becomes of the attempts?",
    (
        stack(
            "Attempts by outcome",
            "`postponed` is an outage and costs time. `failed` is the mail's fault and ends in `dead`. `error` is a bug: `make logs`.",
            Query(rate("inventory_deliveries_total", "outcome"), "{{outcome}}"),
            unit=PER_SECOND,
        ),
        curves(
            "From the event to the mail server",
            "What a customer waits, as far as we can see. Seconds; minutes after an outage, until what waited is sent.",
            *(Query(quantile(share, _AGE), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            unit=SECONDS,
        ),
        curves(
            "How long an attempt takes",
            "Mostly the mail server. At 15 s it hangs: each worker sends one mail at a time, so more workers hide it for a while.",
            *(Query(quantile(share, _ATTEMPT), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            unit=SECONDS,
        ),
    ),
)

_WAY = Row(
    "Which part of the way?",
    (
        curves(
            "Published and sent",
            "The same, or what lies between relay and mail server stands still. More published: leases end, and mails are offered again.",
            Query(or_zero(rate("inventory_mails_published_total")), "published"),
            Query(or_zero(rate('inventory_deliveries_total{outcome="sent"}')), "sent"),
            unit=PER_SECOND,
        ),
        curves(
            "Batches that the broker did not take",
            "The broker is gone or hangs. Nothing is lost: PostgreSQL knows what is owed, and it is published when the broker is back.",
            Query(or_zero(rate("inventory_broker_failures_total")), "batches"),
            unit=PER_SECOND,
            red_from=0.001,
        ),
        curves(
            "Circuit to the mail server",
            "How many workers leave it alone, and how often one began to in five minutes. Never all of them for long, unless it is gone.",
            Query(or_zero(total('inventory_circuit_open{server="smtp"}')), "open"),
            Query(or_zero(increase('inventory_circuit_opened_total{server="smtp"}', over="5m")), "opened"),
        ),
        curves(
            "Mails withheld",
            "Asked for so often that the address would be flooded. A steady line is somebody who plays with the form.",
            Query(or_zero(rate("inventory_mails_withheld_total")), "mails"),
            unit=PER_SECOND,
        ),
        curves(
            "Age of the relay's samples",
            "Five minutes for invariants, one for stock, ten seconds for the rest. Older: the relay is stuck, and boards show the past.",
            Query("time() - max by (what) (inventory_sampled_timestamp_seconds)", "{{what}}"),
            unit=SECONDS,
        ),
    ),
)

BOARD = Board(
    name="delivery",
    title="delivery",
    tells="Do mails arrive? From what happened, through the outbox, the relay, the broker and a worker, to the mail server.",
    rows=(_ARRIVING, _WAITING, _ATTEMPTS, _WAY),
)
