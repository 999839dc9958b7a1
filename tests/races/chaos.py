"""People who do everything at once to the same few shelves: many lines at a time, in any order."""

import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from time import monotonic

import httpx

from tests.support.api import Client, Json, counted, line
from tests.support.together import together

SKUS = ("CAP", "LAMP", "MUG", "PEN", "TEE")
WAREHOUSES = ("AMS", "BER")
OPENING = 60  # now and then there is too little, and holds are reclaimed or displaced
_PEOPLE = 16
_REMEMBERED = 30  # reservations that all of them share, so that several change one at a time
_FIRST = ("place", "confirm")  # what most of the others need to have been done
_CARTS = ("cart-1", "cart-2", "cart-3")

Heard = tuple[str, int, str | None]  # verb, status, code


class Chaos:
    """What they do, and what they heard. All have one account: then anybody may change any reservation."""

    def __init__(self, staff: Client) -> None:
        self.heard: Counter[Heard] = Counter()
        self._staff = staff
        self._reservations: deque[str] = deque(maxlen=_REMEMBERED)
        self._verbs: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
            "place": self._place,
            "confirm": lambda: staff.confirm(self._any_reservation()),
            "cancel": lambda: staff.cancel(self._any_reservation()),
            "extend": lambda: staff.extend(self._any_reservation(), random.randint(1, 600)),
            "replace": lambda: staff.replace_lines(self._any_reservation(), *_basket()),
            "put cart": lambda: staff.put_cart(random.choice(_CARTS), *_basket(), ttl_seconds=random.choice((1, 600))),
            "fulfil": lambda: staff.fulfil(self._any_reservation()),
            "adjust": self._adjust,
            "count": self._count,
            "transfer": self._transfer,
        }

    async def open(self, staff: Client) -> None:
        """By somebody of the same account, who may be nearer."""
        for sku in SKUS:
            for warehouse in WAREHOUSES:
                await staff.stock(sku, warehouse, OPENING)
        for _ in range(_REMEMBERED):
            self._reservations.append((await staff.place(*_basket())).json()["id"])
        for confirmed in list(self._reservations)[::2]:
            await staff.confirm(confirmed)

    async def rage(self, *, seconds: float, seconds_max: float) -> None:
        """For so long; then one of them goes on alone, in nobody's way, with what nobody has done yet."""
        started = monotonic()

        def goes_on(*, is_last: bool) -> bool:
            passed = monotonic() - started
            return passed < seconds or (is_last and passed < seconds_max and self.done != self.verbs)

        async def somebody(*, is_last: bool = False) -> None:
            while goes_on(is_last=is_last):
                verb = random.choice([*_FIRST, *self.verbs] if monotonic() - started < seconds else [*_FIRST, *(self.verbs - self.done)])
                answer = await self._verbs[verb]()
                self.heard[verb, answer.status_code, answer.json().get("code")] += 1

        await together(somebody(is_last=True), *(somebody() for _ in range(_PEOPLE - 1)))

    @property
    def done(self) -> set[str]:
        """The verbs that succeeded at least once."""
        return {verb for verb, status, _ in self.heard if status < httpx.codes.BAD_REQUEST}

    @property
    def verbs(self) -> set[str]:
        return set(self._verbs)

    def _any_reservation(self) -> str:
        return random.choice(self._reservations)

    async def _place(self) -> httpx.Response:
        answer = await self._staff.place(*_basket(), ttl_seconds=random.choice((1, 600)))
        if answer.is_success:
            self._reservations.append(answer.json()["id"])
        return answer

    async def _adjust(self) -> httpx.Response:
        deltas = _some(lambda sku: {"sku": sku, "warehouse": random.choice(WAREHOUSES), "delta": random.choice((-2, -1, 1, 3))})
        return await self._staff.adjust_many(*deltas, on_error="reject_failed")

    async def _transfer(self) -> httpx.Response:
        source, target = random.sample(WAREHOUSES, k=2)
        return await self._staff.transfer(source, target, *_some(lambda sku: line(sku, random.randint(1, 3))))

    async def _count(self) -> httpx.Response:
        """Somewhere a few are missing: whoever came last gives way."""
        warehouse = random.choice(WAREHOUSES)
        answer = await self._staff.levels(warehouse=warehouse)
        if not answer.is_success:
            return answer
        levels = answer.json()["items"]
        found = [
            counted(one["sku"], max(one["on_hand"] + random.randint(-4, 4), 0), one["on_hand"], warehouse)
            for one in random.sample(levels, k=random.randint(1, len(levels)))
        ]
        return await self._staff.count(*found, on_shortage="displace")


def _basket() -> list[Json]:
    return _some(lambda sku: line(sku, random.randint(1, 3), random.choice((None, *WAREHOUSES))))


def _some(make: Callable[[str], Json]) -> list[Json]:
    """Of some of the skus, in any order."""
    return [make(sku) for sku in random.sample(SKUS, k=random.randint(2, len(SKUS)))]
