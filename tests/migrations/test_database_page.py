"""Without these, the page about the database describes the one of last year."""

import re

import pytest
from sqlalchemy import Column, MetaData, Table, Text

from deploy.local.bulk_rows import WAREHOUSES
from migrations.picture import PICTURE, draw
from migrations.schema import EVERYTHING
from tests.support.database import Database
from tests.support.sources import ROOT

PAGE = ROOT / "docs" / "database.md"
_SEEDED = re.compile(r"make seed SIZE=(\d+)")
_SEARCHED = re.compile(r"FROM products ORDER BY sku OFFSET (\d+)")
_ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)  # of a table whose first column is a name in code style
INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"


def section(title: str) -> str:
    return PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_picture_shows_the_tables_as_they_are() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(EVERYTHING), "make schema draws it anew"


def test_a_table_without_a_place_is_not_left_out() -> None:
    wider = MetaData()
    for table in EVERYTHING.tables.values():
        table.to_metadata(wider)
    Table("suppliers", wider, Column("name", Text))

    with pytest.raises(ValueError, match="suppliers"):
        draw(wider)


async def test_every_index_is_named_with_what_it_serves(database: Database) -> None:
    named = _ROW.findall(section("Which index serves which query"))

    assert sorted(named) == [name for (name,) in await database.rows(INDEXES)]


def test_the_product_whose_words_are_searched_for_is_one_that_the_seed_makes() -> None:
    walk = section("A list, from slow to fast")
    [size], [offset] = _SEEDED.findall(walk), _SEARCHED.findall(walk)

    assert int(offset) < int(size) // len(WAREHOUSES)
