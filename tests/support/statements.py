"""What this process says to the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that our own code runs meanwhile, as it is run."""
    said: list[str] = []

    def note(*details: object) -> None:
        said.append(str(details[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", note)
