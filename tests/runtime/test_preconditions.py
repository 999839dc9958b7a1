"""Without these, a change goes through that was meant for another version."""

import pytest

from services.runtime.preconditions import EtagMismatch, Precondition

OF_2 = Precondition(frozenset({1, 2}))
ANY = Precondition(is_any_version=True)
ABSENT = Precondition(must_be_absent=True)
NONE = Precondition()


@pytest.mark.parametrize(("precondition", "version"), [(OF_2, 2), (ANY, 7), (ABSENT, None)])
def test_what_holds_passes(precondition: Precondition, version: int | None) -> None:
    precondition.check(version)


@pytest.mark.parametrize(("precondition", "version"), [(OF_2, 3), (OF_2, None), (ANY, None), (ABSENT, 1), (NONE, 1), (NONE, None)])
def test_what_does_not_hold_is_refused(precondition: Precondition, version: int | None) -> None:
    with pytest.raises(EtagMismatch):
        precondition.check(version)
