"""Without these, a history that no shop could have lived through is taken for proof."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.history import Deed, Found, unexplained

_ON_HAND = 3
_HELD_UNTIL = 600.0
_PLACED = Deed("place", "a", "MUG", 2, started=1, ended=2, version=1, state="held", expires_at=_HELD_UNTIL)
_REFUSED = Deed("place", "", "MUG", 2, started=3, ended=4, code="insufficient_stock")
_CONFIRMED = Deed("confirm", "a", "MUG", 2, started=5, ended=6, version=2, state="confirmed", expires_at=_HELD_UNTIL)
_TOO_LATE = Deed("extend", "a", "MUG", 2, started=7, ended=8, code="illegal_transition")
_CANCELLED = Deed("cancel", "a", "MUG", 2, started=9, ended=10, version=3, state="cancelled", expires_at=_HELD_UNTIL)
_PLACED_AGAIN = Deed("place", "b", "MUG", 3, started=11, ended=12, version=1, state="held", expires_at=_HELD_UNTIL)
_REAL = [_PLACED, _REFUSED, _CONFIRMED, _TOO_LATE, _CANCELLED, _PLACED_AGAIN]
_ENDS = [Found("a", "cancelled", 3), Found("b", "held", 1)]

_IMPOSSIBLE: dict[str, tuple[Sequence[Deed], Sequence[Found]]] = {
    "an order that is not there": (_REAL, _ENDS[:1]),
    "an order that nobody placed": (_REAL, [*_ENDS, Found("c", "held", 1)]),
    "a change that nobody was told of": ([_PLACED, _REFUSED, _CANCELLED, _PLACED_AGAIN], _ENDS),
    "a change that is gone": (_REAL, [Found("a", "confirmed", 2), _ENDS[1]]),
    "a confirmation after the cancellation": ([*_REAL, replace(_CONFIRMED, started=13, ended=14)], _ENDS),
    "two extensions that are one": (
        [_PLACED, *(Deed("extend", "a", "MUG", 2, 3, 4, version=2, state="held", expires_at=_HELD_UNTIL) for _ in range(2))],
        [Found("a", "held", 2)],
    ),
    "more promised than there is": ([_PLACED, replace(_PLACED_AGAIN, units=2)], [Found("a", "held", 1), Found("b", "held", 1)]),
    "refused though there was enough": ([replace(_REFUSED, started=20, ended=21), *_REAL[:1], *_REAL[2:5]], _ENDS[:1]),
    "over before its time": ([*_REAL[:1], replace(_TOO_LATE, code="reservation_expired")], [Found("a", "expired", 2)]),
    "revived": (
        [_PLACED, replace(_TOO_LATE, code="reservation_expired", started=601, ended=603), replace(_CONFIRMED, started=604, ended=605)],
        [Found("a", "confirmed", 2)],
    ),
    "refused for no reason": ([_PLACED, replace(_TOO_LATE, started=3, ended=4)], [Found("a", "held", 1)]),
}


def test_what_one_shop_could_have_said_is_explained() -> None:
    assert list(unexplained(_REAL, _ENDS, _ON_HAND)) == []


@pytest.mark.parametrize("history", _IMPOSSIBLE)
def test_what_no_shop_could_have_said_is_found(history: str) -> None:
    deeds, ends = _IMPOSSIBLE[history]

    assert list(unexplained(deeds, ends, _ON_HAND)) != []
