"""How often one piece of work has asked the database and Redis: what it costs besides the processor."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Trips:
    """Round trips. Tasks that the work starts count here too."""

    database: int = 0
    redis: int = 0


_NOBODYS = Trips()  # of what runs by itself
_current: ContextVar[Trips] = ContextVar("trips", default=_NOBODYS)


def count_trips() -> Trips:
    """What the caller, and what it starts, asks from now on."""
    trips = Trips()
    _current.set(trips)
    return trips


def current_trips() -> Trips:
    return _current.get()
