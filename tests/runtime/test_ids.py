"""Without these, new rows scatter over an index, or an id can be guessed from its neighbour."""

import time

from services.runtime.ids import new_id


def test_an_id_is_a_uuid_of_version_7_and_tells_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before <= made.int >> 80 <= after


def test_ids_of_one_moment_differ_in_all_their_random_bits() -> None:
    ids = [new_id().int for _ in range(1_000)]
    never_one = ~0
    always_one = ~0
    for one in ids:
        never_one &= ~one
        always_one &= one

    random_bits = ((1 << 12) - 1) << 64 | ((1 << 62) - 1)
    assert len(set(ids)) == 1_000
    assert never_one & random_bits == 0
    assert always_one & random_bits == 0
