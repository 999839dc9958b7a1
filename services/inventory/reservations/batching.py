"""Orders that queue for one sku are held together.

While one transaction commits, what arrives for the same sku and warehouse forms the next: one lock on the level, one commit and one
connection for up to sixty-four of them. There is no timer. Whoever finds nobody waits for nobody; the busier a sku is, the fuller its
batches. Everybody hears what they would have heard alone (docs/decisions/0008).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.inventory.reservations import reserving
from services.inventory.reservations.model import Placed, Refused
from services.inventory.reservations.reclaiming import reclaim
from services.inventory.reservations.reserving import Request
from services.runtime.database import Database
from services.runtime.error_reporting import reporting
from services.runtime.errors import Overloaded, Refusal
from services.runtime.metrics import Histogram
from services.runtime.trips import Trips, count_trips, current_trips

BATCH_MAX = 64  # a few milliseconds of a transaction, which is how long one that comes alone from elsewhere waits for the level
QUEUE_MAX = 500  # half of what a process answers at once; the other half is for other skus
QUEUE_SECONDS_MAX = 0.5  # the batch may have to wait for a lock after that, and both together end within a second and a half
SIZES = (1, 2, 4, 8, 16, 32, BATCH_MAX)

Place = tuple[str, str | None]
Outcome = Placed | Refused


class QueueTooLong(Overloaded):
    def __init__(self) -> None:
        super().__init__("more orders for this sku are waiting than can be placed in time; try again shortly, with the same key")


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A request that is to be part of a batch."""

    request: Request
    trips: Trips
    answer: asyncio.Future[Outcome | None]  # None: not in a batch; done before the batch begins: nobody waits any more
    limit: asyncio.TimerHandle


async def hold(database: Database, request: Request) -> Outcome:
    """Hold every line or none, by itself. Where holds that are over stand in the way, once more without them."""
    outcome = await database.direct(reserving.reserve, request)
    if isinstance(outcome, Refused) and outcome.is_reclaimable:
        await reclaim(database, outcome.items)
        outcome = await database.direct(reserving.reserve, request)
    return outcome


class Batches:
    """Of one process: at most one at a time for each sku and warehouse."""

    def __init__(self, database: Database) -> None:
        self.sizes = Histogram(SIZES)  # in orders
        self.left_alone = 0  # orders of batches that were asked for once more, by themselves
        self.running: set[asyncio.Task[None]] = set()
        self._database = database
        self._queues: dict[Place, deque[_Waiting]] = {}  # of every place for which an order is on its way

    async def hold(self, request: Request) -> Outcome:
        """As `hold` does, but together with others if there are others.

        Whoever is cancelled while they wait in the queue has asked for nothing. Once their batch has begun it goes on without them,
        and the same key gets its answer. Refuses: QueueTooLong, and what `hold` refuses.
        """
        [line, *others] = request.order.lines
        if others or request.key is None:
            return await hold(self._database, request)
        place = (line.sku, line.warehouse)
        queue = self._queues.get(place)
        if queue is None:
            return await self._first(place, request)
        outcome = await self._queue_up(queue, request)
        if outcome is not None:
            return outcome
        self.left_alone += 1
        return await hold(self._database, request)

    async def _first(self, place: Place, request: Request) -> Outcome:
        """By itself, and then whoever has come in the meantime."""
        queue = self._queues[place] = deque[_Waiting]()
        try:
            return await hold(self._database, request)
        finally:
            if queue:
                task = asyncio.create_task(self._serve(place, queue))
                self.running.add(task)
                task.add_done_callback(self.running.discard)
            else:
                del self._queues[place]

    async def _queue_up(self, queue: deque[_Waiting], request: Request) -> Outcome | None:
        if len(queue) >= QUEUE_MAX:
            raise QueueTooLong
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome | None] = loop.create_future()
        waiting = _Waiting(request, current_trips(), answer, loop.call_later(QUEUE_SECONDS_MAX, _give_up, answer))
        queue.append(waiting)
        try:
            return await answer
        finally:
            waiting.limit.cancel()

    async def _serve(self, place: Place, queue: deque[_Waiting]) -> None:
        try:
            while batch := _take(queue):
                for waiting, outcome in zip(batch, await self._outcomes(batch), strict=True):
                    if waiting.answer.done():
                        continue
                    if isinstance(outcome, Refusal):
                        waiting.answer.set_exception(outcome)
                    else:
                        waiting.answer.set_result(outcome)
        finally:
            del self._queues[place]

    async def _outcomes(self, batch: Sequence[_Waiting]) -> Sequence[Outcome | Refusal | None]:
        """What each hears. None is told to try by itself: so is everybody when the batch fails as none of them alone would."""
        self.sizes.observe(len(batch))
        trips = count_trips()
        requests = [waiting.request for waiting in batch]
        try:
            return await self._hold_together(requests) if len(requests) > 1 else [await hold(self._database, requests[0])]
        except Refusal as refusal:
            return [refusal] * len(batch)
        except Exception as error:
            reporting.report(error, route="batch of reservations")
            return [None] * len(batch)
        finally:
            batch[0].trips.database += trips.database  # once, not for each: the log's lines add up to what was asked

    async def _hold_together(self, requests: Sequence[Request]) -> list[Outcome | None]:
        outcomes = await self._database.direct(reserving.reserve_batch, requests)
        again = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Refused) and outcome.is_reclaimable]
        items = {item for n in again if isinstance(refused := outcomes[n], Refused) for item in refused.items}
        if again:
            await reclaim(self._database, items)
            second = await self._database.direct(reserving.reserve_batch, [requests[n] for n in again])
            for n, outcome in zip(again, second, strict=True):
                outcomes[n] = outcome
        return outcomes


@asynccontextmanager
async def open_batches(database: Database) -> AsyncIterator[Batches]:
    """What has begun is finished before the context ends."""
    batches = Batches(database)
    try:
        yield batches
    finally:
        await asyncio.gather(*batches.running)


def _take(queue: deque[_Waiting]) -> list[_Waiting]:
    """The next batch: those who have waited longest, of those who still wait."""
    batch: list[_Waiting] = []
    while queue and len(batch) < BATCH_MAX:
        waiting = queue.popleft()
        waiting.limit.cancel()
        if not waiting.answer.done():
            batch.append(waiting)
    return batch


def _give_up(answer: asyncio.Future[Outcome | None]) -> None:
    if not answer.done():
        answer.set_exception(QueueTooLong())
