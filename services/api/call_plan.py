"""How the function of a route is called, found out once.

FastAPI finds it out at each request, parameter by parameter: for a list and its dozen filters that takes longer than the database
takes for fifty rows. A request in which a plan finds fault is left to FastAPI, whose words its sender gets; a query that says what
FastAPI would not mind is refused by both in the same words (routing.py).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from operator import attrgetter
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi._compat import ModelField, field_annotation_is_sequence
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant, _is_coroutine_callable
from fastapi.dependencies.utils import _get_param_aliases, _get_param_model, _is_json_field
from fastapi.exceptions import ResponseValidationError
from fastapi.params import Form
from fastapi.routing import RouteContext
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.messages import replaying, whole_body
from services.api.routing import KnownQuery, StrictRequest

_JSON = {"application/json", "application/merge-patch+json"}  # as almost everybody writes them
_UNCHANGING = (type(None), str, int, float, Enum)
_path, _query, _headers = attrgetter("path_params"), attrgetter("query_params"), attrgetter("headers")


class NoPlan(Exception):
    """For something that only FastAPI knows how to do."""


class Faulty(Exception):
    """A request to which FastAPI may have something to say."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    """Of the path, the query or the headers."""

    name: str
    alias: str
    field: ModelField
    source: Callable[[Request], Any]
    is_list: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """A call of one function."""

    call: Callable[..., Any]
    parameters: Sequence[_Parameter]
    defaults: Mapping[str, object]  # of those that have one
    body: str | None  # the names under which it takes these
    request: str | None
    response: str | None
    results: Mapping[str, int]  # of earlier steps

    def read(self, request: Request) -> dict[str, Any]:
        """What it takes from the path, the query and the headers. Raises Faulty."""
        values = dict(self.defaults)
        for parameter in self.parameters:
            given = parameter.source(request)
            if parameter.alias in given:
                value = given.getlist(parameter.alias) if parameter.is_list else given[parameter.alias]
                values[parameter.name] = _checked(parameter.field, value)
            elif parameter.name not in values:
                raise Faulty(parameter.name)
        return values


class CallPlan:
    """Of one route. Raises NoPlan."""

    def __init__(self, route: RouteContext) -> None:
        if not _is_plain(route):
            raise NoPlan(route)
        self._route = route
        self._known = KnownQuery(route.dependant)
        self._steps: list[_Step] = []
        self._step_of: dict[Callable[..., Any], int] = {}
        self._add(route.dependant)

    @property
    def takes_body(self) -> bool:
        return self._route.body_field is not None

    async def answer(self, request: StrictRequest) -> Response:
        """Raises what the route raises, and, before anything has been called, RequestValidationError of the query and Faulty."""
        if request.scope["query_string"]:
            self._known.check(request)
        field = self._route.body_field
        body = await _read_body(request, field) if field is not None else None
        calls = [step.read(request) for step in self._steps]
        response = Response(status_code=self._route.status_code or HTTPStatus.OK)
        results: list[Any] = []
        for step, values in zip(self._steps, calls, strict=True):
            values |= {name: results[number] for name, number in step.results.items()}
            values |= {name: value for name, value in ((step.body, body), (step.request, request), (step.response, response)) if name}
            results.append(await step.call(**values))
        made = results[-1]
        return made if isinstance(made, Response) else self._write(made, response)

    def _write(self, made: object, response: Response) -> Response:
        """The response, whose headers and status the route may have chosen."""
        field = self._route.response_field
        if field is None:
            raise TypeError(type(made))  # a route that says it makes its own has made none
        checked, faults = field.validate(made, loc=("response",))
        if faults:
            raise ResponseValidationError(faults, body=made)
        written = Response(field.serialize_json(checked), response.status_code, media_type="application/json")
        written.raw_headers += [header for header in response.raw_headers if header[0] != b"content-length"]
        return written

    def _add(self, part: Dependant) -> int:
        """The number of its step, which comes after those of what it depends on."""
        call = part.call
        if call is None or not _is_coroutine_callable(call) or not part.use_cache or _takes_more(part):
            raise NoPlan(call)
        if call not in self._step_of:
            below = [(dependency.name, self._add(dependency)) for dependency in part.dependencies]
            results = {name: number for name, number in below if name is not None}
            body = next((field.name for field in part.body_params), None)
            parameters = _parameters(part)
            defaults = {known.name: known.field.default for known in parameters if not known.field.field_info.is_required()}
            self._steps.append(_Step(call, parameters, defaults, body, part.request_param_name, part.response_param_name, results))
            self._step_of[call] = len(self._steps) - 1
        return self._step_of[call]


class CalledByPlan:
    """A route, as an app. What its plan does not take is left to the app that FastAPI has made of it."""

    def __init__(self, plan: CallPlan, app: ASGIApp) -> None:
        self._plan = plan
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, answer = StrictRequest(scope, receive), None
        if not scope["app"].dependency_overrides:
            with suppress(Faulty):
                answer = await self._plan.answer(request)
        if answer is not None:
            await answer(scope, receive, send)
        elif self._plan.takes_body:
            await self._app(scope, replaying(whole_body(await request.body()), receive), send)
        else:
            await self._app(scope, receive, send)


async def _read_body(request: Request, field: ModelField) -> object:
    if not await request.body():
        return _default(field)
    if request.headers.get("content-type") not in _JSON:
        raise Faulty
    try:
        return _checked(field, await request.json())
    except (ValueError, RecursionError) as error:
        raise Faulty from error


def _default(field: ModelField) -> object:
    if field.field_info.is_required():
        raise Faulty(field.name)
    return field.default


def _checked(field: ModelField, value: object) -> object:
    checked, faults = field.validate(value, loc=())
    if faults:
        raise Faulty(field.name)
    return checked


def _is_plain(route: RouteContext) -> bool:
    """Whether its answer is a response of its own, or a model in JSON as FastAPI writes it if nothing else is said."""
    written = ("include", "exclude", "exclude_unset", "exclude_defaults", "exclude_none")
    is_as_usual = (
        isinstance(route.response_class, DefaultPlaceholder)
        and not any(getattr(route, f"response_model_{name}") for name in written)
        and route.response_model_by_alias
        and not route.stream_item_field
        and not route._embed_body_fields  # noqa: SLF001  # there is no other way to know
    )
    makes_response = get_type_hints(route.endpoint).get("return") is Response
    return is_as_usual and (makes_response or (route.response_field is not None and route.status_code != HTTPStatus.NO_CONTENT))


def _parameters(part: Dependant) -> Sequence[_Parameter]:
    placed: Sequence[tuple[Callable[[Request], Any], Sequence[ModelField]]] = (
        (_path, part.path_params),
        (_query, part.query_params),
        (_headers, part.header_params),
    )
    return [_parameter(field, source) for source, fields in placed for field in fields]


def _parameter(field: ModelField, source: Callable[[Request], Any]) -> _Parameter:
    has_one_name = _get_param_aliases(field) == [(field.alias, field.alias)]
    if not has_one_name or _get_param_model(field) is not None or _is_json_field(field) or not _has_plain_default(field):
        raise NoPlan(field.name)
    return _Parameter(field.name, field.alias, field, source, field_annotation_is_sequence(field.field_info.annotation))


def _has_plain_default(field: ModelField) -> bool:
    """One that nobody can change and nobody checks, or none."""
    known = field.field_info
    is_plain = known.default_factory is None and not known.validate_default and isinstance(known.get_default(), _UNCHANGING)
    return known.is_required() or is_plain


def _takes_more(part: Dependant) -> bool:
    """Than what a plan can give it."""
    are_bodies_plain = all(not isinstance(field.field_info, Form) and _has_plain_default(field) for field in part.body_params)
    named = (part.http_connection_param_name, part.background_tasks_param_name, part.security_scopes_param_name)
    return bool(not are_bodies_plain or len(part.body_params) > 1 or part.cookie_params or any(named) or part.concurrency)
