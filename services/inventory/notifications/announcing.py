"""What the staff are told about the stock: every crossing once, in at most one mail a minute.

A crossing waits in a table until its turn comes. The turn, the end of the wait and the mails that are owed are one transaction,
so nothing is lost or told twice wherever a relay is killed, and two relays have one turn between them.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import store as accounts
from services.inventory.accounts.permissions import Permission, roles_with
from services.inventory.notifications import crossings, store
from services.inventory.notifications.model import (
    CROSSINGS_LISTED_MAX,
    CROSSINGS_MAX,
    RECIPIENTS_MAX,
    STOCK_MAIL_SECONDS,
    Crossing,
    Notification,
    NotificationId,
    StockNews,
)
from services.inventory.stock.events import LOW, OUT
from services.runtime import turns
from services.runtime.ids import new_id
from services.runtime.outbox import Recorded

STAFF = roles_with(Permission.STOCK_ADJUST)  # who can do something about it
_TURN = "mail about the stock"


async def note_crossing(connection: AsyncConnection, event: Recorded) -> None:
    """Keep the crossing until the next mail about the stock."""
    await crossings.add(connection, event)


async def announce_crossings(connection: AsyncConnection) -> int:
    """Owe each of the staff one mail with all that has crossed since the last; how many crossings, 0 if it is too early for one.

    Takes the turn even if nothing has crossed, so see that something has first. Where nobody may be told, it is told to nobody.
    """
    taken_at = await turns.take(connection, _TURN, every=timedelta(seconds=STOCK_MAIL_SECONDS))
    if taken_at is None:
        return 0
    taken = await crossings.take(connection, limit=CROSSINGS_MAX)
    if not taken:
        return 0
    news = _news([crossing for _, crossing in taken])
    last_event_id = taken[-1][0]  # stands for all of them: no other mail has it
    for account in await accounts.of_roles(connection, STAFF, limit=RECIPIENTS_MAX):
        notification = Notification(
            notification_id=NotificationId(new_id()),
            kind=OUT if news.out else LOW,
            account_id=account.account_id,
            reservation_id=None,
            created_at=taken_at,
            request_id=None,
            facts=news,
        )
        await store.add(connection, last_event_id, notification)
    return len(taken)


def _news(crossed: Sequence[Crossing]) -> StockNews:
    """What has run out comes first: where there is no room for all, it is what must not be missed."""
    out, low = ([crossing for crossing in crossed if crossing.kind == kind] for kind in (OUT, LOW))
    return StockNews(len(out), len(low), tuple([*out, *low][:CROSSINGS_LISTED_MAX]))
