"""Where a value stands in a plot. Shares are in percent, from the left and from the top, as SVG counts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Place = Callable[[float], float]

_TICKS = 4  # more of them would touch one another on a phone
_STEPS = (1, 2, 5, 10)  # of a power of ten: what people count in


@dataclass(frozen=True, slots=True)
class Tick:
    share: float
    label: str


def steps_up_to(top: float) -> Sequence[float]:
    """Round numbers from 0 on, the last of which is no less than `top`."""
    least = max(top, 1) / _TICKS
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in _STEPS if factor * power >= least)
    return [number * step for number in range(math.ceil(max(top, 1) / step) + 1)]


def linear(top: float) -> Place:
    return lambda value: 100 - 100 * value / top


def decades_up_to(top: float) -> Sequence[float]:
    """1, 10, 100 and so on, the last of which is no less than `top`."""
    return [10.0**power for power in range(max(math.ceil(math.log10(max(top, 1))), 1) + 1)]


def logarithmic(top: float) -> Place:
    """From 1 at the bottom; what is less stands there too."""
    return lambda value: 100 - 100 * math.log10(max(value, 1)) / math.log10(top)
