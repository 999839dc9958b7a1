"""Without these, a reservation makes a move that the rules do not know."""

from services.inventory.reservations.model import LEADS_TO, LEGAL_FROM, Line, State, Transition
from services.inventory.stock.model import ItemId
from services.runtime.ids import new_id


def test_a_reservation_moves_only_as_the_table_says() -> None:
    legal = {(state, transition) for transition in Transition for state in LEGAL_FROM[transition]}

    of_a_hold = {Transition.CONFIRM, Transition.CANCEL, Transition.EXTEND, Transition.REPLACE_LINES}
    of_a_promise = {Transition.CANCEL, Transition.FULFIL}
    assert legal == {(State.HELD, move) for move in of_a_hold} | {(State.CONFIRMED, move) for move in of_a_promise}
    assert LEADS_TO == {
        Transition.CONFIRM: State.CONFIRMED,
        Transition.CANCEL: State.CANCELLED,
        Transition.FULFIL: State.FULFILLED,
    }


def test_what_has_ended_never_changes() -> None:
    for ended in (State.FULFILLED, State.CANCELLED, State.EXPIRED):
        assert not any(ended in LEGAL_FROM[transition] for transition in Transition)


def test_open_units_are_those_neither_shipped_nor_given_back() -> None:
    assert Line(ItemId(new_id()), "TEE", "AMS", quantity=7, fulfilled=2, released=1).open == 4
