"""Without these, two people see one sku and mean two, or an id is taken for a name."""

from uuid import UUID

import pytest

from services.inventory.catalog.model import as_id, normalise_code

AN_ID = "0197a3f0-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "code", ["A", "tee-M", "x" * 200, "Größe 42/ü", "👕", "50%", "...", ".a", AN_ID.replace("-", ""), "{" + AN_ID + "}"]
)
def test_a_code_that_people_can_read_stays_as_it_is(code: str) -> None:
    assert normalise_code(code) == code


def test_two_spellings_of_one_letter_are_one_code() -> None:
    assert normalise_code("e\u0301") == normalise_code("\u00e9") == "\u00e9"


def test_length_is_counted_after_composing() -> None:
    assert len(normalise_code("e\u0301" * 200)) == 200


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("", "must have 1 to 200 characters"),
        ("x" * 201, "must have 1 to 200 characters"),
        (" TEE", "no blanks around it"),
        ("TEE\u00a0", "no blanks around it"),
        ("a\nb", "no control characters"),
        ("a\0b", "no control characters"),
        ("a\x7fb", "no control characters"),
        ("\ud800", "no control characters"),
        (".", "must not be '.', '..' or a UUID"),
        ("..", "must not be '.', '..' or a UUID"),
        (AN_ID, "must not be '.', '..' or a UUID"),
        (AN_ID.upper(), "must not be '.', '..' or a UUID"),
    ],
)
def test_a_code_that_cannot_be_typed_seen_or_told_from_an_id_is_none(code: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        normalise_code(code)


@pytest.mark.parametrize(
    ("text", "found"), [(AN_ID, UUID(AN_ID)), (AN_ID.upper(), UUID(AN_ID)), (AN_ID.replace("-", ""), None), ("x" * 36, None), ("", None)]
)
def test_only_the_usual_form_is_an_id(text: str, found: UUID | None) -> None:
    assert as_id(text) == found
