"""Without these, one dead server holds everybody who asks it, or is never asked again."""

import pytest

from services.runtime.circuit import JITTER, Circuit


class Clock:
    now = 100.0
    chance = 0.5  # neither early nor late


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(failures_max=3, within_seconds=1, pause_seconds=10, clock=lambda: clock.now, chance=lambda: clock.chance)


def _fail(circuit: Circuit, times: int) -> None:
    for _ in range(times):
        assert circuit.allows()
        circuit.failed()


def test_as_many_failures_as_it_takes_open_it(circuit: Circuit) -> None:
    _fail(circuit, 2)
    assert circuit.allows()
    circuit.failed()

    assert not circuit.allows()
    assert circuit.is_open
    assert (circuit.opened, circuit.refused) == (1, 1)


def test_failures_that_are_far_apart_do_not(circuit: Circuit, clock: Clock) -> None:
    for _ in range(10):
        _fail(circuit, 1)
        clock.now += 0.6

    assert circuit.allows()
    assert circuit.opened == 0


def test_failures_with_a_success_between_them_do_not(circuit: Circuit) -> None:
    for _ in range(5):
        _fail(circuit, 2)
        circuit.succeeded()

    assert circuit.allows()


def test_after_a_pause_one_call_goes_through_and_no_other(circuit: Circuit, clock: Clock) -> None:
    _fail(circuit, 3)
    clock.now += 9.9
    assert not circuit.allows()
    clock.now += 0.2

    assert [circuit.allows() for _ in range(3)] == [True, False, False]


def test_a_probe_that_succeeds_closes_it_and_forgets(circuit: Circuit, clock: Clock) -> None:
    _fail(circuit, 3)
    clock.now += 11
    assert circuit.allows()
    circuit.succeeded()

    _fail(circuit, 2)
    assert circuit.allows()
    assert circuit.opened == 1


def test_a_probe_that_fails_begins_another_pause(circuit: Circuit, clock: Clock) -> None:
    _fail(circuit, 3)
    clock.now += 11
    assert circuit.allows()
    clock.now += 5
    circuit.failed()

    clock.now += 9
    assert not circuit.allows()
    clock.now += 2
    assert circuit.allows()
    assert circuit.opened == 1


def test_a_probe_that_is_never_heard_of_again_is_followed_by_another(circuit: Circuit, clock: Clock) -> None:
    _fail(circuit, 3)
    for _ in range(3):
        clock.now += 11
        assert circuit.allows()


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 10 * (1 - JITTER)), (1.0, 10 * (1 + JITTER))])
def test_not_everybody_asks_again_at_the_same_time(circuit: Circuit, clock: Clock, *, chance: float, pause: float) -> None:
    clock.chance = chance
    _fail(circuit, 3)

    clock.now += pause - 0.01
    assert not circuit.allows()
    clock.now += 0.02
    assert circuit.allows()
