"""What the scenes are played on, and what each of them tells afterwards."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.load.lab import ground
from tests.load.lab.mix import Shop
from tests.load.lab.results import Mark, Second
from tests.load.lab.stacks import Replica, Stack


@dataclass(frozen=True, slots=True)
class Stage:
    """A stack with goods and customers. No API of it runs: each scene starts its own."""

    stack: Stack

    async def shop(self, replica: Replica) -> Shop:
        """What can be asked of this API, by people who have just signed in."""
        return Shop(await ground.tokens(self.stack), await ground.pages(replica.api.url))


@dataclass(frozen=True, slots=True)
class Played:
    """What was seen."""

    timeline: Sequence[Second]
    figures: Mapping[str, float]
    acknowledged: int  # orders that were answered with 201
    marks: Sequence[Mark] = ()


@dataclass(slots=True)
class Clock:
    """The seconds of one scene."""

    began: float  # by time.monotonic()
    marks: list[Mark] = field(default_factory=list)

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    async def until(self, at_s: float) -> None:
        await asyncio.sleep(at_s - self.now)

    def mark(self, text: str) -> None:
        """Note that this was done now."""
        self.marks.append(Mark(round(self.now, 1), text))
