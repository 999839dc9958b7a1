"""Stop asking a server that does not answer, and find out soon when it does again."""

import random
from collections import deque
from collections.abc import Callable
from time import monotonic

JITTER = 0.25  # of the pause, either way: processes that lost a server together must not come back to it together


class Circuit:
    """Open after so many failures within so many seconds; then, after each pause, one call goes through to see.

    A success closes it and forgets the failures. Ask `allows` before each call and say afterwards what became of it; a probe
    that never says so is followed by another after a pause. For one thread or one event loop.
    """

    def __init__(
        self,
        *,
        failures_max: int,
        within_seconds: float,
        pause_seconds: float,
        clock: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.opened = 0  # how often
        self.refused = 0  # calls that did not go through
        self._within_seconds = within_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._chance = chance
        self._failures: deque[float] = deque(maxlen=failures_max)
        self._probe_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self._probe_at is not None

    def allows(self) -> bool:
        """Whether this call may go through. If the circuit is open, it is the only one for a pause."""
        if self._probe_at is None:
            return True
        if self._clock() < self._probe_at:
            self.refused += 1
            return False
        self._pause()
        return True

    def succeeded(self) -> None:
        self._failures.clear()
        self._probe_at = None

    def failed(self) -> None:
        if self._probe_at is not None:
            self._pause()
            return
        self._failures.append(self._clock())
        if len(self._failures) == self._failures.maxlen and self._failures[-1] - self._failures[0] <= self._within_seconds:
            self.opened += 1
            self._pause()

    def _pause(self) -> None:
        self._probe_at = self._clock() + self._pause_seconds * (1 + JITTER * (2 * self._chance() - 1))
