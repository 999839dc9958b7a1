"""What a plan sends, and when."""

import random
import uuid
from collections.abc import Iterator
from itertools import count, cycle

from tests.load.lab.arrivals import Ask, Plan


def rendered(plan: Plan, kinds: tuple[str, ...]) -> Iterator[tuple[int, bytes]]:
    """The bytes of one request after another, with the number of its kind."""
    mine, numbers = uuid.uuid4().hex.encode(), count()

    def render(ask: Ask) -> bytes:
        return ask.head if ask.tail is None else b"%b%b-%d%b" % (ask.head, mine, next(numbers), ask.tail)

    numbered = [(kinds.index(ask.kind), ask) for ask in plan.asks]
    return ((kind, render(ask)) for kind, ask in cycle(numbered))


def instants(plan: Plan) -> Iterator[float]:
    """When each is due, in seconds since the beginning."""
    if not plan.is_poisson:
        return (number / plan.rps for number in count())
    return _poisson(random.Random(plan.seed), plan.rps)


def _poisson(dice: random.Random, rps: float) -> Iterator[float]:
    due = 0.0
    while True:
        due += dice.expovariate(rps)
        yield due
