"""What one Celery child holds: an event loop with the resources that live on it, and a mailer; all opened after the fork."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.metrics import export
from services.runtime.resources import Resources, open_resources
from services.runtime.settings import Settings
from services.worker.mailer import Mailer
from services.worker.metrics import Deliveries, of_child

P = ParamSpec("P")
T = TypeVar("T")


class Child:
    """Open it once in each child and close it when that ends. Celery has no asyncio; this is the bridge."""

    def __init__(self, settings: Settings) -> None:
        self._loop = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.resources: Resources = self._loop.run(self._stack.enter_async_context(open_resources(settings, application="holdfast-worker")))
        self.mailer = Mailer(settings)
        self.deliveries = Deliveries()

    def transact(self, command: Callable[Concatenate[AsyncConnection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """`Database.transact`, for a caller that is not async."""
        return self._loop.run(self.resources.database.transact(command, *args, **kwargs))

    def close(self) -> None:
        self.mailer.close()
        self._loop.run(self._stack.aclose())
        self._loop.close()


_open: list[Child] = []


def open_child(settings: Settings) -> None:
    here = Child(settings)
    _open.append(here)
    export(settings, "worker", lambda: of_child(here.deliveries, here.mailer, here.resources.database))


def child() -> Child:
    """The one of this process."""
    return _open[0]


def close_child() -> None:
    while _open:
        _open.pop().close()
