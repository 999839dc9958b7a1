"""Without this, a dependency that is not `async` is called in a thread, which costs a request more than many an answer does."""

import inspect
from collections.abc import Iterator
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from services.api.main import create_app
from tests.support.settings import Where, settings


def called_in_threads(app: FastAPI) -> set[str]:
    """What FastAPI does not await, of all that its routes depend on, and of the endpoints."""
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    calls = {call for route in routes if isinstance(route, APIRoute) for call in _calls(route.dependant)}
    return {str(call) for call in calls if not _is_awaited(call)}


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


def _is_awaited(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)


def test_nothing_that_a_request_needs_is_made_in_a_thread() -> None:
    app = create_app(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none")))

    assert called_in_threads(app) == set()


def test_the_rule_can_be_broken() -> None:
    class Basket:
        pass

    app = FastAPI()

    @app.get("/")
    def read(basket: Basket = Depends()) -> None: ...  # noqa: B008

    assert len(called_in_threads(app)) == 2
