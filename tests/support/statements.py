"""What this process says to the database."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

_direct = logging.getLogger("sqlalchemy.engine.Engine.direct")


class _Noting(logging.Handler):
    """What the driver runs by itself."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that our own code runs meanwhile, as it is run."""
    said: list[str] = []

    def note(*details: object) -> None:
        said.append(str(details[2]))

    noting, level = _Noting(said), _direct.level
    event.listen(Engine, "before_cursor_execute", note)
    _direct.addHandler(noting)
    _direct.setLevel(logging.INFO)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        _direct.removeHandler(noting)
        _direct.setLevel(level)
