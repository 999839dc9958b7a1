"""Without these, somebody writes a cursor of their own and reads a list that they were not given."""

import base64
from uuid import UUID

import pytest

from services.runtime.paging import CURSOR_LENGTH_MAX, BadCursor, Cursors, Position
from tests.support.settings import Where, settings

HERE = Where(database_url="postgresql://nobody@127.0.0.1:1/none")
LIST = "/v1/products?category=tees"


@pytest.fixture
def cursors() -> Cursors:
    return Cursors(settings(HERE))


@pytest.mark.parametrize("position", [Position(("TEE", 7)), Position(("ü\n",), is_forward=False), Position(())])
def test_a_cursor_comes_back_as_the_position_it_was_made_of(cursors: Cursors, position: Position) -> None:
    assert cursors.decode(cursors.encode(position, of_list=LIST), of_list=LIST) == position


@pytest.mark.parametrize("length", range(1, 201))
def test_a_cursor_holds_a_sku_of_any_length_and_fits_into_a_query(cursors: Cursors, length: int) -> None:
    position = Position(("\U0001f9e6" * length,))
    cursor = cursors.encode(position, of_list=LIST)

    assert len(cursor) <= CURSOR_LENGTH_MAX
    assert cursors.decode(cursor, of_list=LIST) == position


def test_an_id_in_a_cursor_comes_back_as_text(cursors: Cursors) -> None:
    position = Position((UUID(int=7),))

    assert cursors.decode(cursors.encode(position, of_list=LIST), of_list=LIST) == Position((str(UUID(int=7)),))


def test_a_cursor_is_plain_ascii(cursors: Cursors) -> None:
    cursor = cursors.encode(Position(("ü?&=/+",)), of_list=LIST)

    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_cursor_of_another_list_is_refused(cursors: Cursors) -> None:
    cursor = cursors.encode(Position(("TEE",)), of_list=LIST)

    with pytest.raises(BadCursor):
        cursors.decode(cursor, of_list="/v1/products?category=mugs")


def test_a_cursor_that_was_touched_is_refused(cursors: Cursors) -> None:
    raw = base64.urlsafe_b64decode(cursors.encode(Position(("TEE",)), of_list=LIST) + "==")

    for place in range(len(raw)):
        touched = bytes(byte ^ (place == at) for at, byte in enumerate(raw))
        with pytest.raises(BadCursor):
            cursors.decode(base64.urlsafe_b64encode(touched).decode().rstrip("="), of_list=LIST)


def test_a_cursor_of_another_installation_is_refused(cursors: Cursors) -> None:
    others = Cursors(settings(HERE, token_secret="another secret, of 32 characters or more"))

    with pytest.raises(BadCursor):
        cursors.decode(others.encode(Position(("TEE",)), of_list=LIST), of_list=LIST)


@pytest.mark.parametrize("cursor", ["", "=", "A", "é", "A" * 10_000, "\0", "AA AA"])
def test_what_is_no_cursor_is_refused(cursors: Cursors, cursor: str) -> None:
    with pytest.raises(BadCursor):
        cursors.decode(cursor, of_list=LIST)
