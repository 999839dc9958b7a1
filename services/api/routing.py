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


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # theirs says Coroutine
        handle = super().get_route_handler()
        parameters = [parameter for parameter in get_flat_params(self.dependant) if isinstance(parameter.field_info, Query)]
        known = {parameter.alias for parameter in parameters}
        lists = {parameter.alias for parameter in parameters if field_annotation_is_sequence(parameter.field_info.annotation)}
        prefixes = tuple(dependency.call.prefix for dependency in self.dependant.dependencies if isinstance(dependency.call, NamedByCaller))

        async def strict(request: Request) -> Response:
            asked = _StrictRequest(request.scope, request.receive)
            if request.scope["query_string"]:
                _refuse_unknown(asked, known, prefixes)
                _refuse_repeated(asked, lists)
            return await handle(asked)

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        body = json.loads(await self.body(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
        # The framework takes null for no body at all, which some routes allow. It is refused as any other scalar is.
        return False if body is None else body


def _refuse_repeated(request: Request, lists: set[str]) -> None:
    times = Counter(name for name, _ in request.query_params.multi_items())
    repeated = [name for name, count in times.items() if count > 1 and name not in lists]
    if repeated:
        raise RequestValidationError([{"type": "repeated", "loc": ("query", name), "msg": "may be given once"} for name in repeated])


def _refuse_unknown(request: Request, known: set[str], prefixes: tuple[str, ...]) -> None:
    unknown = [name for name in request.query_params if name not in known and not name.startswith(prefixes)]
    if unknown:
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", name), "msg": ""} for name in unknown])


def _without_duplicates(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    if len(unique) < len(members):
        raise json.JSONDecodeError("a member is named twice", "", 0)
    return unique


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not JSON", "", 0)
