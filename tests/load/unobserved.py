"""The API with nobody watching: no counts, no lines, no ports for scrapers. Only to compare with, and never shipped."""

from typing import Any

import uvicorn
from fastapi import FastAPI

from services.api import fast_path, main, middleware
from services.api.counts import Counts
from services.runtime.trips import Trips

_NOBODYS = Trips()


def _do_nothing(*_: Any, **__: Any) -> None:
    """In the place of whatever counts or logs."""


def serve() -> FastAPI:
    fast_path.log_request = middleware.log_request = _do_nothing  # type: ignore[attr-defined]  # imported there, not exported
    fast_path.count_trips = middleware.count_trips = lambda: _NOBODYS  # type: ignore[attr-defined]
    Counts.ended = _do_nothing  # type: ignore[method-assign]
    return main.serve()


def run() -> None:
    """As `python -m services.api` does, with other workers."""
    as_shipped = uvicorn.run
    uvicorn.run = lambda _, **options: as_shipped("tests.load.unobserved:serve", **options)
    main.main()


if __name__ == "__main__":
    run()
