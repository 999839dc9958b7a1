"""How fast the shop is: one pace for everybody in it, which rises and falls like a day in five minutes."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

DAY_SECONDS = 300  # a dashboard of a quarter of an hour shows three of them
SWING = 1 / 3  # of the mean: 30 a second are 20 at night and 40 in the evening


def rate_at(seconds: float, *, mean: float) -> float:
    """Requests a second at this moment of the run; it begins in the morning, at the mean."""
    return mean * (1 + SWING * math.sin(2 * math.pi * seconds / DAY_SECONDS))


class Pace:
    """Turns, handed out at the rate of the hour. What was missed is not made up for: after a silence there is no rush."""

    def __init__(
        self, mean: float, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._mean = mean
        self._clock = clock
        self._sleep = sleep
        self._began = self._next = clock()

    async def turn(self) -> None:
        """Returns when it is the caller's turn to send one request."""
        now = self._clock()
        mine = max(now, self._next)
        self._next = mine + 1 / rate_at(mine - self._began, mean=self._mean)
        await self._sleep(mine - now)

    async def pause(self, seconds: float) -> None:
        """For one who has to wait longer; the others go on."""
        await self._sleep(seconds)
