"""A route that refuses what it does not know, instead of ignoring it.

The framework ignores query parameters that nobody declared, and takes the last of two parameters or members with one name. A
client whose filter is misspelt would get everything; one whose proxy reads the first would be understood in two ways.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi._compat import field_annotation_is_sequence
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError


class NamedByCaller:
    """A dependency: the query parameters that begin with the prefix, by what follows it, which the caller chooses."""

    def __init__(self, prefix: str, adapter: TypeAdapter[dict[str, str]]) -> None:
        self.prefix = prefix
        self._adapter = adapter

    async def __call__(self, request: Request) -> Mapping[str, str]:
        given = [(name, value) for name, value in request.query_params.multi_items() if name.startswith(self.prefix)]
        try:
            return self._adapter.validate_python({name.removeprefix(self.prefix): value for name, value in given})
        except ValidationError as error:
            faults = [
                {"type": fault["type"], "loc": ("query", f"{self.prefix}{fault['loc'][0]}"), "msg": fault["msg"]}
                for fault in error.errors()
            ]
            raise RequestValidationError(faults) from error


class KnownQuery:
    """The query parameters that a route has."""

    def __init__(self, dependant: Dependant) -> None:
        parameters = [parameter for parameter in get_flat_params(dependant) if isinstance(parameter.field_info, Query)]
        self._names = {parameter.alias for parameter in parameters}
        self._lists = {parameter.alias for parameter in parameters if field_annotation_is_sequence(parameter.field_info.annotation)}
        self._prefixes = tuple(part.call.prefix for part in dependant.dependencies if isinstance(part.call, NamedByCaller))

    def check(self, request: Request) -> None:
        """Raises RequestValidationError for one that is not among them, and for one that is there twice and is no list."""
        given = request.query_params
        unknown = [name for name in given if name not in self._names and not name.startswith(self._prefixes)]
        if unknown:
            raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", name), "msg": ""} for name in unknown])
        if len(given.multi_items()) > len(given):
            self._refuse_repeated(Counter(name for name, _ in given.multi_items()))

    def _refuse_repeated(self, times: Mapping[str, int]) -> None:
        repeated = [name for name, count in times.items() if count > 1 and name not in self._lists]
        if repeated:
            raise RequestValidationError([{"type": "repeated", "loc": ("query", name), "msg": "may be given once"} for name in repeated])


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # theirs says Coroutine
        handle = super().get_route_handler()
        known = KnownQuery(self.dependant)

        async def strict(request: Request) -> Response:
            asked = StrictRequest(request.scope, request.receive)
            known.check(asked)
            return await handle(asked)

        return strict


class StrictRequest(Request):
    async def json(self) -> Any:
        body = json.loads(await self.body(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
        # The framework takes null for no body at all, which some routes allow. It is refused as any other scalar is.
        return False if body is None else body


def _without_duplicates(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    if len(unique) < len(members):
        raise json.JSONDecodeError("a member is named twice", "", 0)
    return unique


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not JSON", "", 0)
